package org.tf_i2i.demo.pixels

/** A picture whose pixels can be read and written block by block; 0xAARRGGBB, upright. */
interface PixelGrid {
    val width: Int
    val height: Int

    /** Copies a block that lies inside the picture to the beginning of [into], row by row. */
    fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray)

    /** Replaces a block that lies inside the picture by the beginning of [from]. */
    fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray)
}

/** A picture in the Java heap, for small ones. */
class ArrayGrid(
    override val width: Int,
    override val height: Int,
    val pixels: IntArray = IntArray(width * height),
) : PixelGrid {
    fun copy() = ArrayGrid(width, height, pixels.copyOf())

    override fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray) {
        for (row in 0 until height) {
            pixels.copyInto(into, row * width, (top + row) * this.width + left, (top + row) * this.width + left + width)
        }
    }

    override fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray) {
        for (row in 0 until height) {
            from.copyInto(pixels, (top + row) * this.width + left, row * width, (row + 1) * width)
        }
    }
}
