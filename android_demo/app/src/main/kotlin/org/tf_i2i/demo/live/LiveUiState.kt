package org.tf_i2i.demo.live

import android.graphics.Bitmap
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.main.StyleItem
import org.tf_i2i.demo.main.Work
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.photo.Photo

/** What live view is doing. */
sealed interface LiveStatus {
    /** The system asks the user for the camera, or is about to. */
    data object Asking : LiveStatus

    data object Refused : LiveStatus

    data object Starting : LiveStatus

    data object Running : LiveStatus

    /** A still picture is taken and drawn. */
    data object Freezing : LiveStatus

    data object Frozen : LiveStatus

    data class Lost(val loss: CameraLoss) : LiveStatus
}

/**
 * All that live view shows.
 *
 * @property styles null until they are read.
 * @property picture the newest frame, or the frozen photo, in the chosen style.
 * @property photo what is frozen, in the camera's full size.
 * @property framesPerSecond null until it is known.
 * @property processor what drew [picture].
 */
data class LiveUiState(
    val status: LiveStatus = LiveStatus.Asking,
    val styles: List<StyleItem>? = null,
    val selected: Style? = null,
    val facing: Facing = Facing.BACK,
    val canSwitch: Boolean = false,
    val picture: Bitmap? = null,
    val photo: Photo? = null,
    val framesPerSecond: Double? = null,
    val processor: Processor? = null,
    val work: Work? = null,
    val notice: Notice? = null,
    val handOver: HandOver? = null,
) {
    val isLive get() = status == LiveStatus.Starting || status == LiveStatus.Running
    val canSave get() = status == LiveStatus.Frozen && work == null
}

/** What survives the process; the frozen photo is a file in the cache. */
data class SavedLive(val style: String?, val facing: Facing, val photo: String?)
