package org.tf_i2i.demo.pixels

/**
 * A linear map along one axis: result i is the sum of `weights[taps * i + j]` times the value at `places[taps * i + j]`.
 *
 * The counterpart of `export/photos/resampling.py`, as is all of this file.
 */
internal class Filter(val results: Int, val taps: Int) {
    val places = IntArray(results * taps)
    val weights = DoubleArray(results * taps)

    /** The same with weights of whole steps that add up to 1: sums are then exact in single precision, in any order. */
    fun exact(): Filter {
        val whole = Filter(results, taps)
        places.copyInto(whole.places)
        for (i in 0 until results) {
            var sum = 0.0
            var before = 0.0
            for (j in taps * i until taps * (i + 1)) {
                sum += weights[j]
                val steps = Math.rint(sum * WEIGHT_STEPS)
                whole.weights[j] = (steps - before) / WEIGHT_STEPS
                before = steps
            }
        }
        return whole
    }
}

/** A blur that is cut off at 4 sigma, borders mirrored. */
internal fun gaussian(length: Int, sigma: Double): Filter {
    val radius = Math.rint(4 * sigma).toInt()
    val filter = Filter(length, 2 * radius + 1)
    val bell = DoubleArray(filter.taps) { Math.exp(-Math.pow((it - radius) / sigma, 2.0) / 2) }
    val sum = bell.sum()
    for (i in 0 until length) for (j in 0 until filter.taps) {
        filter.places[filter.taps * i + j] = mirrored(i + j - radius, length)
        filter.weights[filter.taps * i + j] = bell[j] / sum
    }
    return filter
}

/** [gaussian] of rows of [values], both ways: [down] has as many results as there are rows, [across] as there are columns. */
internal fun blur(values: FloatArray, down: Filter, across: Filter): FloatArray {
    val width = across.results
    val between = FloatArray(values.size)
    for (row in values.indices step width) {
        var tap = 0
        for (x in 0 until width) {
            var sum = 0f
            repeat(across.taps) {
                sum += across.weights[tap].toFloat() * values[row + across.places[tap]]
                tap++
            }
            between[row + x] = sum
        }
    }
    val result = FloatArray(values.size)
    for (y in 0 until down.results) for (tap in down.taps * y until down.taps * (y + 1)) {
        val weight = down.weights[tap].toFloat()
        val from = down.places[tap] * width
        for (x in 0 until width) result[y * width + x] += weight * between[from + x]
    }
    return result
}

/** Values between those of [length] pixels, at [places] of their centers; borders repeated. */
internal fun cubic(places: DoubleArray, length: Int): Filter {
    val filter = Filter(places.size, CUBIC_TAPS)
    for (i in places.indices) {
        val near = Math.floor(places[i]).toInt() - 1
        for (j in 0 until CUBIC_TAPS) {
            val x = Math.abs(places[i] - (near + j))
            filter.places[CUBIC_TAPS * i + j] = (near + j).coerceIn(0, length - 1)
            filter.weights[CUBIC_TAPS * i + j] =
                if (x <= 1) (1.25 * x - 2.25) * x * x + 1 else -0.75 * (((x - 5) * x + 8) * x - 4)
        }
    }
    return filter
}

/** Where the pixels of an axis of [results] pixels lie among those of one of [length]. */
internal fun centers(length: Int, results: Int) =
    DoubleArray(results) { (it + 0.5) * (length.toDouble() / results) - 0.5 }

/** Mean of the pixels, and parts of pixels, that a larger pixel covers. */
private fun area(length: Int, results: Int): Filter {
    val scale = length.toDouble() / results
    val filter = Filter(results, (length + results - 1) / results + 1)
    val inside = DoubleArray(filter.taps)
    for (i in 0 until results) {
        val first = Math.floor(i * scale + 1e-6).toInt()
        for (j in inside.indices) {
            inside[j] = maxOf(0.0, minOf((i + 1) * scale, first + j + 1.0) - maxOf(i * scale, (first + j).toDouble()))
        }
        val sum = inside.sum()
        for (j in inside.indices) {
            filter.places[filter.taps * i + j] = minOf(first + j, length - 1)
            filter.weights[filter.taps * i + j] = inside[j] / sum
        }
    }
    return filter
}

/** The picture at another size, to the bit as in Python: means to reduce it, [cubic] to enlarge it. */
fun resized(picture: PixelGrid, size: PhotoSize): ArrayGrid {
    val isSmaller = size.pixels < picture.width.toLong() * picture.height
    fun filter(length: Int, results: Int) =
        (if (isSmaller) area(length, results) else cubic(centers(length, results), length)).exact()
    val down = filter(picture.height, size.height)
    val across = filter(picture.width, size.width)
    val result = ArrayGrid(size.width, size.height)
    val sums = FloatArray(CHANNELS * picture.width)
    val rows = IntArray(picture.width * down.taps)
    for (y in 0 until size.height) {
        val taps = down.taps * y until down.taps * (y + 1)
        val first = down.places[taps.first]
        picture.read(0, first, picture.width, down.places[taps.last] - first + 1, rows)
        sums.fill(0f)
        for (tap in taps) addRow(rows, (down.places[tap] - first) * picture.width, picture.width, down.weights[tap].toFloat(), sums)
        for (i in sums.indices) sums[i] = Math.rint(sums[i].toDouble() * LEVEL_STEPS).toFloat() / LEVEL_STEPS
        for (x in 0 until size.width) result.pixels[y * size.width + x] = pixel(sums, across, x)
    }
    return result
}

private fun addRow(pixels: IntArray, start: Int, width: Int, weight: Float, sums: FloatArray) {
    if (weight == 0f) return
    for (x in 0 until width) {
        val pixel = pixels[start + x]
        sums[CHANNELS * x] += weight * (pixel shr RED and CHANNEL)
        sums[CHANNELS * x + 1] += weight * (pixel shr GREEN and CHANNEL)
        sums[CHANNELS * x + 2] += weight * (pixel and CHANNEL)
    }
}

private fun pixel(row: FloatArray, filter: Filter, x: Int): Int {
    var red = 0f
    var green = 0f
    var blue = 0f
    for (tap in filter.taps * x until filter.taps * (x + 1)) {
        val weight = filter.weights[tap].toFloat()
        val from = CHANNELS * filter.places[tap]
        red += weight * row[from]
        green += weight * row[from + 1]
        blue += weight * row[from + 2]
    }
    return argb(red, green, blue)
}

/** Levels from 0 to 255, halves to the even one, as numpy rounds; what is outside is cut off. */
internal fun argb(red: Float, green: Float, blue: Float): Int =
    OPAQUE or (level(red) shl RED) or (level(green) shl GREEN) or level(blue)

private fun level(value: Float) = Math.rint(value.toDouble()).toInt().coerceIn(0, CHANNEL)

private const val WEIGHT_STEPS = 2048
private const val LEVEL_STEPS = 16
internal const val CUBIC_TAPS = 4
