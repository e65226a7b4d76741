package org.tf_i2i.demo.model

import java.nio.ByteBuffer
import kotlin.random.Random
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode
import org.tf_i2i.demo.TestFiles
import org.tf_i2i.demo.pixels.ByteCoding
import org.tf_i2i.demo.pixels.FloatCoding

/** What `export.conversion.metadata` writes is read; what is damaged is refused and never breaks the reader. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE) // As all tests: another mode is another class loader, and the network's library loads once.
class ModelFileTest {
    @Test
    fun `a float network is described by its own metadata`() {
        val description = describe(buffer("invert-float32"))
        assertEquals(64, description.size)
        // A halo of 6 pixels, rounded up to the stride of 4.
        assertEquals(8, description.margin)
        assertEquals(FloatCoding(127.5f, 127.5f), description.input)
        assertEquals(FloatCoding(127.5f, 127.5f), description.output)
        with(description.about) {
            assertEquals("tf_i2i ab student", name)
            assertEquals("student", model)
            assertEquals("ab", direction)
            assertEquals("float32", variant)
            assertEquals("nothing: it inverts colours", trainingData)
            assertEquals("1.0", version)
            assertEquals("tf_i2i", author)
            assertEquals(bytes("invert-float32").size, bytes)
        }
    }

    @Test
    fun `a quantised network takes bytes`() {
        val description = describe(buffer("invert-int8"))
        assertEquals(ByteCoding, description.input)
        assertEquals(ByteCoding, description.output)
        assertEquals("int8", description.about.variant)
    }

    @Test
    fun `a network without a halo takes whole pictures`() {
        val description = describe(buffer("whole-float32"))
        assertNull(description.margin)
        assertEquals(0, description.tiling.margin)
    }

    @Test
    fun `only a model that says so paints`() {
        val paints = listOf("paint", "brush", "invert").associateWith { describe(buffer("$it-float32")).paints }
        assertEquals(mapOf("paint" to true, "brush" to false, "invert" to false), paints)
    }

    @Test
    fun `a file that says nothing of itself is refused`() {
        val error = assertThrows(UnusableModel::class.java) { describe(buffer("half-float32")) }
        assertEquals("no model.json in it", error.reason)
    }

    @Test
    fun `attached files are found wherever the model lies in its buffer`() {
        val bytes = bytes("invert-int8")
        val shifted = ByteBuffer.allocate(bytes.size + 7).apply { position(7); put(bytes); position(7) } as ByteBuffer
        assertEquals(describe(buffer("invert-int8")), describe(shifted))
        assertNull(readAttachedFile(ByteBuffer.wrap(bytes), "other.json"))
    }

    @Test
    fun `every cut and every damage is refused or read, and nothing else`() {
        val bytes = bytes("invert-float32")
        for (length in bytes.indices) assertRefusedOrRead(bytes.copyOf(length))
        val random = Random(1)
        repeat(20_000) {
            val damaged = bytes.clone()
            repeat(1 + random.nextInt(4)) { damaged[random.nextInt(damaged.size)] = random.nextInt().toByte() }
            assertRefusedOrRead(damaged)
        }
    }

    @Test
    fun `the demo run's model is understood`() {
        val description = describe(mapFile(TestFiles.model))
        assertEquals(0, checkNotNull(description.margin) % 4)
        assertEquals(description.size, description.tiling.width)
    }

    private fun assertRefusedOrRead(bytes: ByteArray) = try {
        describe(ByteBuffer.wrap(bytes))
    } catch (_: UnusableModel) {
        null
    }

    private fun bytes(name: String) = checkNotNull(javaClass.getResourceAsStream("/models/$name.tflite")).use { it.readBytes() }

    private fun buffer(name: String) = ByteBuffer.wrap(bytes(name))
}
