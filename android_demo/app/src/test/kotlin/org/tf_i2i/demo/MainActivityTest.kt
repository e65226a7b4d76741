package org.tf_i2i.demo

import android.app.Activity
import android.content.ContentProvider
import android.content.ContentValues
import android.content.Intent
import android.database.Cursor
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ExifInterface
import android.net.Uri
import android.os.Bundle
import android.os.ParcelFileDescriptor
import android.provider.MediaStore
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.SeekBar
import android.widget.TextView
import java.io.File
import java.io.FileNotFoundException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.tf_i2i.demo.inference.Engine
import org.tf_i2i.demo.inference.EngineFactory
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.TfLiteEngineFactory
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.main.OutputSize
import org.tf_i2i.demo.model.ModelFile

class MainActivityTest : AppTest() {
    @Test
    fun `a real photo in a real model's style is what export_stylize makes of it`() {
        val model = TestFiles.model
        val photo = TestFiles.photo
        val expected = decoded(TestFiles.expected)
        // At half the working size: translated smaller, and brought back.
        val broad = decoded(TestFiles.expectedBroad)
        val main = launchMain()
        add(main, model)
        main.get().holder.openPhoto(uri(photo))
        waitForResult(main)
        val difference = meanDifference(checkNotNull(main.state.after), expected)
        println("mean difference to Python: $difference of 255")
        assertTrue("$difference", difference <= 2)
        // It is the style, not the photo.
        assertTrue(meanDifference(checkNotNull(main.state.before), expected) > 2 * difference)
        main.get().holder.setBrush(2f)
        waitForResult(main)
        val broadDifference = meanDifference(checkNotNull(main.state.after), broad)
        println("with a broad brush: $broadDifference of 255")
        assertTrue("$broadDifference", broadDifference <= 2)
        assertTrue(meanDifference(expected, broad) > 2 * broadDifference)
    }

    @Test
    fun `brushstrokes of a model that paints are those of export_stylize`() {
        val model = TestFiles.painting
        // Smaller than the canvases, and larger.
        val painted = decoded(TestFiles.expectedPainted)
        val large = decoded(TestFiles.expectedLarge)
        val main = launchMain()
        add(main, model)
        main.get().holder.setBrush(2f)
        main.get().holder.openPhoto(uri(TestFiles.photo))
        waitForResult(main)
        val difference = meanDifference(checkNotNull(main.state.after), painted)
        println("with brushstrokes: $difference of 255")
        assertTrue("$difference", difference <= 2)
        assertTrue(meanDifference(decoded(TestFiles.expectedBroad), painted) > 2 * difference)
        main.get().holder.setBrush(1f)
        main.get().holder.openPhoto(uri(TestFiles.large))
        waitUntil("large photo") { main.state.after?.width == large.width && main.state.work == null }
        val largeDifference = meanDifference(checkNotNull(main.state.after), large)
        println("on a large photo: $largeDifference of 255")
        assertTrue("$largeDifference", largeDifference <= 2)
    }

    @Test
    fun `a photo is shown, drawn in the first style, and reported`() {
        val main = launchMain()
        assertEquals(listOf("Invert"), main.state.styles?.map { it.style.title })
        assertEquals(View.VISIBLE, main.view<View>(R.id.empty).visibility)
        assertFalse(main.view<Button>(R.id.save).isEnabled)
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
        assertEquals(View.GONE, main.view<View>(R.id.empty).visibility)
        assertTrue(main.view<Button>(R.id.save).isEnabled)
        val report = main.view<TextView>(R.id.report).text.toString()
        assertTrue(report, report.endsWith("CPU, 2 threads \u00b7 150\u00a0\u00d7\u00a0100"))
        assertNull(main.state.notice)
    }

    @Test
    fun `float models are normalised as their metadata says`() {
        val main = launchMain()
        add(main, resource("models/invert-float32.tflite"))
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertEquals("invert-float32", main.state.selected?.title)
        assertEquals(0.0, meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))), 0.0)
    }

    @Test
    fun `a network that must see everything gets a picture that it can`() {
        val main = launchMain()
        add(main, resource("models/whole-float32.tflite"))
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertFalse(main.state.hasBrush)
        // Translated at 64 x 43, and brought back to the photo's size.
        assertEquals(150 to 100, checkNotNull(main.state.after).let { it.width to it.height })
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
    }

    @Test
    fun `the brush decides at which size a photo is translated, and outlives the process`() {
        val gate = Gate().apply { open() }
        useParts(gate)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertEquals("no working size on record", View.GONE, main.view<View>(R.id.brush_row).visibility)
        add(main, resource("models/brush-float32.tflite"))
        waitForResult(main)
        assertEquals(View.VISIBLE, main.view<View>(R.id.brush_row).visibility)
        // A model of 64 pixels with a margin of 8: 80 x 53 is 2 x 2 tiles, 150 x 100 is 4 x 3, and 20 x 13 is one.
        for ((brush, tiles) in listOf(null to 12, 4f to 1, 1f to 4)) {
            val before = gate.runs.get()
            main.get().holder.setBrush(brush)
            waitForResult(main)
            assertEquals("$brush", tiles, gate.runs.get() - before)
            assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
        }
        main.get().holder.setBrush(2f)
        val saved = Bundle()
        main.saveInstanceState(saved).pause().stop().destroy()
        useParts()
        val again = launch(MainActivity::class.java).setup(saved)
        waitForResult(again)
        assertEquals(2f, again.state.brush)
        assertEquals("2.0\u00a0\u00d7", again.get().findViewById<TextView>(R.id.brush_value).text)
    }

    @Test
    fun `saving writes a JPEG through the content resolver, pending until it is complete`() {
        val media = Robolectric.buildContentProvider(Media::class.java).create(MediaStore.AUTHORITY).get()
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        main.view<View>(R.id.save).performClick()
        waitUntil("saved") { main.state.notice != null }
        assertEquals(Notice.SAVED, main.state.notice)
        assertEquals(0, media.values.getAsInteger(MediaStore.Images.Media.IS_PENDING))
        assertEquals("Pictures/Stylize", media.values.getAsString(MediaStore.Images.Media.RELATIVE_PATH))
        val saved = decoded(media.file)
        assertEquals("image/jpeg", mimeType(media.file))
        assertTrue(meanDifference(saved, checkNotNull(main.state.after)) < 2)
    }

    @Test
    fun `the full size of a photo that the camera stored turned is saved upright, at the chosen strength`() {
        val media = Robolectric.buildContentProvider(Media::class.java).create(MediaStore.AUTHORITY).get()
        val photo = jpeg(1700, 40)
        relaxed {
            ExifInterface(photo.path).apply {
                setAttribute(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_ROTATE_90.toString())
                saveAttributes()
            }
        }
        val main = launchMain()
        main.get().holder.openPhoto(uri(photo))
        waitForResult(main)
        assertEquals(38 to 1600, checkNotNull(main.state.before).let { it.width to it.height })
        assertTrue(main.state.hasFullSize)
        main.get().holder.setStrength(0f)
        main.get().holder.saveToGallery(OutputSize.FULL)
        waitUntil("saved") { main.state.notice != null }
        assertEquals(Notice.SAVED, main.state.notice)
        val saved = relaxed { ExifInterface(media.file.path) }
        assertEquals(ExifInterface.ORIENTATION_ROTATE_90, saved.getAttributeInt(ExifInterface.TAG_ORIENTATION, 0))
        assertTrue(meanDifference(decoded(media.file), decoded(photo)) < 2)
    }

    @Test
    fun `a photo too large for the memory that is left is said, and can be saved as shown`() {
        val media = Robolectric.buildContentProvider(Media::class.java).create(MediaStore.AUTHORITY).get()
        giveMemory(100_000)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(1700, 40)))
        waitForResult(main)
        main.get().holder.saveToGallery(OutputSize.FULL)
        waitUntil("notice") { main.state.notice != null }
        assertEquals(Notice.PHOTO_TOO_LARGE, main.state.notice)
        assertEquals(0L, media.file.length())
        main.get().holder.saveToGallery(OutputSize.AS_SHOWN)
        waitUntil("saved") { main.state.work == null && main.state.notice != null }
        assertEquals(Notice.SAVED, main.state.notice)
        assertEquals(1600, decoded(media.file).width)
    }

    @Test
    fun `what can't be saved is said`() {
        Robolectric.buildContentProvider(Refusing::class.java).create(MediaStore.AUTHORITY)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(50, 40)))
        waitForResult(main)
        main.view<View>(R.id.save).performClick()
        waitUntil("notice") { main.state.notice == Notice.NOT_SAVED }
        assertNull(main.state.work)
        assertNotNull(main.state.after)
    }

    @Test
    fun `sharing lends a JPEG to the app that the user chooses`() {
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        main.view<View>(R.id.share).performClick()
        var chooser: Intent? = null
        waitUntil("chooser") { shadowOf(main.get()).nextStartedActivity?.also { chooser = it } != null }
        val send = checkNotNull(checkNotNull(chooser).getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java))
        assertEquals(Intent.ACTION_SEND, send.action)
        assertTrue(send.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION != 0)
        val uri = checkNotNull(send.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java))
        val shared = relaxed { application.contentResolver.openInputStream(uri).use(BitmapFactory::decodeStream) }
        assertTrue(meanDifference(shared, checkNotNull(main.state.after)) < 2)
        assertNull(main.state.handOver)
    }

    @Test
    fun `rotation during work loses nothing`() {
        val gate = Gate()
        useParts(gate)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        main.get().holder.setStrength(0.6f)
        main.get().holder.setDivider(0.3f)
        waitUntil("first tile") { gate.runs.get() == 1 }
        val before = main.get()
        main.recreate()
        assertTrue(before !== main.get())
        assertSame(before.holder, main.get().holder)
        assertEquals(View.VISIBLE, main.view<View>(R.id.work).visibility)
        gate.open()
        waitForResult(main)
        assertEquals(60, main.view<SeekBar>(R.id.strength).progress)
        assertEquals(0.3f, main.state.divider, 0f)
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
        // The old activity is let go of.
        assertTrue(before.isDestroyed)
        assertEquals("no tile twice", 12, gate.runs.get())
    }

    @Test
    fun `after the process was killed photo, style and sliders are as they were`() {
        val main = launchMain()
        add(main, resource("models/invert-float32.tflite"))
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        main.get().holder.setStrength(0.25f)
        main.get().holder.setDivider(0.75f)
        val saved = Bundle()
        main.saveInstanceState(saved).pause().stop().destroy()
        useParts()
        val again = launch(MainActivity::class.java).setup(saved)
        waitForResult(again)
        assertEquals("invert-float32", again.state.selected?.title)
        assertEquals(0.25f, again.state.strength, 0f)
        assertEquals(0.75f, again.state.divider, 0f)
        assertEquals(main.state.photo, again.state.photo)
    }

    @Test
    fun `cancel stops within a tile`() {
        val gate = Gate()
        useParts(gate)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitUntil("first tile") { gate.runs.get() == 1 }
        main.view<View>(R.id.work_cancel).performClick()
        assertNull(main.state.work)
        gate.open()
        val idle = CountDownLatch(1)
        application.parts.stylizer.executor.execute(idle::countDown)
        waitUntil("idle") { idle.count == 0L }
        assertEquals(1, gate.runs.get())
        assertNull(main.state.after)
        // The photo is still there, and a tap draws it.
        main.view<ViewGroup>(R.id.styles).getChildAt(0).performClick()
        waitForResult(main)
    }

    @Test
    fun `the back gesture cancels work and else leaves`() {
        val gate = Gate()
        useParts(gate)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitUntil("first tile") { gate.runs.get() == 1 }
        main.get().onBackPressedDispatch()
        assertNull(main.state.work)
        assertFalse(main.get().isFinishing)
        gate.open()
    }

    @Test
    fun `a GPU that can't be built is replaced by the CPU, and that is said once`() {
        // The real delegate: it has no library for a desktop.
        useParts(TfLiteEngineFactory, listOf(Processor.Gpu))
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertEquals(Notice.ACCELERATOR_FAILED, main.state.notice)
        assertEquals(application.getString(R.string.notice_accelerator_failed), main.view<TextView>(R.id.notice_text).text)
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
        main.view<View>(R.id.notice_dismiss).performClick()
        assertEquals(View.GONE, main.view<View>(R.id.notice).visibility)
        // Known from now on, also to the next process: the GPU is not asked for again.
        useParts({ model, processor ->
            check(processor is Processor.Cpu)
            TfLiteEngineFactory.build(model, processor)
        }, listOf(Processor.Gpu))
        val again = launchMain()
        again.get().holder.openPhoto(uri(jpeg(60, 40)))
        waitForResult(again)
        assertNull(again.state.notice)
    }

    @Test
    fun `a GPU that draws wrongly is left, and that is said`() {
        useParts({ model, processor ->
            val engine = TfLiteEngineFactory.build(model, Processor.Cpu(1))
            if (processor is Processor.Gpu) Wrong(engine) else engine
        }, listOf(Processor.Gpu))
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertEquals(Notice.ACCELERATOR_WRONG, main.state.notice)
        assertTrue(main.view<TextView>(R.id.report).text.contains("CPU"))
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
    }

    @Test
    fun `a GPU that stops in the middle is replaced by the CPU for the tile that it left and all others`() {
        val built = mutableListOf<Processor>()
        var now = 0L
        useParts(
            { model, processor ->
                built += processor
                val engine = TfLiteEngineFactory.build(model, Processor.Cpu(1))
                // Faster by this test's clock, and right until the check and two tiles are done.
                if (processor is Processor.Gpu) StoppingAfter(CHECK_RUNS + 2, engine) { now += 1 } else Ticking(engine) { now += 1000 }
            },
            listOf(Processor.Gpu),
            nanoTime = { now },
        )
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(150, 100)))
        waitForResult(main)
        assertEquals(Notice.ACCELERATOR_FAILED, main.state.notice)
        assertTrue(meanDifference(checkNotNull(main.state.after), inverted(checkNotNull(main.state.before))) < 1.5)
        main.get().holder.openPhoto(uri(jpeg(60, 40)))
        waitForResult(main)
        // To compare with, to try, and to go on with; the network is kept between pictures.
        assertEquals(listOf(Processor.Cpu(2), Processor.Gpu, Processor.Cpu(2)), built)
    }

    @Test
    fun `broken models give a message`() {
        val main = launchMain()
        val whole = resource("models/invert-int8.tflite").readBytes()
        val broken = mapOf(
            "empty" to ByteArray(0),
            "text" to "This is no model".toByteArray(),
            "cut" to whole.copyOf(whole.size / 2),
            "without-facts" to resource("models/half-float32.tflite").readBytes(),
            "noise" to ByteArray(5000) { (it * 31).toByte() }.also { "TFL3".toByteArray().copyInto(it, 4) },
        )
        for ((name, bytes) in broken) {
            main.get().holder.dismissNotice()
            main.get().holder.addModel(uri(File(temporary.root, "$name.tflite").apply { writeBytes(bytes) }))
            waitUntil(name) { main.state.notice == Notice.MODEL_UNUSABLE && main.state.work == null }
        }
        assertEquals(1, main.state.styles?.size)
        main.get().holder.dismissNotice()
        main.get().holder.addModel(Uri.parse("content://nobody/model"))
        waitUntil("notice") { main.state.notice == Notice.MODEL_UNREADABLE }
    }

    @Test
    fun `broken photos and failing providers give a message and leave what was there`() {
        Robolectric.buildContentProvider(Refusing::class.java).create("refusing")
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(50, 40)))
        waitForResult(main)
        val photo = main.state.photo
        val text = File(temporary.root, "photo.png").apply { writeText("no picture") }
        for (uri in listOf(uri(text), Uri.parse("content://nobody/1"), Uri.parse("content://refusing/1"), Uri.parse("file:///nowhere.jpg"))) {
            main.get().holder.dismissNotice()
            main.get().holder.openPhoto(uri)
            waitUntil("$uri") { main.state.notice == Notice.PHOTO_UNREADABLE && main.state.work == null }
            assertEquals(photo, main.state.photo)
        }
        assertNotNull(main.state.after)
    }

    @Test
    fun `a photo shared from another app is opened`() {
        val photo = jpeg(50, 40)
        val intent = Intent(Intent.ACTION_SEND).setType("image/jpeg").putExtra(Intent.EXTRA_STREAM, uri(photo))
        waitForResult(launchMain(intent))
        val main = launchMain(Intent(Intent.ACTION_SEND).setType("image/jpeg"))
        assertEquals(Notice.PHOTO_UNREADABLE, main.state.notice)
    }

    @Test
    fun `photos come from the system's picker, the camera app or the files`() {
        val main = launchMain()
        main.view<View>(R.id.gallery).performClick()
        assertEquals(MediaStore.ACTION_PICK_IMAGES, shadowOf(main.get()).nextStartedActivity.action)
        allowCamera()
        main.view<View>(R.id.camera).performClick()
        val camera = shadowOf(main.get()).nextStartedActivity
        assertEquals(MediaStore.ACTION_IMAGE_CAPTURE, camera.action)
        val target = checkNotNull(camera.getParcelableExtra(MediaStore.EXTRA_OUTPUT, Uri::class.java))
        relaxed { application.contentResolver.openOutputStream(target).use { jpeg(70, 50).inputStream().copyTo(checkNotNull(it)) } }
        shadowOf(main.get()).receiveResult(camera, Activity.RESULT_OK, null)
        waitForResult(main)
        assertEquals(70, main.state.before?.width)
    }

    @Test
    fun `StrictMode catches work on the main thread`() {
        val photo = jpeg(20, 20)
        assertThrows(RuntimeException::class.java) { application.parts.photos.import(uri(photo)) }
        assertThrows(RuntimeException::class.java) { application.parts.models.styles() }
    }

    private fun add(main: ActivityController<MainActivity>, model: File) {
        main.get().holder.addModel(uri(model))
        waitUntil("model") { main.state.run { selected?.title == model.nameWithoutExtension || notice != null } }
        assertEquals(model.nameWithoutExtension, main.state.selected?.title)
    }

    private fun <T : View> ActivityController<MainActivity>.view(id: Int): T = get().findViewById(id)

    private fun MainActivity.onBackPressedDispatch() {
        @Suppress("DEPRECATION")
        onBackPressed()
    }

    private fun decoded(file: File): Bitmap = relaxed { BitmapFactory.decodeFile(file.path) }

    private fun mimeType(file: File) = relaxed {
        BitmapFactory.Options().apply { inJustDecodeBounds = true }.also { BitmapFactory.decodeFile(file.path, it) }.outMimeType
    }
}

/** Real engines whose first tile waits until [open]. */
private class Gate : EngineFactory {
    val runs = AtomicInteger()
    private val opened = CountDownLatch(1)

    fun open() = opened.countDown()

    override fun build(model: ModelFile, processor: Processor): Engine {
        val engine = TfLiteEngineFactory.build(model, processor)
        return object : Engine by engine {
            override fun run(tile: IntArray, translated: IntArray) {
                runs.incrementAndGet()
                opened.await()
                engine.run(tile, translated)
            }
        }
    }
}

private class StoppingAfter(private var tiles: Int, private val engine: Engine, private val tick: () -> Unit) : Engine by engine {
    override val processor = Processor.Gpu

    override fun run(tile: IntArray, translated: IntArray) {
        if (tiles-- == 0) throw EngineFailure("out of memory", IllegalStateException())
        tick()
        engine.run(tile, translated)
    }
}

private class Ticking(private val engine: Engine, private val tick: () -> Unit) : Engine by engine {
    override val processor = Processor.Cpu(2)

    override fun run(tile: IntArray, translated: IntArray) {
        tick()
        engine.run(tile, translated)
    }
}

/** Runs without an error, and swaps red and blue. */
internal class Wrong(private val engine: Engine) : Engine by engine {
    override val processor = Processor.Gpu

    override fun run(tile: IntArray, translated: IntArray) {
        engine.run(tile, translated)
        for (i in translated.indices) translated[i] = with(translated[i]) { this and 0xFF00FF00.toInt() or (this shl 16 and 0xFF0000) or (this shr 16 and 0xFF) }
    }
}

/** Of each processor in its check. */
private const val CHECK_RUNS = 4

/** A MediaStore that keeps one file. */
class Media : ContentProvider() {
    val values = ContentValues()
    val file: File = File.createTempFile("media", ".jpg")

    override fun onCreate() = true

    override fun insert(uri: Uri, values: ContentValues?): Uri {
        this.values.putAll(values)
        return uri.buildUpon().appendPath("1").build()
    }

    override fun update(uri: Uri, values: ContentValues?, selection: String?, arguments: Array<out String>?): Int {
        check(file.length() > 0)
        this.values.putAll(values)
        return 1
    }

    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor =
        ParcelFileDescriptor.open(file, ParcelFileDescriptor.parseMode(mode))

    /** ExifInterface asks MediaStore for another form of any file that it opens; there is none. */
    override fun openTypedAssetFile(uri: Uri, mimeTypeFilter: String, options: Bundle?) = throw FileNotFoundException("$uri")

    override fun query(uri: Uri, projection: Array<out String>?, selection: String?, arguments: Array<out String>?, order: String?): Cursor? = null

    override fun delete(uri: Uri, selection: String?, arguments: Array<out String>?) = 0

    override fun getType(uri: Uri) = "image/jpeg"
}

/** A provider of another app that throws whatever it likes. */
class Refusing : ContentProvider() {
    override fun onCreate() = true

    override fun insert(uri: Uri, values: ContentValues?) = throw SecurityException("no")

    override fun update(uri: Uri, values: ContentValues?, selection: String?, arguments: Array<out String>?) = throw IllegalStateException()

    override fun openFile(uri: Uri, mode: String) = throw SecurityException("permission was withdrawn")

    override fun query(uri: Uri, projection: Array<out String>?, selection: String?, arguments: Array<out String>?, order: String?) =
        throw IllegalArgumentException("no such column")

    override fun delete(uri: Uri, selection: String?, arguments: Array<out String>?) = 0

    override fun getType(uri: Uri) = throw IllegalStateException()
}
