package org.tf_i2i.demo.photo

import android.content.ContentValues
import android.content.Context
import android.net.Uri
import android.os.Build
import android.os.Environment
import android.provider.MediaStore
import java.io.File
import java.io.IOException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import org.tf_i2i.demo.R
import org.tf_i2i.demo.blocking

/** A file name for a finished picture, with date and time. */
fun resultName(context: Context): String =
    context.getString(R.string.result_name, SimpleDateFormat("yyyyMMdd-HHmmss", Locale.ROOT).format(Date()))

/** The phone's gallery, by MediaStore: no permission is needed from Android 10 on. Blocking. */
class Gallery(private val context: Context) {
    /** Whether [add] works; on older Androids the user names a place with the system's file dialog instead. */
    val isOpen get() = Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q

    /**
     * Adds a JPEG, which nobody sees until it is complete.
     *
     * @throws IOException there is no room, or the provider refuses.
     */
    fun add(jpeg: File, name: String): Uri {
        val resolver = context.contentResolver
        val values = ContentValues().apply {
            put(MediaStore.Images.Media.DISPLAY_NAME, name)
            put(MediaStore.Images.Media.MIME_TYPE, PhotoProvider.JPEG)
            put(MediaStore.Images.Media.RELATIVE_PATH, "${Environment.DIRECTORY_PICTURES}/$ALBUM")
            put(MediaStore.Images.Media.IS_PENDING, 1)
        }
        val collection = MediaStore.Images.Media.getContentUri(MediaStore.VOLUME_EXTERNAL_PRIMARY)
        return guarded {
            val uri = resolver.insert(collection, values) ?: throw IOException("MediaStore refuses $name")
            try {
                copy(jpeg, uri)
                resolver.update(uri, ContentValues().apply { put(MediaStore.Images.Media.IS_PENDING, 0) }, null, null)
            } catch (error: IOException) {
                resolver.delete(uri, null, null)
                throw error
            }
            uri
        }
    }

    /**
     * Writes a JPEG to a place that the user named.
     *
     * @throws IOException it can't be written.
     */
    fun writeTo(jpeg: File, target: Uri) = guarded { copy(jpeg, target) }

    private fun copy(jpeg: File, uri: Uri) {
        val out = context.contentResolver.openOutputStream(uri) ?: throw IOException("$uri: its provider crashed")
        out.use { jpeg.inputStream().use { from -> from.copyTo(it) } }
    }

    /** Providers are other people's code. */
    private fun <T> guarded(action: () -> T): T {
        blocking("photo saved")
        return try {
            action()
        } catch (error: RuntimeException) {
            throw IOException(error)
        }
    }

    private companion object {
        const val ALBUM = "Stylize"
    }
}
