package org.tf_i2i.demo

import android.app.Activity
import android.os.Build
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher

/**
 * The back gesture while it means something else than to leave. Otherwise it is the system's, with its animation of what lies
 * behind: so it must be known beforehand whether it is caught.
 */
class BackCatcher(private val activity: Activity, private val onBack: () -> Unit) {
    private var callback: OnBackInvokedCallback? = null

    /** Before Android 13, [Activity.onBackPressed] asks. */
    var isCatching = false
        set(value) {
            field = value
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || value == (callback != null)) return
            val dispatcher = activity.onBackInvokedDispatcher
            if (value) {
                callback = OnBackInvokedCallback { onBack() }
                    .also { dispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, it) }
            } else {
                callback?.let(dispatcher::unregisterOnBackInvokedCallback)
                callback = null
            }
        }

    /** @return whether the gesture was caught. */
    fun backPressed(): Boolean = isCatching.also { if (it) onBack() }
}
