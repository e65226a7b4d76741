package org.tf_i2i.demo.pixels

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.tf_i2i.demo.TestFiles

/** Photos are resized and upsampled as `export.photos` does it; the vectors are made by it, see test_vectors/. */
class BrushTest {
    private val vectors = JSONObject(File(TestFiles.project, "test_vectors/brush.json").readText())

    @Test
    fun `sizes are those of Python`() {
        for (vector in vectors.getJSONArray("sizes").objects()) {
            val size = workingSize(vector.getInt("recorded"), vector.getDouble("brush").toFloat())
            assertEquals("$vector", vector.getInt("working_size"), size)
            assertEquals("$vector", vector.size("translated"), translatedSize(vector.size("photo"), size))
        }
        assertNull(workingSize(null, 1f))
        assertNull("the finest brush: at the photo's own size", workingSize(256, null))
        assertEquals(PhotoSize(4000, 3000), translatedSize(PhotoSize(4000, 3000), null))
    }

    @Test
    fun `resized pictures are those of Python, to the bit`() {
        for (vector in vectors.getJSONArray("exact").objects()) {
            val expected = vector.picture("result")
            val result = resized(vector.picture("photo"), PhotoSize(expected.width, expected.height))
            assertArrayEquals("$vector".take(200), expected.pixels, result.pixels)
        }
    }

    @Test
    fun `upsampled pictures are those of Python`() {
        for (vector in vectors.getJSONArray("upsampled").objects()) {
            val photo = vector.picture("photo")
            val rows = mutableListOf<Int>()
            upsample(photo, vector.picture("reduced"), vector.picture("translated"), vector.getDouble("strength").toFloat(), rows::add)
            val differences = differences(vector.picture("result").pixels, photo.pixels)
            assertTrue("${differences.max()}", differences.max() <= 1)
            assertTrue("${differences.average()}", differences.average() < 0.01)
            assertEquals(photo.height, rows.last())
        }
    }

    @Test
    fun `a photo stored turned is upsampled as an upright one`() {
        val vector = vectors.getJSONArray("upsampled").getJSONObject(0)
        val upright = vector.picture("photo")
        val storedSize = Orientation.TURNED_90.upright(PhotoSize(upright.width, upright.height))
        val turned = UprightGrid(ArrayGrid(storedSize.width, storedSize.height), Orientation.TURNED_90)
        turned.write(0, 0, upright.width, upright.height, upright.pixels)
        for (photo in listOf(upright, turned)) upsample(photo, vector.picture("reduced"), vector.picture("translated"))
        val result = IntArray(upright.pixels.size).also { turned.read(0, 0, turned.width, turned.height, it) }
        assertArrayEquals(upright.pixels, result)
    }

    @Test
    fun `what is thrown after some rows ends the work there`() {
        val vector = vectors.getJSONArray("upsampled").getJSONObject(0)
        var last = 0
        assertThrows(InterruptedException::class.java) {
            upsample(vector.picture("photo"), vector.picture("reduced"), vector.picture("translated")) {
                last = it
                throw InterruptedException()
            }
        }
        assertTrue(last in 1 until 57)
    }

    @Test
    fun `canvases are those of Python`() {
        for (vector in vectors.getJSONArray("canvases").objects()) {
            assertEquals("$vector", vector.sizes(), canvasSizes(vector.size("translated"), vector.getDouble("enlargement")))
        }
        assertEquals(vectors.getInt("canvas"), CANVAS)
    }

    @Test
    fun `sizes for broad strokes are those of Python`() {
        for (vector in vectors.getJSONArray("broad").objects()) {
            assertEquals("$vector", vector.sizes(), broadSizes(vector.size("translated")))
        }
    }

    @Test
    fun `broad strokes are refined as in Python`() {
        for (vector in vectors.getJSONArray("refined").objects()) {
            val result = refined(vector.picture("broad"), vector.picture("fine"), vector.picture("photo"))
            val differences = differences(vector.picture("result").pixels, result.pixels)
            assertTrue("${differences.max()}", differences.max() <= 1)
            assertTrue("${differences.average()}", differences.average() < 0.01)
        }
    }

    @Test
    fun `brushstrokes are those of Python`() {
        for (vector in vectors.getJSONArray("sharpened").objects()) {
            val picture = vector.picture("picture")
            val shares = mutableListOf<Float>()
            sharpenStrokes(picture, vector.picture("photo"), shares::add)
            val differences = differences(vector.picture("result").pixels, picture.pixels)
            assertTrue("${differences.max()}", differences.max() <= 1)
            assertTrue("${differences.average()}", differences.average() < 0.01)
            assertEquals(shares.sorted(), shares)
            assertEquals(1f, shares.last())
        }
    }

    private fun differences(one: IntArray, other: IntArray) = one.indices.flatMap { i ->
        listOf(RED, GREEN, 0).map { Math.abs((one[i] shr it and CHANNEL) - (other[i] shr it and CHANNEL)) }
    }
}

private fun JSONArray.objects() = List(length(), ::getJSONObject)

private fun JSONArray.size() = PhotoSize(width = getInt(1), height = getInt(0))

private fun JSONObject.size(key: String) = getJSONArray(key).size()

private fun JSONObject.sizes() = getJSONArray("sizes").run { List(length()) { getJSONArray(it).size() } }

private fun JSONObject.picture(key: String) = getJSONObject(key).run {
    val bytes = getString("pixels").chunked(2) { it.toString().toInt(16) }
    val pixels = IntArray(bytes.size / 3) { OPAQUE or (bytes[3 * it] shl RED) or (bytes[3 * it + 1] shl GREEN) or bytes[3 * it + 2] }
    ArrayGrid(getInt("width"), getInt("height"), pixels)
}
