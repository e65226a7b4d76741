package org.tf_i2i.demo.photo

import android.graphics.Bitmap
import java.io.File
import org.tf_i2i.demo.pixels.Orientation
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.PixelGrid
import org.tf_i2i.demo.pixels.UprightGrid

/** A file that no picture can be made of. */
class UnreadablePhoto(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A picture that the phone's memory can't hold in full. */
class PhotoTooLarge(val size: PhotoSize, cause: Throwable? = null) : Exception("$size", cause)

/** A photo in our own cache: what another app shared may be gone the next time. */
data class Photo(val file: File, val stored: PhotoSize, val orientation: Orientation) {
    /** As a viewer shows it. */
    val size get() = orientation.upright(stored)
}

/** A bitmap's own pixels; it must be mutable to be written. */
class BitmapGrid(private val bitmap: Bitmap) : PixelGrid {
    override val width get() = bitmap.width
    override val height get() = bitmap.height

    override fun read(left: Int, top: Int, width: Int, height: Int, into: IntArray) =
        bitmap.getPixels(into, 0, width, left, top, width, height)

    override fun write(left: Int, top: Int, width: Int, height: Int, from: IntArray) =
        bitmap.setPixels(from, 0, width, left, top, width, height)
}

/** A photo in full resolution, as the camera stored it: turning 48 megapixels would take a second 192 MB. */
class FullPhoto(val bitmap: Bitmap, val orientation: Orientation) {
    /** What the network sees: upright, without a copy. */
    val upright: PixelGrid =
        BitmapGrid(bitmap).let { if (orientation == Orientation.NORMAL) it else UprightGrid(it, orientation) }
}
