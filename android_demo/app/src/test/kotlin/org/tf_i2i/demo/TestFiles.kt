package org.tf_i2i.demo

import java.io.File
import org.junit.Assume.assumeTrue

/** Files that tests are given from outside by system properties; a test that needs one that is not given is skipped. */
object TestFiles {
    /** android_demo. */
    val project: File = generateSequence(File("").absoluteFile) { it.parentFile }.first { File(it, "test_vectors").isDirectory }

    /** A model that export.tflite wrote. */
    val model get() = needed("tf_i2i.model")

    /** A JPEG. */
    val photo get() = needed("tf_i2i.photo")

    /** [photo] as export.stylize translates it with [model], PNG. */
    val expected get() = needed("tf_i2i.expected")

    /** The same with `--brush 2`; the model's working size is at least the photo's. */
    val expectedBroad get() = needed("tf_i2i.expected_broad")

    /** [model] with brushstrokes on record. */
    val painting get() = needed("tf_i2i.painting")

    /** [photo] as export.stylize translates it with [painting] and `--brush 2`, PNG. */
    val expectedPainted get() = needed("tf_i2i.expected_painted")

    /** A photo larger than a canvas, and no larger than the screen shows it. */
    val large get() = needed("tf_i2i.large")

    /** [large] as export.stylize translates it with [painting], PNG. */
    val expectedLarge get() = needed("tf_i2i.expected_large")

    /** A picture that the camera might give, no larger than live view draws it with [model]; PNG. */
    val frame get() = needed("tf_i2i.frame")

    /** [frame] as export.stylize translates it with [model], PNG. */
    val expectedFrame get() = needed("tf_i2i.expected_frame")

    /** A folder for pictures of the screens. */
    val screenshots: File?
        get() = System.getProperty("tf_i2i.screenshots")?.takeIf { it.isNotEmpty() }?.let { File(it).apply { mkdirs() } }

    private fun needed(property: String): File {
        val path = System.getProperty(property).orEmpty()
        assumeTrue("needs -D$property", path.isNotEmpty())
        return File(path)
    }
}
