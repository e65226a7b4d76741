package org.tf_i2i.demo.model

import java.io.ByteArrayOutputStream
import java.nio.BufferUnderflowException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.DataFormatException
import java.util.zip.Inflater

private const val END_SIGNATURE = 0x06054b50
private const val END_LENGTH = 22
private const val ENTRY_SIGNATURE = 0x02014b50
private const val ENTRY_LENGTH = 46
private const val LOCAL_SIGNATURE = 0x04034b50
private const val LOCAL_LENGTH = 30
private const val LONGEST_COMMENT = 0xFFFF
private const val STORED = 0
private const val DEFLATED = 8

/** An attached file is a page of text; what claims to be more is damaged or hostile. */
private const val LONGEST_FILE = 1 shl 20

/**
 * Reads a file out of the zip archive that TensorFlow Lite metadata appends to a model, or null when there is none such.
 *
 * `java.util.zip.ZipFile` wants a file of its own that begins with the archive; this one begins with a network and may lie
 * inside the APK.
 */
fun readAttachedFile(model: ByteBuffer, name: String): ByteArray? = try {
    val data = model.slice().order(ByteOrder.LITTLE_ENDIAN)
    findEntry(data, name)?.let { extract(data, it) }
} catch (_: IndexOutOfBoundsException) {
    null
} catch (_: IllegalArgumentException) {
    null
} catch (_: DataFormatException) {
    null
} catch (_: BufferUnderflowException) {
    null
}

/** Where the archive's list says that a file is. */
private class Entry(val method: Int, val packed: Int, val length: Int, val local: Int)

private fun findEntry(data: ByteBuffer, name: String): Entry? {
    val last = data.limit() - END_LENGTH
    val end = (last downTo maxOf(0, last - LONGEST_COMMENT)).firstOrNull { data.getInt(it) == END_SIGNATURE } ?: return null
    val count = data.unsignedShort(end + 10)
    val size = data.getInt(end + 12)
    // Offsets count from where the archive begins, which some writers take for the file's beginning and some don't.
    val shift = end - size - data.getInt(end + 16)
    var at = end - size
    repeat(count) {
        if (data.getInt(at) != ENTRY_SIGNATURE) return null
        val nameLength = data.unsignedShort(at + 28)
        if (data.text(at + ENTRY_LENGTH, nameLength) == name) {
            return Entry(data.unsignedShort(at + 10), data.getInt(at + 20), data.getInt(at + 24), data.getInt(at + 42) + shift)
        }
        at += ENTRY_LENGTH + nameLength + data.unsignedShort(at + 30) + data.unsignedShort(at + 32)
    }
    return null
}

private fun extract(data: ByteBuffer, entry: Entry): ByteArray? {
    if (data.getInt(entry.local) != LOCAL_SIGNATURE || entry.length !in 0..LONGEST_FILE || entry.packed < 0) return null
    val start = entry.local + LOCAL_LENGTH + data.unsignedShort(entry.local + 26) + data.unsignedShort(entry.local + 28)
    val packed = data.copy(start, minOf(entry.packed, LONGEST_FILE))
    return when (entry.method) {
        STORED -> packed
        DEFLATED -> inflate(packed, entry.length)
        else -> null
    }
}

private fun inflate(packed: ByteArray, length: Int): ByteArray {
    val inflater = Inflater(true)
    try {
        inflater.setInput(packed)
        val out = ByteArrayOutputStream(length)
        val part = ByteArray(8192)
        while (!inflater.finished() && out.size() <= LONGEST_FILE) {
            val count = inflater.inflate(part)
            if (count == 0 && (inflater.needsInput() || inflater.needsDictionary())) break
            out.write(part, 0, count)
        }
        return out.toByteArray()
    } finally {
        inflater.end()
    }
}

private fun ByteBuffer.unsignedShort(at: Int) = getShort(at).toInt() and 0xFFFF

private fun ByteBuffer.text(at: Int, length: Int) = String(copy(at, length), Charsets.UTF_8)

private fun ByteBuffer.copy(at: Int, length: Int): ByteArray {
    val bytes = ByteArray(length)
    duplicate().apply { position(at) }.get(bytes)
    return bytes
}
