package org.tf_i2i.demo.live

import java.util.concurrent.Executor
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.tf_i2i.demo.pixels.ArrayGrid
import org.tf_i2i.demo.pixels.Orientation
import org.tf_i2i.demo.pixels.PixelGrid
import org.tf_i2i.demo.pixels.UprightGrid
import org.tf_i2i.demo.pixels.YuvGrid
import org.tf_i2i.demo.pixels.YuvPlane

/** What becomes of frames before a network sees them; without a phone, and without threads. */
class FramePipelineTest {
    private val tasks = ArrayDeque<Runnable>()
    private val later = Executor { tasks += it }
    private val worked = mutableListOf<Int>()
    private val pipeline = FramePipeline(later) { worked += (it as Numbered).number }.apply { open() }

    @Test
    fun `of frames that come while one is worked on, the newest is next`() {
        val frames = List(6, ::Numbered)
        pipeline.offer(frames[0])
        tasks.removeFirst().run()
        frames.subList(1, 5).forEach(pipeline::offer)
        assertTrue("one at a time", tasks.isEmpty())
        pipeline.ready()
        tasks.removeFirst().run()
        assertEquals(listOf(0, 4), worked)
        assertEquals(3, pipeline.dropped)
        pipeline.ready()
        assertTrue(tasks.isEmpty())
        pipeline.offer(frames[5])
        tasks.removeFirst().run()
        assertEquals(listOf(0, 4, 5), worked)
        assertEquals("each is given back once", List(6) { 1 }, frames.map { it.closed })
    }

    @Test
    fun `a closed pipeline gives back what waits and what comes, and can be opened again`() {
        val frames = List(3, ::Numbered)
        pipeline.offer(frames[0])
        pipeline.close()
        pipeline.offer(frames[1])
        tasks.removeFirst().run()
        assertTrue(worked.isEmpty())
        pipeline.open()
        pipeline.offer(frames[2])
        tasks.removeFirst().run()
        assertEquals(listOf(2), worked)
        assertEquals(List(3) { 1 }, frames.map { it.closed })
    }

    @Test
    fun `the rate is that of the last frames`() {
        var now = 0L
        val rate = Rate { now }
        assertNull(rate.perSecond)
        repeat(100) {
            rate.seen()
            now += 50_000_000
        }
        assertEquals(20.0, rate.perSecond!!, 1e-6)
        repeat(60) {
            rate.seen()
            now += 100_000_000
        }
        assertEquals(10.0, rate.perSecond!!, 0.1)
    }

    @Test
    fun `frames are finer while there is time, and coarser where there is none`() {
        assertEquals("4 times the work would still be fluent", 2, nextTiles(1, 100.0, 3))
        assertEquals(1, nextTiles(1, 90.0, 3))
        assertEquals("more would only enlarge the camera's picture", 1, nextTiles(1, 1000.0, 1))
        assertEquals(2, nextTiles(2, 9.0, 3))
        assertEquals(1, nextTiles(2, 7.0, 3))
        assertEquals(1, nextTiles(1, 1.0, 3))
    }

    @Test
    fun `a camera's picture is turned as sensor, phone and side want it`() {
        // Sensors of phones: the back one is turned by 90 degrees, the front one by 270.
        assertEquals(listOf(90, 0, 270, 180), listOf(0, 90, 180, 270).map { pictureTurn(90, it, Facing.BACK) })
        assertEquals(listOf(270, 0, 90, 180), listOf(0, 90, 180, 270).map { pictureTurn(270, it, Facing.FRONT) })
        val stored = ArrayGrid(3, 2, intArrayOf(1, 2, 3, 4, 5, 6))
        fun seen(turn: Int, facing: Facing) = UprightGrid(stored, seenOrientation(turn, facing)).all()
        assertEquals("clockwise by 90", listOf(listOf(4, 1), listOf(5, 2), listOf(6, 3)), seen(90, Facing.BACK))
        assertEquals("and in a mirror", listOf(listOf(1, 4), listOf(2, 5), listOf(3, 6)), seen(90, Facing.FRONT))
        assertEquals(listOf(listOf(3, 2, 1), listOf(6, 5, 4)), seen(0, Facing.FRONT))
        assertEquals(listOf(listOf(3, 6), listOf(2, 5), listOf(1, 4)), seen(270, Facing.BACK))
        assertEquals(listOf(listOf(6, 5, 4), listOf(3, 2, 1)), seen(180, Facing.BACK))
        for (orientation in Orientation.entries) assertEquals(orientation, orientation.mirrored().mirrored())
    }

    @Test
    fun `YUV becomes RGB, whatever its strides`() {
        // Red, green, blue, white in BT.601, 2 x 2 pixels each, as JPEG has them; U and V interleaved, rows padded.
        val y = byteArrayOf(76, 76, 150.toByte(), 150.toByte(), 29, 29, 255.toByte(), 255.toByte())
        val luma = ByteArray(2 * 10) { if (it % 10 < 8) y[it % 10] else 99 }
        val u = listOf(85, 44, 255, 128)
        val v = listOf(255, 21, 107, 128)
        val chroma = ByteArray(8) { (if (it % 2 == 0) u[it / 2] else v[it / 2]).toByte() }
        val grid = YuvGrid(8, 2, YuvPlane(luma, 10, 1), YuvPlane(chroma, 8, 2), YuvPlane(chroma.copyOfRange(1, 8), 8, 2))
        val pixels = IntArray(4).also { grid.read(1, 1, 4, 1, it) }
        assertArrayEquals(intArrayOf(254, 0, 0), levels(pixels[0]))
        assertArrayEquals(intArrayOf(0, 255, 1), levels(pixels[1]))
        assertArrayEquals(intArrayOf(0, 255, 1), levels(pixels[2]))
        assertArrayEquals(intArrayOf(0, 0, 254), levels(pixels[3]))
        assertArrayEquals(intArrayOf(255, 255, 255), levels(IntArray(1).also { grid.read(7, 0, 1, 1, it) }[0]))
    }

    private fun levels(pixel: Int) = intArrayOf(pixel shr 16 and 0xFF, pixel shr 8 and 0xFF, pixel and 0xFF)

    private fun PixelGrid.all(): List<List<Int>> =
        IntArray(width * height).also { read(0, 0, width, height, it) }.toList().chunked(width)

    private class Numbered(val number: Int) : Frame {
        var closed = 0
        override val picture get() = throw UnsupportedOperationException()

        override fun close() {
            closed++
        }
    }
}
