package org.tf_i2i.demo.pixels

/**
 * How far two pictures are from one another.
 *
 * @property psnrDb of all channels; infinite where they are equal.
 * @property maxLevels the largest difference of a channel, of 255.
 */
data class Difference(val psnrDb: Double, val maxLevels: Int)

fun difference(one: IntArray, other: IntArray): Difference {
    require(one.size == other.size && one.isNotEmpty()) { "${one.size} and ${other.size} pixels" }
    var squares = 0L
    var most = 0
    for (i in one.indices) for (shift in SHIFTS) {
        val by = Math.abs((one[i] shr shift and CHANNEL) - (other[i] shr shift and CHANNEL))
        squares += by * by
        most = maxOf(most, by)
    }
    val mean = squares.toDouble() / (CHANNELS * one.size)
    return Difference(if (squares == 0L) Double.POSITIVE_INFINITY else 10 * Math.log10(CHANNEL * CHANNEL / mean), most)
}

/** A square picture that is the same everywhere: soft waves of colour, and edges. 0xAARRGGBB. */
fun knownPicture(side: Int) = IntArray(side * side) {
    val x = it % side
    val y = it / side
    val edge = if ((x shr 5) % 2 == (y shr 5) % 2) 30 else 0
    val red = 128 + 90 * Math.sin(x / 19.0) + edge
    val green = 128 + 90 * Math.sin(y / 13.0 + x / 41.0)
    val blue = 128 + 90 * Math.cos((x + y) / 23.0) - edge
    argb(red.toFloat(), green.toFloat(), blue.toFloat())
}

private val SHIFTS = intArrayOf(RED, GREEN, 0)
