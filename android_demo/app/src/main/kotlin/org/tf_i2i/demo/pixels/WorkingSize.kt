package org.tf_i2i.demo.pixels

/** Factors on the size of strokes; null is the finest: photos are translated at their own size. */
val BRUSHES: List<Float?> = listOf(null, 0.5f, 0.7f, 1f, 1.4f, 2f, 4f)

/** Strokes look as in training. */
const val NORMAL_BRUSH = 1f

/**
 * The long side in pixels at which photos are translated, as in `export.stylize`; null: each has its own.
 *
 * @param recorded the model's working size; null where none is on record.
 */
fun workingSize(recorded: Int?, brush: Float?): Int? =
    // As doubles of the numbers that are shown: 0.7f is not 0.7.
    if (recorded == null || brush == null) null else maxOf(1, Math.rint(recorded / brush.toString().toDouble()).toInt())

/** At which size a photo of [own] size is translated; the counterpart of `export/photos/translator.py`. */
fun translatedSize(own: PhotoSize, workingSize: Int?): PhotoSize {
    if (workingSize == null) return own
    val longest = own.longest
    if (longest < workingSize && workingSize <= MAX_ENLARGEMENT * longest) return own.scaled(workingSize, longest)
    val limited = minOf(longest, MAX_ELONGATION * minOf(own.width, own.height))
    return if (limited <= workingSize) own else own.scaled(workingSize, limited)
}

private fun PhotoSize.scaled(to: Int, from: Int): PhotoSize {
    fun side(length: Int) = maxOf(1, Math.rint(length.toDouble() * to / from).toInt())
    return PhotoSize(side(width), side(height))
}

/** No detail is left to paint in what would have to be enlarged more. */
private const val MAX_ENLARGEMENT = 1.5

/** Of a more elongated photo, the shorter side is that share of the working size. */
private const val MAX_ELONGATION = 4
