package org.tf_i2i.demo.photo

import android.app.ActivityManager
import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.ColorSpace
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.PorterDuff
import android.media.ExifInterface
import android.net.Uri
import java.io.File
import java.io.IOException
import org.tf_i2i.demo.blocking
import org.tf_i2i.demo.pixels.Orientation
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.sampleSize

/** Photos in the app's cache, decoded and encoded there. Blocking. */
class PhotoStore(private val context: Context) {
    private val folder = File(context.cacheDir, FOLDER)

    /**
     * Copies a photo that another app offers; the one before it is removed.
     *
     * @throws UnreadablePhoto it can't be read, or is no picture.
     */
    fun import(uri: Uri): Photo {
        blocking("photo copied")
        folder.mkdirs()
        val copy = File.createTempFile(PREFIX, null, folder)
        return try {
            copy.outputStream().use { to -> readContent(context, uri) { it.copyTo(to) } }
            open(copy)
        } catch (error: IOException) {
            copy.delete()
            throw UnreadablePhoto("$uri", error)
        } catch (error: UnreadablePhoto) {
            copy.delete()
            throw error
        }
    }

    /**
     * A photo that is in the cache already.
     *
     * @throws UnreadablePhoto it is no picture.
     */
    fun open(file: File): Photo {
        blocking("photo measured")
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeFile(file.path, bounds)
        if (bounds.outWidth <= 0 || bounds.outHeight <= 0) throw UnreadablePhoto("${file.name} is no picture")
        return Photo(file, PhotoSize(bounds.outWidth, bounds.outHeight), orientation(file))
    }

    /** Removes every photo but [kept]. */
    fun keepOnly(kept: Photo?) {
        folder.listFiles { file -> file.name.startsWith(PREFIX) && file != kept?.file }?.forEach { it.delete() }
    }

    /** Where a camera writes to. */
    val cameraFile = File(folder, CAMERA)

    /** What live view froze. */
    val liveFile = File(folder, LIVE)

    /** Where results are put together before they are handed out. */
    val resultFile = File(folder, RESULT)

    /**
     * The photo upright, mutable and opaque, its longer side at most [longest] pixels.
     *
     * @throws UnreadablePhoto it is damaged.
     * @throws PhotoTooLarge there is not enough memory.
     */
    fun decodeWithin(photo: Photo, longest: Int): Bitmap {
        val size = photo.size.within(longest)
        val decoded = decode(photo, sampleSize(photo.size, size))
        if (decoded.width == size.width && decoded.height == size.height && photo.orientation == Orientation.NORMAL) {
            return decoded
        }
        val result = allocate(size)
        Canvas(result).drawBitmap(decoded, uprightMatrix(photo.orientation, decoded, size), Paint(Paint.FILTER_BITMAP_FLAG))
        decoded.recycle()
        return result
    }

    /**
     * All of the photo's pixels.
     *
     * @throws UnreadablePhoto it is damaged.
     * @throws PhotoTooLarge there is not enough memory.
     */
    fun decodeFull(photo: Photo): FullPhoto {
        val memory = ActivityManager.MemoryInfo().also(context.getSystemService(ActivityManager::class.java)::getMemoryInfo)
        if (photo.stored.pixels * BYTES_PER_PIXEL > memory.availMem * MEMORY_SHARE) throw PhotoTooLarge(photo.size)
        return FullPhoto(decode(photo, sample = 1), photo.orientation)
    }

    /** Writes a JPEG. A viewer turns it by its orientation tag. */
    fun write(bitmap: Bitmap, orientation: Orientation, file: File) {
        blocking("photo encoded")
        folder.mkdirs()
        file.outputStream().use { out ->
            if (!bitmap.compress(Bitmap.CompressFormat.JPEG, JPEG_QUALITY, out)) throw IOException("${file.name}: not encoded")
        }
        if (orientation != Orientation.NORMAL) {
            ExifInterface(file.path).apply {
                setAttribute(ExifInterface.TAG_ORIENTATION, orientation.exif.toString())
                saveAttributes()
            }
        }
    }

    private fun decode(photo: Photo, sample: Int): Bitmap {
        blocking("photo decoded")
        val options = BitmapFactory.Options().apply {
            inSampleSize = sample
            inMutable = true
            inPreferredConfig = Bitmap.Config.ARGB_8888
            inPreferredColorSpace = ColorSpace.get(ColorSpace.Named.SRGB)
        }
        val bitmap = try {
            BitmapFactory.decodeFile(photo.file.path, options)
        } catch (error: OutOfMemoryError) {
            throw PhotoTooLarge(photo.size, error)
        } ?: throw UnreadablePhoto("${photo.file.name} is damaged")
        if (bitmap.hasAlpha()) flatten(bitmap)
        return bitmap
    }

    /** What shines through is white, as in `export.stylize`. */
    private fun flatten(bitmap: Bitmap) {
        Canvas(bitmap).drawColor(Color.WHITE, PorterDuff.Mode.DST_OVER)
        bitmap.setHasAlpha(false)
    }

    private fun allocate(size: PhotoSize): Bitmap = try {
        Bitmap.createBitmap(size.width, size.height, Bitmap.Config.ARGB_8888)
    } catch (error: OutOfMemoryError) {
        throw PhotoTooLarge(size, error)
    }

    private fun orientation(file: File): Orientation = try {
        val normal = ExifInterface.ORIENTATION_NORMAL
        Orientation.of(ExifInterface(file.path).getAttributeInt(ExifInterface.TAG_ORIENTATION, normal))
    } catch (_: IOException) {
        // Formats that the class doesn't know have no orientation for it.
        Orientation.NORMAL
    }

    companion object {
        /** Below the cache folder. */
        const val FOLDER = "photos"
        private const val PREFIX = "photo"
        private const val CAMERA = "camera.jpg"
        private const val LIVE = "live.jpg"
        private const val RESULT = "result.jpg"
        private const val BYTES_PER_PIXEL = 4
        private const val MEMORY_SHARE = 0.7
        private const val JPEG_QUALITY = 95
    }
}

/** Turns and scales a stored bitmap into the upright [size]. */
private fun uprightMatrix(orientation: Orientation, stored: Bitmap, size: PhotoSize) = Matrix().apply {
    // In the unit square, where an upright point (x, y) is the stored one, mirrored, then transposed.
    setScale(1f / stored.width, 1f / stored.height)
    if (orientation.mirroredAcross) postMirror(-1f, 1f, 1f, 0f)
    if (orientation.mirroredDown) postMirror(1f, -1f, 0f, 1f)
    if (orientation.transposed) postConcat(Matrix().apply { setValues(floatArrayOf(0f, 1f, 0f, 1f, 0f, 0f, 0f, 0f, 1f)) })
    postScale(size.width.toFloat(), size.height.toFloat())
}

private fun Matrix.postMirror(scaleX: Float, scaleY: Float, moveX: Float, moveY: Float) {
    postScale(scaleX, scaleY)
    postTranslate(moveX, moveY)
}
