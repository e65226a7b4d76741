package org.tf_i2i.demo.pixels

/** Width and height in pixels. */
data class PhotoSize(val width: Int, val height: Int) {
    val pixels get() = width.toLong() * height
    val longest get() = maxOf(width, height)

    /** This size, made smaller in proportion until its longer side is at most [side]. */
    fun within(side: Int): PhotoSize {
        if (longest <= side) return this
        val scale = side.toDouble() / longest
        return PhotoSize(
            Math.round(width * scale).toInt().coerceAtLeast(1),
            Math.round(height * scale).toInt().coerceAtLeast(1),
        )
    }

    fun transposed() = PhotoSize(height, width)
}

/** The largest power of two by which a decoder may shrink [from] and still have at least [to]. */
fun sampleSize(from: PhotoSize, to: PhotoSize): Int {
    var sample = 1
    while (from.width / (sample * 2) >= to.width && from.height / (sample * 2) >= to.height) sample *= 2
    return sample
}
