package org.tf_i2i.demo.model

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A table of a FlatBuffers file, read in place; fields are numbered in the order of their schema.
 *
 * Enough of the format for TensorFlow Lite's headers and metadata, so that the app needs no library for them.
 * Reading a damaged file ends in an [IndexOutOfBoundsException] or an [IllegalArgumentException], never elsewhere.
 */
class FlatTable private constructor(private val data: ByteBuffer, private val at: Int) {
    fun int(field: Int, default: Int = 0): Int = place(field)?.let(data::getInt) ?: default

    fun byte(field: Int, default: Int = 0): Int = place(field)?.let { data.get(it).toInt() and 0xFF } ?: default

    fun table(field: Int): FlatTable? = place(field)?.let { FlatTable(data, follow(it)) }

    fun tables(field: Int): List<FlatTable> =
        elements(field, Int.SIZE_BYTES) { FlatTable(data, follow(it)) }

    fun ints(field: Int): List<Int> = elements(field, Int.SIZE_BYTES, data::getInt)

    fun floats(field: Int): List<Float> = elements(field, Float.SIZE_BYTES, data::getFloat)

    fun text(field: Int): String? = bytes(field)?.let { slice ->
        ByteArray(slice.remaining()).also(slice::get).toString(Charsets.UTF_8)
    }

    fun bytes(field: Int): ByteBuffer? {
        val vector = follow(place(field) ?: return null)
        val length = data.getInt(vector)
        val start = vector + Int.SIZE_BYTES
        require(length in 0..data.limit() - start) { "a vector of $length bytes does not fit" }
        return (data.duplicate().position(start).limit(start + length) as ByteBuffer).slice()
    }

    private fun <T> elements(field: Int, size: Int, read: (Int) -> T): List<T> {
        val vector = follow(place(field) ?: return emptyList())
        val length = data.getInt(vector)
        val start = vector + Int.SIZE_BYTES
        require(length in 0..(data.limit() - start) / size) { "a vector of $length elements does not fit" }
        return List(length) { read(start + it * size) }
    }

    /** Where the field's value stands, or null where the table has none and its default holds. */
    private fun place(field: Int): Int? {
        val fields = at - data.getInt(at)
        val entry = VTABLE_HEADER + field * Short.SIZE_BYTES
        val length = data.getShort(fields).toInt() and 0xFFFF
        if (entry + Short.SIZE_BYTES > length) return null
        val offset = data.getShort(fields + entry).toInt() and 0xFFFF
        return if (offset == 0) null else at + offset
    }

    private fun follow(place: Int) = place + data.getInt(place)

    companion object {
        private const val VTABLE_HEADER = 4
        private const val IDENTIFIER_AT = 4
        private const val IDENTIFIER_LENGTH = 4

        /**
         * The root table of [buffer], from its position to its limit.
         *
         * @throws IllegalArgumentException the file is not one with that [identifier].
         */
        fun root(buffer: ByteBuffer, identifier: String): FlatTable {
            val data = buffer.slice().order(ByteOrder.LITTLE_ENDIAN)
            require(data.limit() >= IDENTIFIER_AT + IDENTIFIER_LENGTH) { "too short" }
            val found = String(CharArray(IDENTIFIER_LENGTH) { (data.get(IDENTIFIER_AT + it).toInt() and 0xFF).toChar() })
            require(found == identifier) { "identifier $found instead of $identifier" }
            return FlatTable(data, data.getInt(0))
        }
    }
}
