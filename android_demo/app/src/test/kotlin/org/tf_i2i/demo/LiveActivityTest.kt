package org.tf_i2i.demo

import android.Manifest
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.os.Bundle
import android.provider.MediaStore
import android.provider.Settings
import android.view.View
import android.widget.Button
import android.widget.TextView
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.TfLiteEngineFactory
import org.tf_i2i.demo.live.CameraLoss
import org.tf_i2i.demo.live.Facing
import org.tf_i2i.demo.live.LiveStatus
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.pixels.ArrayGrid
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.resized

class LiveActivityTest : AppTest() {
    private val camera get() = cameras.last()

    @Test
    fun `a real frame in a real model's style is what export_stylize makes of it`() {
        val picture = relaxed { BitmapFactory.decodeFile(TestFiles.frame.path) }
        val expected = relaxed { BitmapFactory.decodeFile(TestFiles.expectedFrame.path) }
        val style = relaxed { application.parts.models.add(uri(TestFiles.model)) }
        val live = launchLive(style)
        live.feed(grid(picture))
        val difference = meanDifference(checkNotNull(live.state.picture), expected)
        println("mean difference of a frame to Python: $difference of 255")
        assertTrue("$difference", difference <= 2)
        assertTrue(meanDifference(picture, expected) > 2 * difference)
    }

    @Test
    fun `frames in, styled frames out, with rate and processor`() {
        val live = launchLive()
        assertEquals(LiveStatus.Starting, live.state.status)
        assertEquals(application.getString(R.string.live_starting), live.view<TextView>(R.id.report).text)
        repeat(3) { live.feed(frame(640, 480, it)) }
        assertEquals(LiveStatus.Running, live.state.status)
        // The network's 64 pixels, less 8 on each side.
        assertEquals(48 to 36, checkNotNull(live.state.picture).let { it.width to it.height })
        val reduced = resized(frame(640, 480, 2), PhotoSize(48, 36))
        assertTrue(meanDifference(checkNotNull(live.state.picture), inverted(bitmap(reduced))) < 1.5)
        assertEquals(2, number(checkNotNull(live.state.picture)))
        val report = live.view<TextView>(R.id.report).text.toString()
        assertTrue(report, report.endsWith("CPU, 2 threads \u00b7 48\u00a0\u00d7\u00a036"))
        assertTrue(report, report.contains("frames/s"))
        assertTrue(live.view<View>(R.id.live_picture).keepScreenOn)
    }

    @Test
    fun `a camera that is faster than the network waits for nobody, and old frames are dropped`() {
        val live = launchLive()
        repeat(30) { camera.send(frame(96, 72, it)) }
        waitUntil("the newest frame") { live.state.picture?.let(::number) == 29 }
        assertTrue("${live.get().holder.droppedFrames}", live.get().holder.droppedFrames >= 20)
        waitUntil("each given back") { camera.closed == 30 }
    }

    @Test
    fun `the permission is asked for when live view is opened, and a refusal has a screen`() {
        shadowOf(application).denyPermissions(Manifest.permission.CAMERA)
        val main = launchMain()
        assertNull(shadowOf(main.get()).lastRequestedPermission)
        val live = launch(LiveActivity::class.java, LiveActivity.intent(application, null)).setup()
        waitUntil("styles") { live.state.styles != null }
        assertEquals(LiveStatus.Asking, live.state.status)
        val asked = shadowOf(live.get()).lastRequestedPermission
        assertEquals(listOf(Manifest.permission.CAMERA), asked.requestedPermissions.toList())
        assertEquals("no camera before the answer", 0, camera.starts)
        live.answer(PackageManager.PERMISSION_DENIED)
        assertEquals(LiveStatus.Refused, live.state.status)
        assertEquals(application.getString(R.string.camera_refused), live.view<TextView>(R.id.message_title).text)
        // Refused for good: only the settings help. Whoever comes back from there with the permission has live view.
        live.view<Button>(R.id.message_button).performClick()
        assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, shadowOf(live.get()).nextStartedActivity?.action)
        live.pause().stop()
        allowCamera()
        live.start().resume()
        assertEquals(LiveStatus.Starting, live.state.status)
        assertEquals(1, camera.starts)
        assertEquals(View.GONE, live.view<View>(R.id.message).visibility)
    }

    @Test
    fun `without the permission, photos are taken in the camera app`() {
        shadowOf(application).denyPermissions(Manifest.permission.CAMERA)
        val main = launchMain()
        main.get().onTakePhoto()
        assertEquals(MediaStore.INTENT_ACTION_STILL_IMAGE_CAMERA, shadowOf(main.get()).nextStartedActivity.action)
        assertEquals(Notice.TAKE_THEN_CHOOSE, main.state.notice)
    }

    @Test
    fun `turning the phone keeps the camera open`() {
        val live = launchLive()
        live.feed(frame(96, 72, 0))
        val holder = live.get().holder
        live.recreate()
        assertSame(holder, live.get().holder)
        assertEquals(1 to 0, camera.starts to camera.stops)
        live.feed(frame(96, 72, 1))
        assertEquals(LiveStatus.Running, live.state.status)
        assertEquals(0, camera.turn)
        live.get().holder.setDisplayTurn(90)
        assertEquals(90, camera.turn)
    }

    @Test
    fun `nobody's camera is kept open`() {
        val live = launchLive()
        live.feed(frame(96, 72, 0))
        live.pause().stop()
        assertEquals(1, camera.stops)
        live.start().resume()
        assertEquals(2, camera.starts)
        live.feed(frame(96, 72, 1))
        live.pause().stop().destroy()
        assertTrue(camera.stops >= 2)
        assertFalse(camera.isOpen)
    }

    @Test
    fun `a camera that is taken away is said, and comes back`() {
        val live = launchLive()
        live.feed(frame(96, 72, 0))
        camera.lose(CameraLoss.IN_USE)
        waitUntil("loss") { live.state.status == LiveStatus.Lost(CameraLoss.IN_USE) }
        assertEquals(application.getString(R.string.camera_in_use), live.view<TextView>(R.id.message_title).text)
        assertNull(live.state.picture)
        live.view<Button>(R.id.message_button).performClick()
        assertEquals(2, camera.starts)
        live.feed(frame(96, 72, 1))
        assertEquals(LiveStatus.Running, live.state.status)
        assertEquals(View.GONE, live.view<View>(R.id.message).visibility)
    }

    @Test
    fun `a phone without a camera is told so`() {
        allowCamera()
        useParts(frames = { FakeCamera(emptyList()) })
        val live = launch(LiveActivity::class.java, LiveActivity.intent(application, null)).setup()
        waitUntil("message") { live.state.status == LiveStatus.Lost(CameraLoss.NO_CAMERA) }
        assertEquals(View.GONE, live.view<View>(R.id.message_button).visibility)
    }

    @Test
    fun `the front camera is the other one, and styles change while it runs`() {
        val other = relaxed { application.parts.models.add(uri(resource("models/invert-float32.tflite"))) }
        val live = launchLive()
        live.view<View>(R.id.switch_camera).performClick()
        assertEquals(listOf(Facing.BACK, Facing.FRONT), camera.opened)
        live.feed(frame(96, 72, 0))
        live.get().holder.select(other)
        live.feed(frame(96, 72, 1))
        assertEquals(1, number(checkNotNull(live.state.picture)))
        assertEquals(other, live.state.selected)
    }

    @Test
    fun `a tap freezes, and what is saved has the camera's full size, mirrored as it was seen`() {
        val media = Robolectric.buildContentProvider(Media::class.java).create(MediaStore.AUTHORITY).get()
        val live = launchLive()
        live.view<View>(R.id.switch_camera).performClick()
        live.feed(frame(96, 72, 0))
        val photo = jpeg(200, 150)
        camera.photo = photo
        live.view<View>(R.id.live_picture).performClick()
        waitUntil("frozen") { live.state.status == LiveStatus.Frozen }
        assertFalse(camera.isOpen)
        val mirrored = flipped(relaxed { BitmapFactory.decodeFile(photo.path) })
        assertTrue(meanDifference(checkNotNull(live.state.picture), inverted(mirrored)) < 2)
        assertTrue(live.view<Button>(R.id.save).isEnabled)
        live.view<View>(R.id.save).performClick()
        waitUntil("saved") { live.state.notice != null }
        assertEquals(Notice.SAVED, live.state.notice)
        val saved = relaxed { application.parts.photos.decodeWithin(application.parts.photos.open(media.file), 1000) }
        assertEquals(200 to 150, saved.width to saved.height)
        assertTrue(meanDifference(saved, inverted(mirrored)) < 3)
        // The back gesture goes back to the camera, and only then leaves.
        @Suppress("DEPRECATION")
        live.get().onBackPressed()
        assertFalse(live.get().isFinishing)
        assertEquals(LiveStatus.Starting, live.state.status)
        live.feed(frame(96, 72, 1))
        assertEquals(LiveStatus.Running, live.state.status)
        @Suppress("DEPRECATION")
        live.get().onBackPressed()
        assertTrue(live.get().isFinishing)
    }

    @Test
    fun `a photo that the camera does not give is said`() {
        val live = launchLive()
        live.feed(frame(96, 72, 0))
        live.view<View>(R.id.freeze).performClick()
        waitUntil("failure") { live.state.status == LiveStatus.Lost(CameraLoss.FAILED) }
    }

    @Test
    fun `after the process was killed, live view goes on, and a frozen photo is still there`() {
        val style = relaxed { application.parts.models.add(uri(resource("models/invert-float32.tflite"))) }
        val live = launchLive(style)
        live.view<View>(R.id.switch_camera).performClick()
        live.feed(frame(96, 72, 0))
        val again = live.killed()
        waitUntil("styles") { again.state.styles != null }
        assertEquals(style, again.state.selected)
        assertEquals(listOf(Facing.FRONT), camera.opened)
        again.feed(frame(96, 72, 1))
        camera.photo = jpeg(120, 90)
        again.get().holder.freeze()
        waitUntil("frozen") { again.state.status == LiveStatus.Frozen }
        val shown = checkNotNull(again.state.picture)
        val last = again.killed()
        waitUntil("frozen again") { last.state.status == LiveStatus.Frozen }
        assertEquals(0, camera.starts)
        assertEquals(0.0, meanDifference(checkNotNull(last.state.picture), shown), 0.0)
    }

    @Test
    fun `a network that can't be run is said, and the camera let go of`() {
        allowCamera()
        useParts({ _, _ -> throw EngineFailure("no", IllegalStateException()) }, frames = ::FakeCamera)
        val live = launchLive()
        camera.send(frame(96, 72, 0))
        waitUntil("notice") { live.state.notice == Notice.ENGINE_FAILED }
        assertEquals(LiveStatus.Lost(CameraLoss.FAILED), live.state.status)
        assertFalse(camera.isOpen)
        // Another try is one, and not a picture that never changes.
        live.view<Button>(R.id.message_button).performClick()
        camera.send(frame(96, 72, 1))
        waitUntil("notice") { live.state.notice == Notice.ENGINE_FAILED }
    }

    @Test
    fun `a GPU that draws frames wrongly is left, and that is said`() {
        useParts({ model, processor ->
            val engine = TfLiteEngineFactory.build(model, Processor.Cpu(1))
            if (processor is Processor.Gpu) Wrong(engine) else engine
        }, listOf(Processor.Gpu))
        val live = launchLive()
        live.feed(frame(96, 72, 0))
        assertEquals(Notice.ACCELERATOR_WRONG, live.state.notice)
        assertTrue(live.state.processor is Processor.Cpu)
        val reduced = resized(frame(96, 72, 0), PhotoSize(48, 36))
        assertTrue(meanDifference(checkNotNull(live.state.picture), inverted(bitmap(reduced))) < 1.5)
    }

    private fun launchLive(style: Style? = null): ActivityController<LiveActivity> {
        allowCamera()
        return launch(LiveActivity::class.java, LiveActivity.intent(application, style)).setup().also { live ->
            waitUntil("camera") { live.state.styles != null && camera.isOpen }
        }
    }

    private val ActivityController<LiveActivity>.state get() = get().holder.state

    private fun ActivityController<LiveActivity>.feed(frame: ArrayGrid) {
        val before = state.picture
        camera.send(frame)
        waitUntil("frame") { state.picture !== before && state.picture != null }
    }

    private fun ActivityController<LiveActivity>.answer(result: Int) =
        get().onRequestPermissionsResult(1, arrayOf(Manifest.permission.CAMERA), intArrayOf(result))

    private fun ActivityController<LiveActivity>.killed(): ActivityController<LiveActivity> {
        val saved = Bundle()
        saveInstanceState(saved).pause().stop().destroy()
        useParts()
        return launch(LiveActivity::class.java, LiveActivity.intent(application, null)).setup(saved)
    }

    private fun <T : View> ActivityController<LiveActivity>.view(id: Int): T = get().findViewById(id)

    private fun grid(bitmap: Bitmap) = ArrayGrid(bitmap.width, bitmap.height).also {
        bitmap.getPixels(it.pixels, 0, bitmap.width, 0, 0, bitmap.width, bitmap.height)
    }

    private fun flipped(bitmap: Bitmap): Bitmap {
        val from = grid(bitmap)
        val pixels = IntArray(from.pixels.size) { from.pixels[it / from.width * from.width + from.width - 1 - it % from.width] }
        return Bitmap.createBitmap(pixels, bitmap.width, bitmap.height, Bitmap.Config.ARGB_8888)
    }

    private fun bitmap(grid: ArrayGrid) = Bitmap.createBitmap(grid.pixels, grid.width, grid.height, Bitmap.Config.ARGB_8888)
}
