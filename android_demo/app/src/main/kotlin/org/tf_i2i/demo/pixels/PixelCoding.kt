package org.tf_i2i.demo.pixels

import java.nio.ByteBuffer

/** How pixels stand in a network's input and output: 0xAARRGGBB on our side, RGB triples in native byte order on its. */
sealed interface PixelCoding {
    val bytesPerPixel: Int

    /** Writes [pixels] from the beginning of [buffer]. */
    fun encode(pixels: IntArray, buffer: ByteBuffer)

    /** Fills [pixels] from the beginning of [buffer]; opaque. */
    fun decode(buffer: ByteBuffer, pixels: IntArray)
}

/** Quantised networks take the picture's bytes as they are. */
object ByteCoding : PixelCoding {
    override val bytesPerPixel = CHANNELS

    override fun encode(pixels: IntArray, buffer: ByteBuffer) {
        buffer.clear()
        for (pixel in pixels) {
            buffer.put((pixel shr RED).toByte()).put((pixel shr GREEN).toByte()).put(pixel.toByte())
        }
        buffer.rewind()
    }

    override fun decode(buffer: ByteBuffer, pixels: IntArray) {
        buffer.rewind()
        for (index in pixels.indices) {
            val red = buffer.get().toInt() and CHANNEL
            val green = buffer.get().toInt() and CHANNEL
            val blue = buffer.get().toInt() and CHANNEL
            pixels[index] = OPAQUE or (red shl RED) or (green shl GREEN) or blue
        }
    }
}

/** Float networks: network value = (pixel in 0..255 - mean) / std, as the metadata says for input and output. */
data class FloatCoding(val mean: Float, val std: Float) : PixelCoding {
    init {
        require(std != 0f && std.isFinite() && mean.isFinite()) { "normalisation by a mean of $mean and a std of $std" }
    }

    override val bytesPerPixel = CHANNELS * Float.SIZE_BYTES

    /** A division for each of the 256 values a pixel can have, not for each pixel. */
    private val normalized = FloatArray(CHANNEL + 1) { (it - mean) / std }

    override fun encode(pixels: IntArray, buffer: ByteBuffer) {
        buffer.clear()
        val floats = buffer.asFloatBuffer()
        for (pixel in pixels) {
            floats.put(normalized[(pixel shr RED) and CHANNEL])
            floats.put(normalized[(pixel shr GREEN) and CHANNEL])
            floats.put(normalized[pixel and CHANNEL])
        }
    }

    override fun decode(buffer: ByteBuffer, pixels: IntArray) {
        buffer.rewind()
        val floats = buffer.asFloatBuffer()
        for (index in pixels.indices) {
            val red = level(floats.get())
            val green = level(floats.get())
            val blue = level(floats.get())
            pixels[index] = OPAQUE or (red shl RED) or (green shl GREEN) or blue
        }
    }

    private fun level(value: Float) =
        Math.rint((value * std + mean).toDouble()).toInt().coerceIn(0, CHANNEL)
}

internal const val CHANNELS = 3
