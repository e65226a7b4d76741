package org.tf_i2i.demo.photo

import android.content.Context
import android.net.Uri
import android.provider.OpenableColumns
import java.io.IOException
import java.io.InputStream

/**
 * Reads what another app offers.
 *
 * @throws IOException it can't be read, for whatever reason: providers are other people's code and throw what they like.
 */
fun <T> readContent(context: Context, uri: Uri, read: (InputStream) -> T): T = try {
    context.contentResolver.openInputStream(uri)?.use(read) ?: throw IOException("$uri: its provider crashed")
} catch (error: RuntimeException) {
    throw IOException("$uri: $error", error)
}

/** The name that another app gives to what it offers, or null. */
fun displayName(context: Context, uri: Uri): String? = try {
    context.contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { cursor ->
        if (cursor.moveToFirst()) cursor.getString(0) else null
    }
} catch (_: RuntimeException) {
    null
}
