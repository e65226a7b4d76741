package org.tf_i2i.demo.pixels

/** Translates one tile: 0xAARRGGBB pixels in, as many out into the second array. */
fun interface TileNetwork {
    fun run(tile: IntArray, translated: IntArray)
}

/**
 * How a photo is cut for a network of fixed input size; the counterpart of `export/photos/tiling.py`.
 *
 * The photo is thought of as mirrored without end. Of each tile only what is at least [margin] pixels from its border is
 * kept, so each kept pixel sees what it would see if the network ran on the whole mirrored photo at once: no seam shows.
 *
 * @property height of the network's input.
 * @property width of the network's input.
 * @property margin pixels around a kept middle that can change it, rounded up to the network's stride.
 * @throws IllegalArgumentException what is kept is smaller than the margin.
 */
data class Tiling(val height: Int, val width: Int, val margin: Int) {
    /** Height of the kept middle, which is also the grid's step. */
    val stepDown = height - 2 * margin

    /** Width of the kept middle. */
    val stepAcross = width - 2 * margin

    init {
        require(margin >= 0 && minOf(stepDown, stepAcross) >= maxOf(1, margin)) {
            "a tile of ${width}x$height keeps too little with a margin of $margin"
        }
    }

    fun rows(photoHeight: Int) = ceilDiv(photoHeight, stepDown)

    fun columns(photoWidth: Int) = ceilDiv(photoWidth, stepAcross)

    fun tiles(photoWidth: Int, photoHeight: Int) = rows(photoHeight) * columns(photoWidth)

    /**
     * Replaces [photo] by its translation, in place: a second one of 48 megapixels would be 192 MB. Besides it, two
     * bands of a tile's height are held.
     *
     * @param strength how much of the translation (1) and of the photo (0) there is in the result.
     * @param afterTile called after each tile with how many are done; what it throws ends the work, the photo half done.
     */
    fun translate(photo: PixelGrid, network: TileNetwork, strength: Float = 1f, afterTile: (Int) -> Unit = {}) {
        val rows = rows(photo.height)
        val columns = columns(photo.width)
        val tile = IntArray(height * width)
        val translated = IntArray(height * width)
        val kept = IntArray(stepDown * stepAcross)
        var band = Band(photo, 0)
        var following = if (rows > 1) Band(photo, 1) else band
        for (row in 0 until rows) {
            for (column in 0 until columns) {
                band.cut(column * stepAcross, tile)
                network.run(tile, translated)
                if (strength != 1f) blend(tile, translated, strength)
                keep(photo, translated, kept, row * stepDown, column * stepAcross)
                afterTile(row * columns + column + 1)
            }
            val spent = band
            band = following
            // A band is copied before the one above it is overwritten, as it sees that one's last rows.
            if (row + 2 < rows) following = spent.also { it.fill(row + 2) }
        }
    }

    private fun keep(photo: PixelGrid, translated: IntArray, kept: IntArray, top: Int, left: Int) {
        val tall = minOf(stepDown, photo.height - top)
        val wide = minOf(stepAcross, photo.width - left)
        for (row in 0 until tall) {
            val start = (margin + row) * width + margin
            translated.copyInto(kept, row * wide, start, start + wide)
        }
        photo.write(left, top, wide, tall, kept)
    }

    /** What one row of tiles sees of the mirrored photo, without the mirrored columns, which [cut] adds. */
    private inner class Band(private val photo: PixelGrid, row: Int) {
        private val pixels = IntArray(height * photo.width)
        private val line = IntArray(photo.width)

        init {
            fill(row)
        }

        fun fill(row: Int) {
            val first = row * stepDown - margin
            var at = 0
            while (at < height) {
                val source = mirrored(first + at, photo.height)
                // Rows of the photo that follow one another are one block; mirrored ones come one by one.
                val count = if (source == first + at) minOf(height - at, photo.height - source) else 1
                if (count == height) {
                    photo.read(0, source, photo.width, count, pixels)
                } else {
                    readRows(source, count, at)
                }
                at += count
            }
        }

        private fun readRows(source: Int, count: Int, at: Int) {
            for (row in 0 until count) {
                photo.read(0, source + row, photo.width, 1, line)
                line.copyInto(pixels, (at + row) * photo.width)
            }
        }

        /** Copies the tile whose kept middle begins at column [left]. */
        fun cut(left: Int, tile: IntArray) {
            val first = left - margin
            val inside = maxOf(0, -first) until minOf(width, photo.width - first)
            val mirroredColumns = (0 until width).filter { it !in inside }
            for (row in 0 until height) {
                val start = row * photo.width
                if (!inside.isEmpty()) {
                    pixels.copyInto(tile, row * width + inside.first, start + first + inside.first, start + first + inside.last + 1)
                }
                for (column in mirroredColumns) tile[row * width + column] = pixels[start + mirrored(first + column, photo.width)]
            }
        }
    }
}

/** Where pixel [at] of an axis mirrored without end lies on it, border pixels not repeated. */
fun mirrored(at: Int, length: Int): Int {
    if (length == 1) return 0
    val period = 2 * (length - 1)
    val place = Math.floorMod(at, period)
    return if (place < length) place else period - place
}

private fun ceilDiv(number: Int, by: Int) = (number + by - 1) / by
