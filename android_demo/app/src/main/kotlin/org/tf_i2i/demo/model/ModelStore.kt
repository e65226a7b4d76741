package org.tf_i2i.demo.model

import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.net.Uri
import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.io.OutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.tf_i2i.demo.blocking
import org.tf_i2i.demo.photo.displayName
import org.tf_i2i.demo.photo.readContent

/**
 * A model that the user can choose.
 *
 * @property id stays the same when the app starts again.
 * @property title null for an opened file that has no name; the screen has a word for it.
 * @property thumbnail name of its picture in the assets.
 */
data class Style(val id: String, val title: String?, val variant: String?, val size: Int?, val thumbnail: String?)

/** The models in the assets, put there by `python -m export.android`, and those that the user opened. Blocking. */
class ModelStore(private val context: Context) {
    private val opened = File(context.filesDir, OPENED)

    fun styles(): List<Style> {
        blocking("models listed")
        return bundled() + opened()
    }

    /**
     * Maps a model into memory.
     *
     * @throws UnusableModel it is damaged or not one of ours.
     * @throws IOException it can't be read.
     */
    fun open(style: Style): ModelFile {
        blocking("model opened")
        val name = style.id.substringAfter(SEPARATOR)
        val data = if (style.id.startsWith(BUNDLED + SEPARATOR)) mapAsset(name) else mapFile(File(opened, name))
        return ModelFile(data, describe(data))
    }

    fun thumbnail(style: Style): Bitmap? = try {
        style.thumbnail?.let { name -> context.assets.open("$ASSETS/$name").use(BitmapFactory::decodeStream) }
    } catch (_: IOException) {
        null
    }

    /**
     * Keeps a copy of the file that the user opened: its content URI may not last.
     *
     * @throws UnusableModel it is no model of ours; nothing is kept.
     * @throws IOException it can't be read or kept.
     */
    fun add(uri: Uri): Style {
        blocking("model copied")
        opened.mkdirs()
        val name = (displayName(context, uri) ?: uri.lastPathSegment ?: DEFAULT_NAME).substringAfterLast('/')
        val target = File(opened, if (name.endsWith(SUFFIX)) name else name + SUFFIX)
        val partial = File.createTempFile(OPENED, null, context.cacheDir)
        try {
            partial.outputStream().use { to -> readContent(context, uri) { copyLimited(it, to) } }
            describe(mapFile(partial))
            if (!partial.renameTo(target)) throw IOException("can't rename to $target")
        } finally {
            partial.delete()
        }
        return openedStyle(target)
    }

    private fun bundled(): List<Style> = try {
        val list = JSONArray(context.assets.open("$ASSETS/$LIST").use { it.readBytes() }.toString(Charsets.UTF_8))
        List(list.length()) { bundledStyle(list.getJSONObject(it)) }
    } catch (_: IOException) {
        emptyList()
    } catch (_: JSONException) {
        emptyList()
    }

    private fun bundledStyle(entry: JSONObject) = Style(
        id = BUNDLED + SEPARATOR + entry.getString("file"),
        title = entry.getString("title"),
        variant = entry.getString("variant"),
        size = entry.getInt("size"),
        thumbnail = entry.getString("thumbnail"),
    )

    private fun opened(): List<Style> =
        opened.listFiles { file -> file.name.endsWith(SUFFIX) }.orEmpty().sortedBy { it.name }.map(::openedStyle)

    private fun openedStyle(file: File) =
        Style(OPENED + SEPARATOR + file.name, file.name.removeSuffix(SUFFIX), variant = null, size = null, thumbnail = null)

    private fun mapAsset(name: String): ByteBuffer = try {
        context.assets.openFd("$ASSETS/$name").use { asset ->
            FileInputStream(asset.fileDescriptor).channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.length)
        }
    } catch (_: FileNotFoundException) {
        // Compressed: a packager that was not told to leave .tflite as it is.
        val bytes = context.assets.open("$ASSETS/$name").use { it.readBytes() }
        ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
    }

    private fun copyLimited(from: InputStream, to: OutputStream) {
        val part = ByteArray(1 shl 16)
        var total = 0L
        while (true) {
            val count = from.read(part)
            if (count < 0) return
            total += count
            if (total > LARGEST_FILE) throw UnusableModel("more than $LARGEST_FILE bytes")
            to.write(part, 0, count)
        }
    }

    private companion object {
        const val ASSETS = "models"
        const val LIST = "models.json"
        const val BUNDLED = "bundled"
        const val OPENED = "opened"
        const val SEPARATOR = ":"
        const val SUFFIX = ".tflite"
        const val DEFAULT_NAME = "model"
        const val LARGEST_FILE = 512L shl 20
    }
}

/** Maps a whole file; the mapping outlives the file's descriptor. */
fun mapFile(file: File): ByteBuffer =
    FileInputStream(file).use { it.channel.map(FileChannel.MapMode.READ_ONLY, 0, it.channel.size()) }
