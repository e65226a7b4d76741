package org.tf_i2i.demo.main

import android.graphics.Bitmap
import android.net.Uri
import org.tf_i2i.demo.R
import org.tf_i2i.demo.inference.StylizeReport
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.photo.Photo
import org.tf_i2i.demo.pixels.NORMAL_BRUSH

/**
 * All that the main screen shows.
 *
 * @property styles null until they are read.
 * @property before the photo, as large as a screen; null while none is opened.
 * @property after [before] in the chosen style, at full strength; null until it is made.
 * @property hasBrush whether the chosen model has a working size, which the brush is a factor on.
 * @property report how [after] was made.
 * @property divider what share of the picture's width shows [before].
 */
data class MainUiState(
    val styles: List<StyleItem>? = null,
    val selected: Style? = null,
    val photo: Photo? = null,
    val before: Bitmap? = null,
    val after: Bitmap? = null,
    val hasBrush: Boolean = false,
    val report: StylizeReport? = null,
    val strength: Float = 1f,
    val brush: Float? = NORMAL_BRUSH,
    val divider: Float = 0.5f,
    val work: Work? = null,
    val notice: Notice? = null,
    val handOver: HandOver? = null,
) {
    val canHandOut get() = after != null && work == null

    /** Whether the photo has more pixels than the screen shows. */
    val hasFullSize: Boolean
        get() = photo != null && before != null && photo.size.longest > maxOf(before.width, before.height)
}

/** A style and its picture. */
data class StyleItem(val style: Style, val thumbnail: Bitmap?)

/** What is going on; [progress] is the share that is done, or null where that can't be told. */
data class Work(val kind: Kind, val progress: Float? = null) {
    enum class Kind(val text: Int) {
        OPENING(R.string.work_opening),
        STYLIZING(R.string.work_stylizing),
        SAVING(R.string.work_saving),
        SHARING(R.string.work_sharing),
    }
}

/** Something to tell once. */
enum class Notice(val text: Int) {
    PHOTO_UNREADABLE(R.string.notice_photo_unreadable),
    PHOTO_TOO_LARGE(R.string.notice_photo_too_large),
    MODEL_UNUSABLE(R.string.notice_model_unusable),
    MODEL_UNREADABLE(R.string.notice_model_unreadable),
    ENGINE_FAILED(R.string.notice_engine_failed),
    ACCELERATOR_FAILED(R.string.notice_accelerator_failed),
    ACCELERATOR_WRONG(R.string.notice_accelerator_wrong),
    NO_MODELS(R.string.notice_no_models),
    NO_APP(R.string.notice_no_app),
    TAKE_THEN_CHOOSE(R.string.notice_take_then_choose),
    SAVED(R.string.notice_saved),
    NOT_SAVED(R.string.notice_not_saved),
}

/** A finished picture that another app has to take over. */
sealed interface HandOver {
    data class Share(val uri: Uri) : HandOver

    /** The user names the place, where MediaStore would need a permission. */
    data class ChoosePlace(val name: String) : HandOver
}

/** Which pixels a finished picture has. */
enum class OutputSize { AS_SHOWN, FULL }
