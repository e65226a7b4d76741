package org.tf_i2i.demo.photo

import java.io.File
import org.tf_i2i.demo.inference.Cancellation
import org.tf_i2i.demo.inference.Look
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.model.ModelStore
import org.tf_i2i.demo.model.Style

/** A photo in all its pixels, translated and written as a JPEG. Blocking; on the stylizer's thread. */
class FullSizeWriter(private val models: ModelStore, private val photos: PhotoStore, private val stylizer: Stylizer) {
    /**
     * @param encoding called when the picture is drawn, and the file is about to be written.
     * @throws PhotoTooLarge there is not enough memory.
     */
    fun write(
        photo: Photo,
        style: Style,
        look: Look,
        file: File,
        cancellation: Cancellation,
        progress: (Float) -> Unit,
        encoding: () -> Unit,
    ) {
        val full = photos.decodeFull(photo)
        try {
            stylizer.stylize(style.id, { models.open(style) }, full.upright, look, cancellation, progress)
            encoding()
            photos.write(full.bitmap, full.orientation, file)
        } finally {
            // 192 MB for 48 megapixels, which the collector does not see.
            full.bitmap.recycle()
        }
    }
}
