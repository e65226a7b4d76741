package org.tf_i2i.demo.pixels

/**
 * Mixes [photo] (strength 0) into [translation] (1), which is replaced. 0xAARRGGBB; alpha becomes opaque.
 *
 * Rounds as `export.photos.tiling.blend` does: halves to even, in single precision.
 */
fun blend(photo: IntArray, translation: IntArray, strength: Float) {
    for (index in translation.indices) {
        val from = photo[index]
        val to = translation[index]
        translation[index] = OPAQUE or
            (mix(from shr RED, to shr RED, strength) shl RED) or
            (mix(from shr GREEN, to shr GREEN, strength) shl GREEN) or
            mix(from, to, strength)
    }
}

private fun mix(from: Int, to: Int, strength: Float): Int {
    val base = (from and CHANNEL).toFloat()
    return Math.rint((base + strength * ((to and CHANNEL).toFloat() - base)).toDouble()).toInt()
}

internal const val OPAQUE = 0xFF shl 24
internal const val RED = 16
internal const val GREEN = 8
internal const val CHANNEL = 0xFF
