package org.tf_i2i.demo.inference

import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode
import org.tf_i2i.demo.pixels.ArrayGrid

/** Networks are real, of 64 pixels with a working size of 80; one of them paints. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE) // As all tests: another mode is another class loader, and the network's library loads once.
class StylizerTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val stylizer = Stylizer(Executor(Runnable::run), TfLiteEngineFactory, { emptyList() }, threads = 1, nanoTime = { 0 })

    @Test
    fun `brushstrokes are for photos larger than the working size, of a model that paints`() {
        val (plain, painted) = listOf("brush-float32", "paint-float32").map { stylized(it, picture(150, 100)).pixels }
        assertFalse(plain.contentEquals(painted))
        // At the working size, and with the finest brush, they are as the network draws them.
        for ((width, brush) in listOf(80 to 1f, 150 to null)) {
            val (one, other) = listOf("brush-float32", "paint-float32").map { stylized(it, picture(width, width / 2), Look(1f, brush)) }
            assertArrayEquals(one.pixels, other.pixels)
        }
    }

    @Test
    fun `live view is without brushstrokes`() {
        val (plain, painting) = listOf("brush-float32", "paint-float32").map { name ->
            stylizer.live(name, { model(name) }, picture(150, 100), tiles = 1).picture.pixels
        }
        assertArrayEquals(plain, painting)
    }

    @Test
    fun `progress goes up to the end of the brushstrokes`() {
        val shares = mutableListOf<Float>()
        stylized("paint-float32", picture(1100, 30), progress = shares::add)
        assertEquals(1f, shares.last())
        val broad = mutableListOf<Float>()
        stylized("paint-float32", picture(300, 300), Look(1f, 0.5f), progress = broad::add)
        for (each in listOf(shares, broad)) {
            assertEquals(each.sorted(), each)
            // In many small steps: none takes long without a word.
            val steps = each.zipWithNext { one, next -> next - one }
            assertTrue("${steps.max()}", steps.max() < 0.3f)
        }
    }

    @Test
    fun `cancelling among the brushstrokes leaves the photo as it was`() {
        // Among those of the broad strokes, and on the canvases.
        for ((first, end) in listOf(0.1f to 0.3f, 0.7f to 0.9f)) {
            val photo = picture(300, 300)
            val cancellation = Cancellation()
            var last = 0f
            assertThrows(CancellationException::class.java) {
                stylized("paint-float32", photo, Look(1f, 0.5f), cancellation) {
                    last = it
                    if (it > first) cancellation.cancel()
                }
            }
            assertTrue("$last", last < end)
            assertArrayEquals(picture(300, 300).pixels, photo.pixels)
        }
    }

    private fun stylized(
        name: String,
        photo: ArrayGrid,
        look: Look = Look(),
        cancellation: Cancellation = Cancellation(),
        progress: (Float) -> Unit = {},
    ) = photo.also { stylizer.stylize(name, { model(name) }, it, look, cancellation, progress) }

    /** Slopes and soft stripes. */
    private fun picture(width: Int, height: Int) = ArrayGrid(width, height, IntArray(width * height) {
        val (x, y) = it % width to it / width
        val stripes = Math.round(128 + 90 * Math.sin((x + 2 * y) / 6.0)).toInt()
        (0xFF shl 24) or (stripes shl 16) or (255 * x / width shl 8) or (255 * y / height)
    })

    private fun model(name: String) = modelFile(name, temporary.root)
}
