package org.tf_i2i.demo.pixels

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test

class PixelCodingTest {
    private val pixels = intArrayOf(0xFF000000.toInt(), 0xFFFFFFFF.toInt(), 0xFF1080F0.toInt(), 0xFF7F0001.toInt())

    @Test
    fun `bytes stand as red, green, blue`() {
        val buffer = buffer(ByteCoding)
        ByteCoding.encode(pixels, buffer)
        assertEquals(listOf(0x10, 0x80, 0xF0), List(3) { buffer.get(6 + it).toInt() and 0xFF })
        assertArrayEquals(pixels, IntArray(4).also { ByteCoding.decode(buffer, it) })
    }

    @Test
    fun `floats are normalised by mean and std, and come back`() {
        val coding = FloatCoding(127.5f, 127.5f)
        val buffer = buffer(coding)
        coding.encode(pixels, buffer)
        val floats = buffer.asFloatBuffer()
        assertEquals(-1f, floats.get(0), 0f)
        assertEquals(1f, floats.get(3), 0f)
        assertEquals((0x10 - 127.5f) / 127.5f, floats.get(6), 1e-7f)
        assertArrayEquals(pixels, IntArray(4).also { coding.decode(buffer, it) })
    }

    @Test
    fun `values outside the range are cut off, halves go to the even neighbour`() {
        val coding = FloatCoding(0f, 1f)
        val buffer = buffer(coding)
        buffer.asFloatBuffer().put(floatArrayOf(-3f, 300f, 0.5f, 1.5f, 2.5f, 254.6f))
        val decoded = IntArray(2).also { coding.decode(buffer, it) }
        assertEquals(0xFF00FF00.toInt(), decoded[0])
        assertEquals(0xFF0202FF.toInt(), decoded[1])
    }

    @Test
    fun `strength 0 is the photo, 1 the translation, between them a mixture`() {
        for ((strength, wanted) in listOf(0f to 0xFF00FF10, 1f to 0xFF800020, 0.5f to 0xFF408018)) {
            val translation = intArrayOf(0xFF800020.toInt())
            blend(intArrayOf(0x0000FF10), translation, strength)
            assertEquals(wanted.toInt(), translation[0])
        }
    }

    private fun buffer(coding: PixelCoding) =
        ByteBuffer.allocateDirect(pixels.size * coding.bytesPerPixel).order(ByteOrder.nativeOrder())
}
