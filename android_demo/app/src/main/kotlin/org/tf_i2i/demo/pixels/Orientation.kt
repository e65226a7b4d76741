package org.tf_i2i.demo.pixels

/**
 * The eight ways in which a camera may have stored an upright picture (EXIF tag 0x0112).
 *
 * @property exif the tag's value.
 * @property transposed rows and columns are swapped, before what follows.
 * @property mirroredAcross stored columns run from right to left.
 * @property mirroredDown stored rows run from bottom to top.
 */
enum class Orientation(
    val exif: Int,
    val transposed: Boolean,
    val mirroredAcross: Boolean,
    val mirroredDown: Boolean,
) {
    NORMAL(1, false, false, false),
    FLIPPED(2, false, true, false),
    TURNED_180(3, false, true, true),
    FLIPPED_DOWN(4, false, false, true),
    TRANSPOSED(5, true, false, false),
    TURNED_90(6, true, false, true),
    TRANSVERSED(7, true, true, true),
    TURNED_270(8, true, true, false),
    ;

    /** The size that a stored picture has upright, and the reverse. */
    fun upright(stored: PhotoSize) = if (transposed) stored.transposed() else stored

    /** The same, seen in a mirror. */
    fun mirrored() = entries.first {
        it.transposed == transposed &&
            it.mirroredAcross == (mirroredAcross != !transposed) &&
            it.mirroredDown == (mirroredDown != transposed)
    }

    companion object {
        /** Values that the standard doesn't know are taken as upright. */
        fun of(exif: Int) = entries.firstOrNull { it.exif == exif } ?: NORMAL
    }
}

/** An upright view of a picture that is [stored] another way; nothing is copied. */
class UprightGrid(private val stored: PixelGrid, private val orientation: Orientation) : PixelGrid {
    override val width = if (orientation.transposed) stored.height else stored.width
    override val height = if (orientation.transposed) stored.width else stored.height
    private var scratch = IntArray(0)

    override fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray) =
        visit(left, top, width, height) { block ->
            stored.read(block.left, block.top, block.width, block.height, block.pixels)
            block.each { upright, at -> into[upright] = block.pixels[at] }
        }

    override fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray) =
        visit(left, top, width, height) { block ->
            block.each { upright, at -> block.pixels[at] = from[upright] }
            stored.write(block.left, block.top, block.width, block.height, block.pixels)
        }

    private inline fun visit(left: Int, top: Int, width: Int, height: Int, action: (Block) -> Unit) {
        if (scratch.size < width * height) scratch = IntArray(width * height)
        val (wide, tall) = if (orientation.transposed) height to width else width to height
        val (across, down) = if (orientation.transposed) top to left else left to top
        action(
            Block(
                left = if (orientation.mirroredAcross) stored.width - across - wide else across,
                top = if (orientation.mirroredDown) stored.height - down - tall else down,
                width = wide,
                height = tall,
                pixels = scratch,
            ),
        )
    }

    /** A block as it is stored, and how its pixels follow one another in the upright one. */
    private inner class Block(val left: Int, val top: Int, val width: Int, val height: Int, val pixels: IntArray) {
        inline fun each(action: (upright: Int, stored: Int) -> Unit) {
            for (row in 0 until height) {
                val down = if (orientation.mirroredDown) height - 1 - row else row
                for (column in 0 until width) {
                    val across = if (orientation.mirroredAcross) width - 1 - column else column
                    val upright = if (orientation.transposed) across * height + down else down * width + across
                    action(upright, row * width + column)
                }
            }
        }
    }
}
