package org.tf_i2i.demo

import android.app.Application
import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.Handler
import android.os.Looper
import android.os.StrictMode
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.model.ModelStore
import org.tf_i2i.demo.photo.Gallery
import org.tf_i2i.demo.photo.PhotoStore

class DemoApplication : Application() {
    /** Parts that all screens share; tests put in others. */
    lateinit var parts: Parts

    override fun onCreate() {
        super.onCreate()
        parts = Parts(this)
        if (applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0) watchMainThread()
    }

    override fun onTrimMemory(level: Int) {
        super.onTrimMemory(level)
        if (level >= TRIM_MEMORY_BACKGROUND) parts.stylizer.run { executor.execute(::release) }
    }

    private fun watchMainThread() {
        StrictMode.setThreadPolicy(StrictMode.ThreadPolicy.Builder().detectAll().penaltyLog().build())
        StrictMode.setVmPolicy(StrictMode.VmPolicy.Builder().detectActivityLeaks().detectLeakedClosableObjects().penaltyLog().build())
    }
}

/** What the screens are made of. One background thread does all work: a network may not run twice at once. */
class Parts(
    context: Context,
    val stylizer: Stylizer = Stylizer(Executors.newSingleThreadExecutor { Thread(it, "stylizer") }),
) {
    val main: Executor = Handler(Looper.getMainLooper()).let { handler -> Executor { handler.post(it) } }
    val models = ModelStore(context)
    val photos = PhotoStore(context)
    val gallery = Gallery(context)
}

val Context.parts: Parts get() = (applicationContext as DemoApplication).parts
