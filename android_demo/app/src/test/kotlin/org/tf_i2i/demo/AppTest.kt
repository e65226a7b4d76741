package org.tf_i2i.demo

import android.Manifest
import android.app.Activity
import android.app.ActivityManager
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.os.Looper
import android.os.StrictMode
import android.view.View
import java.io.File
import java.time.Instant
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import org.junit.After
import org.junit.Before
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.GraphicsMode
import org.tf_i2i.demo.inference.EngineFactory
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.inference.TfLiteEngineFactory
import org.tf_i2i.demo.pixels.ArrayGrid

/** The real activities on the JVM, drawing with Android's own graphics and running networks with TensorFlow Lite. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
abstract class AppTest {
    @get:Rule
    val temporary = TemporaryFolder()

    protected val application get() = RuntimeEnvironment.getApplication() as DemoApplication
    /** Those that live view has opened. */
    protected val cameras = mutableListOf<FakeCamera>()
    private val executors = mutableListOf<ExecutorService>()
    private val controllers = mutableListOf<ActivityController<*>>()

    @Before
    fun startApp() {
        giveMemory(4L shl 30)
        useParts()
        StrictMode.setThreadPolicy(StrictMode.ThreadPolicy.Builder().detectAll().penaltyDeath().build())
    }

    @After
    fun endApp() {
        StrictMode.setThreadPolicy(StrictMode.ThreadPolicy.LAX)
        controllers.forEach { if (!it.get().isDestroyed) it.close() }
        executors.forEach {
            it.shutdown()
            check(it.awaitTermination(PATIENCE_MINUTES, TimeUnit.MINUTES)) { "background work goes on" }
        }
    }

    /** What the phone says that it has left. */
    protected fun giveMemory(bytes: Long) = shadowOf(application.getSystemService(ActivityManager::class.java))
        .setMemoryInfo(ActivityManager.MemoryInfo().apply { availMem = bytes })

    /** As after the process was killed, or with other engines. */
    protected fun useParts(
        engines: EngineFactory = TfLiteEngineFactory,
        accelerators: List<Processor.Accelerator> = emptyList(),
        nanoTime: () -> Long = ::wallClock,
        frames: () -> FakeCamera = ::FakeCamera,
    ) {
        val executor = Executors.newSingleThreadExecutor().also { executors += it }
        val choices = relaxed { choiceStore(application) }
        val stylizer = Stylizer(executor, engines, { accelerators }, threads = 2, nanoTime, choices)
        application.parts = Parts(application, stylizer, frames = { frames().also { cameras += it } })
    }

    protected fun allowCamera() = shadowOf(application).grantPermissions(Manifest.permission.CAMERA)

    protected fun <T : Activity> launch(type: Class<T>, intent: Intent? = null): ActivityController<T> =
        Robolectric.buildActivity(type, intent).also { controllers += it }

    /** The main screen with its styles read. */
    protected fun launchMain(intent: Intent? = null): ActivityController<MainActivity> =
        launch(MainActivity::class.java, intent).setup().also { controller -> waitUntil("styles") { controller.state.styles != null } }

    protected val ActivityController<MainActivity>.state get() = get().holder.state

    /** Lets the main thread work until [condition] holds. Patient: the machine may be busy with something else. */
    protected fun waitUntil(what: String, condition: () -> Boolean) {
        val deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(PATIENCE_MINUTES)
        while (true) {
            shadowOf(Looper.getMainLooper()).idle()
            if (condition()) return
            check(System.nanoTime() < deadline) { "waited in vain for $what" }
            Thread.sleep(5)
        }
    }

    protected fun waitForResult(controller: ActivityController<MainActivity>) =
        waitUntil("result") { controller.state.after != null && controller.state.work == null }

    protected fun resource(name: String): File {
        val file = File(temporary.root, name.substringAfterLast('/'))
        checkNotNull(javaClass.getResourceAsStream("/$name")) { name }.use { from -> file.outputStream().use { from.copyTo(it) } }
        return file
    }

    /** A JPEG with smooth colours. */
    protected fun jpeg(width: Int, height: Int, name: String = "photo.jpg"): File = relaxed {
        val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
        bitmap.setPixels(IntArray(width * height) { gradient(it % width, it / width, width, height) }, 0, width, 0, 0, width, height)
        File(temporary.root, name).apply { outputStream().use { bitmap.compress(Bitmap.CompressFormat.JPEG, 95, it) } }
    }

    /** What a test does itself may take its time. */
    protected fun <T> relaxed(action: () -> T): T {
        val strict = StrictMode.getThreadPolicy()
        StrictMode.setThreadPolicy(StrictMode.ThreadPolicy.LAX)
        try {
            return action()
        } finally {
            StrictMode.setThreadPolicy(strict)
        }
    }

    protected fun uri(file: File): Uri = Uri.fromFile(file)

    /** What the screen shows, as a picture; kept as a file where the tests were told a folder for them. */
    protected fun screenshot(activity: Activity, name: String): Bitmap = relaxed {
        shadowOf(Looper.getMainLooper()).idle()
        val view: View = activity.window.decorView
        val picture = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(picture))
        TestFiles.screenshots?.let { folder ->
            File(folder, "$name.png").outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
        }
        picture
    }

    /** Smooth colours, and a blue that tells the frame's number. */
    protected fun frame(width: Int, height: Int, number: Int) = ArrayGrid(
        width, height, IntArray(width * height) { gradient(it % width, it / width, width, height) + 4 * number },
    )

    /** Of the frame that the tests' network made this of. */
    protected fun number(bitmap: Bitmap) = Math.round((255 - 96 - (bitmap.getPixel(20, 20) and 0xFF)) / 4f)

    private fun gradient(x: Int, y: Int, width: Int, height: Int): Int {
        val red = 255 * x / width
        val green = 255 * y / height
        return (0xFF shl 24) or (red shl 16) or (green shl 8) or 96
    }

    private companion object {
        const val PATIENCE_MINUTES = 15L
    }
}

/** Mean absolute difference of the channels of two pictures of one size, in levels of 255. */
fun meanDifference(one: Bitmap, other: Bitmap): Double {
    check(one.width == other.width && one.height == other.height) { "${one.width}x${one.height}, ${other.width}x${other.height}" }
    val a = IntArray(one.width * one.height).also { one.getPixels(it, 0, one.width, 0, 0, one.width, one.height) }
    val b = IntArray(a.size).also { other.getPixels(it, 0, one.width, 0, 0, one.width, one.height) }
    val sum = a.indices.sumOf { i -> listOf(16, 8, 0).sumOf { Math.abs((a[i] shr it and 0xFF) - (b[i] shr it and 0xFF)) } }
    return sum / (3.0 * a.size)
}

/** The picture with inverted colours: what the tests' network does. */
fun inverted(bitmap: Bitmap): Bitmap {
    val pixels = IntArray(bitmap.width * bitmap.height).also { bitmap.getPixels(it, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height) }
    val result = Bitmap.createBitmap(bitmap.width, bitmap.height, Bitmap.Config.ARGB_8888)
    result.setPixels(IntArray(pixels.size) { pixels[it] xor 0xFFFFFF }, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    return result
}

/** The time that passes; System's clocks stand still under Robolectric. */
fun wallClock(): Long = Instant.now().let { TimeUnit.SECONDS.toNanos(it.epochSecond) + it.nano }
