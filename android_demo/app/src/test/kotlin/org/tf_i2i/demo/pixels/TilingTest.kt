package org.tf_i2i.demo.pixels

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.tf_i2i.demo.TestFiles

/** The app cuts and mixes photos as `export.photos.tiling` does; the vectors are made by it, see test_vectors/. */
class TilingTest {
    private val vectors = JSONObject(File(TestFiles.project, "test_vectors/tiling.json").readText())

    @Test
    fun `mirrored indices are those of Python`() {
        for (vector in vectors.getJSONArray("mirrored").objects()) {
            val wanted = vector.getJSONArray("indices")
            val found = List(wanted.length()) { mirrored(vector.getInt("start") + it, vector.getInt("length")) }
            assertEquals(List(wanted.length(), wanted::getInt), found)
        }
    }

    @Test
    fun `grids are those of Python`() {
        for (vector in vectors.getJSONArray("tilings").objects()) {
            val tiling = vector.tiling()
            assertEquals(vector.getInt("rows"), tiling.rows(vector.getInt("photo_height")))
            assertEquals(vector.getInt("columns"), tiling.columns(vector.getInt("photo_width")))
        }
    }

    @Test
    fun `translated photos are those of Python, to the bit`() {
        val tilings = vectors.getJSONArray("tilings").objects()
        assertTrue(tilings.size > 8)
        for (vector in tilings) {
            val photo = ArrayGrid(vector.getInt("photo_width"), vector.getInt("photo_height"), vector.pixels("photo"))
            val tiling = vector.tiling()
            val done = mutableListOf<Int>()
            tiling.translate(photo, StandIn(tiling, vector.getInt("reach")), vector.getDouble("strength").toFloat(), done::add)
            assertArrayEquals(vector.toString().take(200), vector.pixels("result"), photo.pixels)
            assertEquals((1..tiling.tiles(photo.width, photo.height)).toList(), done)
        }
    }

    @Test
    fun `a photo stored turned gives the same result as an upright one`() {
        val tiling = Tiling(24, 24, 4)
        for (orientation in Orientation.entries) {
            val upright = ArrayGrid(37, 29, IntArray(37 * 29) { OPAQUE or (it * 7919 and 0xFFFFFF) })
            val storedSize = orientation.upright(PhotoSize(37, 29))
            val stored = ArrayGrid(storedSize.width, storedSize.height)
            val turned = UprightGrid(stored, orientation)
            turned.write(0, 0, 37, 29, upright.pixels)
            tiling.translate(upright, StandIn(tiling, 4))
            tiling.translate(turned, StandIn(tiling, 4))
            val result = IntArray(37 * 29).also { turned.read(0, 0, 37, 29, it) }
            assertArrayEquals(orientation.name, upright.pixels, result)
        }
    }

    @Test
    fun `what is thrown after a tile ends the work there`() {
        val photo = ArrayGrid(100, 100)
        var runs = 0
        assertThrows(InterruptedException::class.java) {
            Tiling(24, 24, 4).translate(photo, { tile, out -> runs++; tile.copyInto(out) }) { if (it == 3) throw InterruptedException() }
        }
        assertEquals(3, runs)
    }

    @Test
    fun `of 48 megapixels no more than a band is asked for at once, and every pixel is written once`() {
        val tiling = Tiling(256, 256, 40)
        val photo = Counting(8000, 6000)
        var tiles = 0
        tiling.translate(photo, { tile, out -> tile.copyInto(out) }) { tiles = it }
        assertEquals(46 * 35, tiles)
        assertEquals(8000 * 256, photo.largestRead)
        assertEquals(48_000_000L, photo.written)
    }

    @Test
    fun `a tile that keeps less than its margin is refused`() {
        assertThrows(IllegalArgumentException::class.java) { Tiling(24, 24, 9) }
        assertThrows(IllegalArgumentException::class.java) { Tiling(24, 16, 8) }
        assertEquals(8, Tiling(24, 24, 8).stepDown)
    }
}

/** A photo of which only the traffic is kept. */
private class Counting(override val width: Int, override val height: Int) : PixelGrid {
    var largestRead = 0
    var written = 0L

    override fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray) {
        largestRead = maxOf(largestRead, width * height)
    }

    override fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray) {
        check(left in 0..this.width - width && top in 0..this.height - height)
        written += width * height
    }
}

/** As in make_tiling_vectors.py. */
private class StandIn(private val tiling: Tiling, private val reach: Int) : TileNetwork {
    override fun run(tile: IntArray, translated: IntArray) {
        for (y in 0 until tiling.height) for (x in 0 until tiling.width) {
            val here = tile[y * tiling.width + x]
            val below = tile[minOf(y + reach, tiling.height - 1) * tiling.width + x]
            val left = tile[y * tiling.width + maxOf(x - reach, 0)]
            var pixel = OPAQUE
            for (shift in intArrayOf(RED, GREEN, 0)) {
                val sum = 2 * (here shr shift and CHANNEL) + (below shr shift and CHANNEL) + (left shr shift and CHANNEL)
                pixel = pixel or (sum / 4 shl shift)
            }
            translated[y * tiling.width + x] = pixel
        }
    }
}

private fun JSONArray.objects() = List(length(), ::getJSONObject)

private fun JSONObject.tiling() = Tiling(getInt("tile_height"), getInt("tile_width"), getInt("margin"))

private fun JSONObject.pixels(key: String): IntArray {
    val bytes = getString(key).chunked(2) { it.toString().toInt(16) }
    return IntArray(bytes.size / 3) { OPAQUE or (bytes[3 * it] shl RED) or (bytes[3 * it + 1] shl GREEN) or bytes[3 * it + 2] }
}
