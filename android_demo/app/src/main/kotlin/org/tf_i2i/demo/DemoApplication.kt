package org.tf_i2i.demo

import android.app.Application
import android.content.Context
import android.content.pm.ApplicationInfo
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.StrictMode
import java.io.File
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import org.tf_i2i.demo.inference.ChoiceStore
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.inference.runtimeEngines
import org.tf_i2i.demo.live.Camera2FrameSource
import org.tf_i2i.demo.live.FrameSource
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
    val stylizer: Stylizer = Stylizer(
        Executors.newSingleThreadExecutor { Thread(it, "stylizer") },
        runtimeEngines(context),
        choices = choiceStore(context),
    ),
    val frames: () -> FrameSource = { Camera2FrameSource(context) },
) {
    val main: Executor = Handler(Looper.getMainLooper()).let { handler -> Executor { handler.post(it) } }
    val models = ModelStore(context)
    val photos = PhotoStore(context)
    val gallery = Gallery(context)
}

/** A new version of the app has another runtime, a new one of the system other drivers. */
fun choiceStore(context: Context): ChoiceStore {
    val version = context.packageManager.getPackageInfo(context.packageName, 0)
    return ChoiceStore(File(context.noBackupFilesDir, "processors"), "${version.lastUpdateTime} ${Build.FINGERPRINT}")
}

val Context.parts: Parts get() = (applicationContext as DemoApplication).parts
