package org.tf_i2i.demo

import android.Manifest
import android.app.Activity
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Color
import android.graphics.Insets
import android.graphics.Rect
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.view.WindowInsets
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.HorizontalScrollView
import android.widget.ScrollView
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.tf_i2i.demo.live.CameraLoss
import org.tf_i2i.demo.live.LiveStatus
import org.tf_i2i.demo.main.BeforeAfterView
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.pixels.ArrayGrid

/** Every screen, light and dark, upright and across, with large letters; pictures of them for people. */
class ScreensTest : AppTest() {
    @Test
    fun `the main screen`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        val main = launchMain()
        assertReadable(main, "main-empty")
        main.get().holder.openPhoto(uri(picture()))
        waitForResult(main)
        if (!main.state.hasBrush) {
            main.get().holder.addModel(uri(resource("models/brush-float32.tflite")))
            waitForResult(main)
        }
        assertTrue(main.get().findViewById<View>(R.id.brush_row).isShown)
        val light = assertReadable(main, "main-light")
        assertEquals(main.get().getColor(R.color.background), light.getPixel(2, light.height - 3))
        assertTrue(Color.luminance(light.getPixel(2, light.height - 3)) > 0.8)
        main.get().holder.tell(Notice.ACCELERATOR_FAILED)
        assertReadable(main, "main-notice")
        main.get().holder.dismissNotice()
        RuntimeEnvironment.setFontScale(LARGE)
        main.turn(UPRIGHT)
        assertReadable(main, "main-large")
        RuntimeEnvironment.setFontScale(1f)
        main.turn(UPRIGHT_NIGHT)
        val dark = assertReadable(main, "main-dark")
        assertTrue(Color.luminance(dark.getPixel(2, dark.height - 3)) < 0.1)
        main.turn(ACROSS)
        assertReadable(main, "main-across")
        RuntimeEnvironment.setFontScale(LARGE)
        main.turn(ACROSS_NIGHT)
        assertReadable(main, "main-across-large-dark")
    }

    @Test
    fun `live view`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        allowCamera()
        val live = launch(LiveActivity::class.java, LiveActivity.intent(application, null)).setup()
        val holder = live.get().holder
        waitUntil("camera") { holder.state.styles != null && cameras.last().isOpen }
        val picture = relaxed { BitmapFactory.decodeFile(picture().path) }
        val frame = ArrayGrid(picture.width, picture.height)
        picture.getPixels(frame.pixels, 0, picture.width, 0, 0, picture.width, picture.height)
        repeat(2) {
            val before = holder.state.picture
            cameras.last().send(frame)
            waitUntil("frame") { holder.state.picture !== before }
        }
        val light = assertReadable(live, "live-light")
        assertTrue(Color.luminance(light.getPixel(2, light.height - 3)) > 0.8)
        RuntimeEnvironment.setFontScale(LARGE)
        live.turn(UPRIGHT)
        assertReadable(live, "live-large")
        RuntimeEnvironment.setFontScale(1f)
        live.turn(UPRIGHT_NIGHT)
        val dark = assertReadable(live, "live-dark")
        assertTrue(Color.luminance(dark.getPixel(2, dark.height - 3)) < 0.1)
        live.turn(ACROSS)
        assertReadable(live, "live-across")
        RuntimeEnvironment.setFontScale(LARGE)
        live.turn(ACROSS_NIGHT)
        assertReadable(live, "live-across-large-dark")
        assertSpeaking(live.get())
        cameras.last().photo = picture()
        holder.freeze()
        waitUntil("frozen") { holder.state.status == LiveStatus.Frozen }
        RuntimeEnvironment.setFontScale(1f)
        live.turn(UPRIGHT)
        assertReadable(live, "live-frozen")
        holder.resume()
        cameras.last().lose(CameraLoss.IN_USE)
        waitUntil("loss") { holder.state.status is LiveStatus.Lost }
        assertReadable(live, "live-lost")
        shadowOf(application).denyPermissions(Manifest.permission.CAMERA)
        holder.setPermission(false)
        assertReadable(live, "live-refused")
        RuntimeEnvironment.setFontScale(LARGE)
        live.turn(ACROSS_NIGHT)
        assertReadable(live, "live-refused-across-large-dark")
    }

    @Test
    fun `the system's bars and the camera's hole cover nothing that is to be read or touched`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        allowCamera()
        val main = launchMain()
        val style = main.state.selected
        val screens = mapOf(
            R.id.main to main,
            R.id.live to launch(LiveActivity::class.java, LiveActivity.intent(application, style)).setup(),
            R.id.about to launch(AboutActivity::class.java, AboutActivity.intent(application, style)).setup(),
            R.id.benchmark to launch(BenchmarkActivity::class.java).setup(),
        )
        val insets = WindowInsets.Builder()
            .setInsets(WindowInsets.Type.statusBars(), Insets.of(0, 50, 0, 0))
            .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, 96))
            .setInsets(WindowInsets.Type.displayCutout(), Insets.of(70, 0, 0, 0))
            .build()
        for ((id, screen) in screens) {
            val activity = screen.get() as Activity
            val root = activity.findViewById<View>(id)
            root.dispatchApplyWindowInsets(insets)
            shadowOf(Looper.getMainLooper()).idle()
            val free = Rect(70, 50, root.width, root.height - 96)
            for (view in root.all().filter { it.isShown && (it.isClickable || it is TextView && it.text.isNotEmpty()) && !it.scrolls() }) {
                val place = Rect().also(view::getGlobalVisibleRect)
                assertTrue("$activity: $view at $place", free.contains(place))
            }
            assertTrue("the window's own colour lies behind the bars", root.width == activity.window.decorView.width)
        }
    }

    @Test
    fun `the About page`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        val style = launchMain().state.selected
        val about = launch(AboutActivity::class.java, AboutActivity.intent(application, style)).setup()
        waitUntil("facts") { about.get().findViewById<ViewGroup>(R.id.about_facts).childCount > 0 }
        assertReadable(about, "about-light")
        RuntimeEnvironment.setFontScale(LARGE)
        about.turn(UPRIGHT_NIGHT)
        assertReadable(about, "about-large-dark")
    }

    @Test
    fun `the benchmark`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        val benchmark = launch(BenchmarkActivity::class.java).setup()
        benchmark.get().findViewById<View>(R.id.benchmark_button).performClick()
        waitUntil("end") { benchmark.get().holder.state.progress == null }
        assertReadable(benchmark, "benchmark-light")
        benchmark.turn(UPRIGHT_NIGHT)
        assertReadable(benchmark, "benchmark-dark")
        RuntimeEnvironment.setFontScale(LARGE)
        benchmark.turn(UPRIGHT)
        assertReadable(benchmark, "benchmark-large")
    }

    @Test
    fun `what TalkBack hears`() {
        RuntimeEnvironment.setQualifiers(UPRIGHT)
        val main = launchMain()
        main.get().holder.openPhoto(uri(jpeg(60, 40)))
        waitForResult(main)
        assertSpeaking(main.get())
        val picture = main.get().findViewById<BeforeAfterView>(R.id.picture)
        val node = picture.createAccessibilityNodeInfo()
        assertEquals("android.widget.SeekBar", node.className)
        assertEquals(50f, node.rangeInfo.current, 0f)
        assertTrue(picture.performAccessibilityAction(AccessibilityNodeInfo.ACTION_SCROLL_FORWARD, null))
        assertEquals(0.55f, main.state.divider, 1e-6f)
        assertEquals(55f, picture.createAccessibilityNodeInfo().rangeInfo.current, 1e-4f)
        assertTrue(main.get().findViewById<ViewGroup>(R.id.styles).getChildAt(0).createAccessibilityNodeInfo().isSelected)
        // Everything to touch is large enough for a finger.
        val touch = main.get().resources.getDimensionPixelSize(R.dimen.touch)
        val small = main.get().window.decorView.all().filter { it.isShown && it.isClickable && minOf(it.width, it.height) < touch }
        assertEquals(emptyList<View>(), small.filter { it.id != View.NO_ID }.toList())
    }

    /** Whatever can be touched says something to TalkBack. */
    private fun assertSpeaking(activity: Activity) =
        assertEquals(emptyList<View>(), activity.window.decorView.all().filter { it.isShown && it.isClickable && !it.saysSomething() }.toList())

    /** The demo's photo where the tests were given one. */
    private fun picture() = System.getProperty("tf_i2i.photo")?.takeIf { it.isNotEmpty() }?.let { TestFiles.photo } ?: jpeg(150, 100)

    private fun ActivityController<*>.turn(qualifiers: String) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        recreate()
        if (get() is AboutActivity) waitUntil("facts") { get().findViewById<ViewGroup>(R.id.about_facts).childCount > 0 }
    }

    private fun assertReadable(controller: ActivityController<*>, name: String): Bitmap {
        val activity = controller.get() as Activity
        val picture = screenshot(activity, name)
        val root = activity.window.decorView
        for (text in root.all().filterIsInstance<TextView>().filter { it.isShown && it.text.isNotEmpty() }) {
            val layout = checkNotNull(text.layout) { "${text.text}" }
            val shown = (0 until layout.lineCount).all { layout.getEllipsisCount(it) == 0 }
            val enough = layout.height <= text.height - text.compoundPaddingTop - text.compoundPaddingBottom
            assertTrue("$name: ${text.text} is cut", shown && enough)
            val visible = Rect()
            val inside = text.getGlobalVisibleRect(visible) && visible.height() == text.height
            assertTrue("$name: ${text.text} is off the screen", inside || text.scrolls())
        }
        return picture
    }

    private fun View.scrolls() = generateSequence(parent) { it.parent }.any { it is ScrollView || it is HorizontalScrollView }

    private fun View.saysSomething() = all().any { (it as? TextView)?.text?.isNotEmpty() == true || !it.contentDescription.isNullOrEmpty() }

    private fun View.all(): Sequence<View> = sequence {
        yield(this@all)
        if (this@all is ViewGroup) for (index in 0 until childCount) yieldAll(getChildAt(index).all())
    }

    private companion object {
        const val UPRIGHT = "w360dp-h740dp-port-notnight-xhdpi"
        const val UPRIGHT_NIGHT = "w360dp-h740dp-port-night-xhdpi"
        const val ACROSS = "w740dp-h360dp-land-notnight-xhdpi"
        const val ACROSS_NIGHT = "w740dp-h360dp-land-night-xhdpi"
        const val LARGE = 1.8f
    }
}
