package org.tf_i2i.demo.pixels

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class GeometryTest {
    @Test
    fun `a picture fills the view in its own proportions, in the middle`() {
        assertEquals(Box(0f, 150f, 400f, 450f), fitInside(800, 600, 400, 600))
        assertEquals(Box(50f, 0f, 350f, 600f), fitInside(300, 600, 400, 600))
        assertTrue(fitInside(0, 5, 400, 600).isEmpty())
        assertTrue(fitInside(5, 5, 0, 600).isEmpty())
    }

    @Test
    fun `the divider follows the finger and stays on the picture`() {
        val picture = Box(50f, 0f, 350f, 600f)
        for (fraction in listOf(0f, 0.25f, 1f)) assertEquals(fraction, dividerFraction(dividerX(fraction, picture), picture), 1e-6f)
        assertEquals(0f, dividerFraction(10f, picture), 0f)
        assertEquals(1f, dividerFraction(390f, picture), 0f)
        assertEquals(0f, dividerFraction(10f, Box(0f, 0f, 0f, 0f)), 0f)
    }

    @Test
    fun `sizes shrink in proportion and never to nothing`() {
        assertEquals(PhotoSize(1600, 1200), PhotoSize(8000, 6000).within(1600))
        assertEquals(PhotoSize(100, 50), PhotoSize(100, 50).within(1600))
        assertEquals(PhotoSize(1600, 1), PhotoSize(100_000, 3).within(1600))
        assertEquals(48_000_000L, PhotoSize(8000, 6000).pixels)
    }

    @Test
    fun `decoders shrink by powers of two and leave enough`() {
        assertEquals(4, sampleSize(PhotoSize(8000, 6000), PhotoSize(1600, 1200)))
        assertEquals(1, sampleSize(PhotoSize(1700, 1200), PhotoSize(1600, 1129)))
        assertEquals(2, sampleSize(PhotoSize(3200, 2400), PhotoSize(1600, 1200)))
    }

    @Test
    fun `orientations are those of the EXIF standard`() {
        // A picture of 2x1 whose upright left pixel is 1, right 2, as each orientation stores it, row by row.
        val stored = mapOf(1 to "12", 2 to "21", 3 to "21", 4 to "12", 5 to "12", 6 to "21", 7 to "21", 8 to "12")
        for ((exif, wanted) in stored) {
            val orientation = Orientation.of(exif)
            val size = orientation.upright(PhotoSize(2, 1))
            assertEquals(if (exif >= 5) PhotoSize(1, 2) else PhotoSize(2, 1), size)
            val grid = ArrayGrid(size.width, size.height)
            UprightGrid(grid, orientation).write(0, 0, 2, 1, intArrayOf(1, 2))
            assertEquals("$orientation", wanted, grid.pixels.joinToString(""))
        }
        assertEquals(Orientation.NORMAL, Orientation.of(0))
        assertEquals(Orientation.NORMAL, Orientation.of(99))
    }
}
