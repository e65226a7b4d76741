package org.tf_i2i.demo.pixels

/**
 * Replaces [photo] in place by [translated] at its size, with the photo's own edges.
 *
 * The counterpart of `export/photos/guided_upsampling.py`, which says where the method is from and what differs; names and
 * constants are the same.
 *
 * @param reduced the photo as it was translated, [translated] what came of it: both of one size, not larger than the photo.
 * @param strength 1 is the translation, 0 the photo.
 * @param afterRows called with how many rows of the photo are done; what it throws ends the work, the photo half done.
 */
fun upsample(photo: PixelGrid, reduced: ArrayGrid, translated: ArrayGrid, strength: Float = 1f, afterRows: (Int) -> Unit = {}) {
    val down = photo.height.toDouble() / reduced.height
    val scale = maxOf(down, photo.width.toDouble() / reduced.width)
    val bandRows = maxOf(MARGIN, BAND_PIXELS / reduced.width)
    val widen = Taps(cubic(centers(reduced.width, photo.width), reduced.width))
    val line = FloatArray(COEFFICIENTS * reduced.width)
    val strip = IntArray(STRIP_ROWS * photo.width)
    for (first in 0 until reduced.height step bandRows) {
        val last = minOf(first + bandRows, reduced.height)
        val band = Band(reduced, translated, first - MARGIN, last - first + 2 * MARGIN)
        val fitted = band.coefficients(1 - 1 / scale)
        val start = Math.rint(first * down).toInt()
        val stop = Math.rint(last * down).toInt()
        val between = Taps(cubic(DoubleArray(stop - start) { (start + it + 0.5) / down - 0.5 - first + MARGIN }, band.height))
        for (top in start until stop step STRIP_ROWS) {
            val rows = minOf(STRIP_ROWS, stop - top)
            photo.read(0, top, photo.width, rows, strip)
            for (row in 0 until rows) {
                between.mixRows(fitted, line, top + row - start)
                applyRow(strip, row * photo.width, photo.width, line, widen, strength)
            }
            photo.write(0, top, photo.width, rows, strip)
            afterRows(top + rows)
        }
    }
}

/** A cubic filter's numbers as the inner loops want them. */
private class Taps(filter: Filter) {
    val places = filter.places
    val weights = FloatArray(filter.weights.size) { filter.weights[it].toFloat() }

    /** Result [i] along the rows of [values], each as long as [target]. */
    fun mixRows(values: FloatArray, target: FloatArray, i: Int) {
        val at = CUBIC_TAPS * i
        val rows = IntArray(CUBIC_TAPS) { places[at + it] * target.size }
        for (x in target.indices) {
            target[x] = weights[at] * values[rows[0] + x] + weights[at + 1] * values[rows[1] + x] +
                weights[at + 2] * values[rows[2] + x] + weights[at + 3] * values[rows[3] + x]
        }
    }
}

/** Rows of the mirrored reduced photo, before and after, from row [first] on. */
private class Band(before: ArrayGrid, after: ArrayGrid, first: Int, val height: Int) {
    private val width = before.width
    private val count = width * height
    private val photo = planes(before, first)
    private val target = planes(after, first)
    private val windows = listOf(WINDOW, BRUSH_WINDOW).associateWith { gaussian(height, it) to gaussian(width, it) }

    private fun planes(picture: ArrayGrid, first: Int) = List(CHANNELS) { channel ->
        val shift = RED - channel * GREEN
        FloatArray(count) { (picture.pixels[mirrored(first + it / width, picture.height) * width + it % width] shr shift and CHANNEL).toFloat() }
    }

    /**
     * Of each pixel the factors of the photo's R for the three output channels, those of G, of B, and what is added.
     *
     * @param enlarged 0 for a scale of 1, up to 1; what is not explained is blurred that much.
     */
    fun coefficients(enlarged: Double): FloatArray {
        val keeps = textureKept()
        val photoMean = photo.map { blur(it) }
        val targetMean = target.map { blur(it) }
        // Of a symmetric matrix: rr, rg, rb, gg, gb, bb.
        val own = PAIRS.map { (a, b) -> covariance(photo[a], photo[b], photoMean[a], photoMean[b]) }
        val blurred = (enlarged * enlarged / CHANNELS).toFloat()
        val contrast = FloatArray(count) { blurred * (own[0][it] + own[3][it] + own[5][it]) }
        val inverse = inverse(own)
        val fitted = FloatArray(count * COEFFICIENTS)
        for (channel in 0 until CHANNELS) {
            val cross = List(CHANNELS) { covariance(photo[it], target[channel], photoMean[it], targetMean[channel]) }
            for (i in 0 until count) cross[channel][i] += keeps[i] * FLAT * FLAT
            val raw = List(CHANNELS) { row ->
                val (a, b, c) = INVERSE_ROWS[row].map { inverse[it] }
                FloatArray(count) { a[it] * cross[0][it] + b[it] * cross[1][it] + c[it] * cross[2][it] }
            }
            val offset = blur(FloatArray(count) { targetMean[channel][it] - product(photoMean, raw, it) })
            val factors = raw.map { blur(it) }
            for (i in 0 until count) {
                val unexplained = target[channel][i] - product(photo, factors, i) - offset[i]
                for (from in 0 until CHANNELS) fitted[COEFFICIENTS * i + CHANNELS * from + channel] = factors[from][i]
                fitted[COEFFICIENTS * i + CHANNELS * CHANNELS + channel] =
                    offset[i] + unexplained * (EDGE * EDGE / (EDGE * EDGE + contrast[i]))
            }
        }
        return fitted
    }

    private fun product(planes: List<FloatArray>, factors: List<FloatArray>, i: Int) =
        planes[0][i] * factors[0][i] + planes[1][i] * factors[1][i] + planes[2][i] * factors[2][i]

    /** Near 0 under brushwork, 1 where the photo is only shifted. */
    private fun textureKept(): FloatArray {
        val brushwork = FloatArray(count)
        for (channel in 0 until CHANNELS) {
            val change = FloatArray(count) { target[channel][it] - photo[channel][it] }
            val square = blur(FloatArray(count) { change[it] * change[it] }, BRUSH_WINDOW)
            val mean = blur(change, BRUSH_WINDOW)
            for (i in 0 until count) brushwork[i] += maxOf(0f, square[i] - mean[i] * mean[i]) / CHANNELS
        }
        return FloatArray(count) { BRUSHWORK * BRUSHWORK / (BRUSHWORK * BRUSHWORK + brushwork[it]) }
    }

    private fun covariance(x: FloatArray, y: FloatArray, xMean: FloatArray, yMean: FloatArray): FloatArray {
        val mean = blur(FloatArray(count) { x[it] * y[it] })
        for (i in 0 until count) mean[i] -= xMean[i] * yMean[i]
        return mean
    }

    /** Of the covariances with contrasts that don't count added, by Cramer's rule; in the order of [PAIRS]. */
    private fun inverse(own: List<FloatArray>): List<FloatArray> {
        val result = List(PAIRS.size) { FloatArray(count) }
        for (i in 0 until count) {
            val rr = own[0][i] + FLAT * FLAT
            val gg = own[3][i] + FLAT * FLAT
            val bb = own[5][i] + FLAT * FLAT
            val rg = own[1][i]
            val rb = own[2][i]
            val gb = own[4][i]
            val first = gg * bb - gb * gb
            val second = gb * rb - rg * bb
            val third = rg * gb - gg * rb
            val determinant = rr * first + rg * second + rb * third
            result[0][i] = first / determinant
            result[1][i] = second / determinant
            result[2][i] = third / determinant
            result[3][i] = (rr * bb - rb * rb) / determinant
            result[4][i] = (rg * rb - rr * gb) / determinant
            result[5][i] = (rr * gg - rg * rg) / determinant
        }
        return result
    }

    private fun blur(values: FloatArray, sigma: Double = WINDOW): FloatArray {
        val (down, across) = windows.getValue(sigma)
        return blur(values, down, across)
    }
}

private fun applyRow(pixels: IntArray, start: Int, width: Int, line: FloatArray, widen: Taps, strength: Float) {
    val sums = FloatArray(COEFFICIENTS)
    for (x in 0 until width) {
        sums.fill(0f)
        for (tap in CUBIC_TAPS * x until CUBIC_TAPS * (x + 1)) {
            val weight = widen.weights[tap]
            val from = COEFFICIENTS * widen.places[tap]
            for (i in 0 until COEFFICIENTS) sums[i] += weight * line[from + i]
        }
        val pixel = pixels[start + x]
        val red = (pixel shr RED and CHANNEL).toFloat()
        val green = (pixel shr GREEN and CHANNEL).toFloat()
        val blue = (pixel and CHANNEL).toFloat()
        fun mixed(own: Float, channel: Int): Float {
            val result = sums[channel + 9] + red * sums[channel] + green * sums[channel + 3] + blue * sums[channel + 6]
            return if (strength == 1f) result else own + strength * (result - own)
        }
        pixels[start + x] = argb(mixed(red, 0), mixed(green, 1), mixed(blue, 2))
    }
}

private const val FLAT = 16f
private const val EDGE = 30f
private const val BRUSHWORK = 3f
private const val WINDOW = 1.0
private const val BRUSH_WINDOW = 1.5
private const val MARGIN = 12
private const val BAND_PIXELS = 100_000
private const val STRIP_ROWS = 16

/** Of a pixel: three factors and an offset for each of R, G and B. */
private const val COEFFICIENTS = 12
private val PAIRS = listOf(0 to 0, 0 to 1, 0 to 2, 1 to 1, 1 to 2, 2 to 2)

/** Rows of a symmetric matrix that is stored as [PAIRS]. */
private val INVERSE_ROWS = listOf(listOf(0, 1, 2), listOf(1, 3, 4), listOf(2, 4, 5))
