package org.tf_i2i.demo.pixels

/** Long side of a canvas in pixels, that of a picture on a screen: there the strokes get their edges. */
const val CANVAS = 1024

/** From just above [size] to [enlargement] times that, each at most about twice the one before. */
fun canvasSizes(size: PhotoSize, enlargement: Double): List<PhotoSize> {
    val steps = maxOf(0, Math.ceil(Math.log(enlargement) / Math.log(2.0) - 0.1).toInt())
    return List(steps) {
        val factor = Math.pow(enlargement, (it + 1.0) / steps)
        PhotoSize(Math.rint(size.width * factor).toInt(), Math.rint(size.height * factor).toInt())
    }
}

/** Smaller than [size], where the same strokes are broader; smallest first. */
fun broadSizes(size: PhotoSize): List<PhotoSize> = BROADER
    .map { PhotoSize(Math.rint(size.width / it).toInt(), Math.rint(size.height / it).toInt()) }
    .filter { minOf(it.width, it.height) >= LEAST_SIDE }

/** [broad] strokes with [fine] ones where the photo has detail; pictures of one size. */
fun refined(broad: ArrayGrid, fine: ArrayGrid, photo: ArrayGrid): ArrayGrid =
    fine.copy().also { Strokes(broad).mixInto(it, Strokes(photo).refinement()) }

/**
 * Gives the strokes of an enlarged translation edges across them, and smooths them along their way, in place.
 *
 * The counterpart of `export/photos/brushstrokes.py`, which says where the method is from; names and constants are the same.
 *
 * @param photo of the same size, what [picture] translates: its details stay as they are.
 * @param afterIteration called with the share that is done, up to 1; what it throws ends the work, the picture unchanged.
 */
fun sharpenStrokes(picture: ArrayGrid, photo: ArrayGrid, afterIteration: (Float) -> Unit = {}) {
    val strokes = Strokes(picture)
    strokes.findAcross()
    for (iteration in 0 until ITERATIONS) {
        strokes.smooth()
        strokes.sharpen()
        afterIteration((iteration + 1f) / ITERATIONS)
    }
    strokes.mixInto(picture, Strokes(photo).detail())
}

/** The canvas in floats, and at each of its pixels the direction across the strokes. */
private class Strokes(picture: ArrayGrid) {
    private val width = picture.width
    private val height = picture.height
    private val count = width * height
    private val planes = Array(CHANNELS) { channel ->
        val shift = RED - channel * GREEN
        FloatArray(count) { (picture.pixels[it] shr shift and CHANNEL).toFloat() }
    }

    // Of twice the angle, so that both ways along a line are the same direction.
    private var cosine = FloatArray(count)
    private var sine = FloatArray(count)

    /** 0 where no direction prevails, up to 1. */
    private var coherence = FloatArray(count)

    /** Where a plane's next values are written before the two change places. */
    private var spare = FloatArray(count)

    private val windows = HashMap<Double, Pair<Filter, Filter>>()

    /** The structure tensor's first eigenvector. */
    fun findAcross() {
        val luminance = luminance(FINE)
        everywhere { at, up, down, left, right ->
            val across = (luminance[at + right] - luminance[at + left]) / 2
            val below = (luminance[at + down] - luminance[at + up]) / 2
            cosine[at] = across * across - below * below
            sine[at] = 2 * across * below
            coherence[at] = across * across + below * below
        }
        cosine = blur(cosine, AROUND)
        sine = blur(sine, AROUND)
        coherence = blur(coherence, AROUND)
        for (at in 0 until count) {
            val length = Math.sqrt((cosine[at] * cosine[at] + sine[at] * sine[at]).toDouble()).toFloat() + 1e-6f
            cosine[at] /= length
            sine[at] /= length
            coherence[at] = length / (coherence[at] + FLAT)
        }
    }

    /** Diffusion along the strokes, and across them where there are none. */
    fun smooth() = change { x, next ->
        curvatures(x) { at, rightwards, downwards, diagonal ->
            val aside = SPREADING * (1 - coherence[at])
            val xx = yy(at) + aside * xx(at)
            val yy = xx(at) + aside * yy(at)
            val xy = (aside - 1) * sine[at] / 2
            next[at] = x[at] + SMOOTHING * (xx * rightwards + yy * downwards + xy / 2 * diagonal)
        }
    }

    /** A shock filter: towards the darkest pixel beside it or the brightest, as the luminance is curved across the strokes. */
    fun sharpen() {
        val luminance = luminance(ACROSS)
        val edges = FloatArray(count)
        curvatures(luminance) { at, rightwards, downwards, diagonal ->
            val curvature = xx(at) * rightwards + yy(at) * downwards + sine[at] / 4 * diagonal
            edges[at] = (curvature / CURVATURE).coerceIn(-1f, 1f) * SHARPENING * coherence[at]
        }
        change { x, next ->
            everywhere { at, up, down, left, right ->
                val edge = edges[at]
                var most = x[at]
                for (row in at + up..at + down step width) {
                    for (place in row + left..row + right) most = if (edge > 0) minOf(most, x[place]) else maxOf(most, x[place])
                }
                next[at] = x[at] + Math.abs(edge) * (most - x[at])
            }
        }
    }

    /** How much of the fine strokes a place of the photo gets, from 0 to 1. */
    fun refinement(): FloatArray {
        val variance = variance()
        val result = FloatArray(count)
        for (fine in REFINED) {
            val share = blur(detail(variance, fine.contrast), fine.around)
            for (at in 0 until count) result[at] = maxOf(result[at], fine.rate * share[at]).coerceIn(0f, 1f)
        }
        return result
    }

    /** How much detail of its own a place has, from 0 up to 1; 1/2: that much [contrast]. */
    fun detail(variance: FloatArray = variance(), contrast: Float = DETAIL) =
        FloatArray(count) { variance[it] / (variance[it] + contrast * contrast) }

    /** Of the luminance around each place, in squared levels. */
    private fun variance(): FloatArray {
        val luminance = luminance(DETAIL_FINE)
        val mean = blur(luminance, DETAIL_WINDOW)
        val square = blur(FloatArray(count) { luminance[it] * luminance[it] }, DETAIL_WINDOW)
        return FloatArray(count) { maxOf(0f, square[it] - mean[it] * mean[it]) }
    }

    /** [kept]: how much of each pixel stays as it is. */
    fun mixInto(picture: ArrayGrid, kept: FloatArray) {
        for (at in 0 until count) {
            val before = picture.pixels[at]
            fun mixed(channel: Int): Float {
                val now = planes[channel][at]
                return now + kept[at] * ((before shr RED - channel * GREEN and CHANNEL) - now)
            }
            picture.pixels[at] = argb(mixed(0), mixed(1), mixed(2))
        }
    }

    // Squares of the parts of the unit vector across the strokes.
    private fun xx(at: Int) = (1 + cosine[at]) / 2

    private fun yy(at: Int) = (1 - cosine[at]) / 2

    private fun luminance(sigma: Double) =
        blur(FloatArray(count) { 0.299f * planes[0][it] + 0.587f * planes[1][it] + 0.114f * planes[2][it] }, sigma)

    private fun blur(values: FloatArray, sigma: Double): FloatArray {
        val (down, across) = windows.getOrPut(sigma) { gaussian(height, sigma) to gaussian(width, sigma) }
        return blur(values, down, across)
    }

    private inline fun change(channel: (x: FloatArray, next: FloatArray) -> Unit) {
        for (i in planes.indices) {
            channel(planes[i], spare)
            spare = planes[i].also { planes[i] = spare }
        }
    }

    /** Second differences of [x]: rightwards, downwards, and four times the mixed one. */
    private inline fun curvatures(x: FloatArray, use: (at: Int, rightwards: Float, downwards: Float, diagonal: Float) -> Unit) =
        everywhere { at, up, down, left, right ->
            val diagonal = x[at + up + left] + x[at + down + right] - x[at + up + right] - x[at + down + left]
            use(at, x[at + left] + x[at + right] - 2 * x[at], x[at + up] + x[at + down] - 2 * x[at], diagonal)
        }

    /** Each pixel, and how far those beside it are in the arrays; borders repeated. */
    private inline fun everywhere(use: (at: Int, up: Int, down: Int, left: Int, right: Int) -> Unit) {
        for (y in 0 until height) {
            val up = if (y > 0) -width else 0
            val down = if (y < height - 1) width else 0
            for (x in 0 until width) use(y * width + x, up, down, if (x > 0) -1 else 0, if (x < width - 1) 1 else 0)
        }
    }
}

private const val ITERATIONS = 4
private const val SMOOTHING = 0.35f
private const val SPREADING = 0.3f
private const val SHARPENING = 0.3f
private const val CURVATURE = 1.5f
private const val FINE = 1.0
private const val AROUND = 4.0
private const val ACROSS = 1.4
private const val FLAT = 0.25f
private const val DETAIL = 20f
private const val DETAIL_FINE = 0.7
private const val DETAIL_WINDOW = 2.0
private val BROADER = listOf(3.0, 1.73)
private const val LEAST_SIDE = 32

private class Refined(val contrast: Float, val around: Double, val rate: Float)

private val REFINED = listOf(Refined(10f, 2.0, 1.5f), Refined(25f, 4.0, 3f))
