package org.tf_i2i.demo

import android.app.Activity
import android.os.Build
import android.view.View
import android.view.WindowInsets

/**
 * Lets the window reach under the system's bars and the camera's hole, and keeps [root]'s content out of them: what Android 15
 * does to each app that targets it, on earlier versions as well.
 *
 * @param scrolling what may be scrolled under the bar at the bottom.
 */
fun Activity.drawEdgeToEdge(root: View, scrolling: View? = null) {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return
    window.setDecorFitsSystemWindows(false)
    root.setOnApplyWindowInsetsListener { view, insets ->
        val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
        view.setPadding(bars.left, bars.top, bars.right, if (scrolling == null) bars.bottom else 0)
        scrolling?.setPadding(0, 0, 0, bars.bottom)
        WindowInsets.CONSUMED
    }
}
