package org.tf_i2i.demo.pixels

/** One plane of a camera's picture: sample (x, y) is at [rowStride] * y + [pixelStride] * x. */
class YuvPlane(val bytes: ByteArray, val rowStride: Int, val pixelStride: Int) {
    fun at(x: Int, y: Int) = bytes[rowStride * y + pixelStride * x].toInt() and CHANNEL
}

/** A camera's YUV_420_888 picture as RGB, converted where it is read. BT.601, all 256 levels, as JPEG has it. */
class YuvGrid(
    override val width: Int,
    override val height: Int,
    private val y: YuvPlane,
    private val u: YuvPlane,
    private val v: YuvPlane,
) : PixelGrid {
    override fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray) {
        var at = 0
        for (row in top until top + height) for (column in left until left + width) {
            into[at++] = rgb(y.at(column, row), u.at(column / 2, row / 2) - MIDDLE, v.at(column / 2, row / 2) - MIDDLE)
        }
    }

    override fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray) =
        throw UnsupportedOperationException("a camera's picture is only read")

    /** In 16-bit fixed point. */
    private fun rgb(y: Int, u: Int, v: Int): Int {
        val red = y + (91_881 * v + HALF shr SHIFT)
        val green = y - (22_554 * u + 46_802 * v + HALF shr SHIFT)
        val blue = y + (116_130 * u + HALF shr SHIFT)
        return OPAQUE or (red.coerceIn(0, CHANNEL) shl RED) or (green.coerceIn(0, CHANNEL) shl GREEN) or blue.coerceIn(0, CHANNEL)
    }

    private companion object {
        const val MIDDLE = 128
        const val SHIFT = 16
        const val HALF = 1 shl 15
    }
}
