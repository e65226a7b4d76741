package org.tf_i2i.demo.main

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.net.Uri
import android.util.Log
import java.io.File
import java.io.IOException
import java.util.concurrent.Executor
import org.tf_i2i.demo.StateHolder
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Look
import org.tf_i2i.demo.inference.Outcome
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.inference.Trial
import org.tf_i2i.demo.model.ModelStore
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.model.UnusableModel
import org.tf_i2i.demo.photo.BitmapGrid
import org.tf_i2i.demo.photo.FullSizeWriter
import org.tf_i2i.demo.photo.Gallery
import org.tf_i2i.demo.photo.Photo
import org.tf_i2i.demo.photo.PhotoStore
import org.tf_i2i.demo.photo.PhotoTooLarge
import org.tf_i2i.demo.photo.UnreadablePhoto
import org.tf_i2i.demo.pixels.Orientation

/** What the main screen does; see [MainUiState] for what it shows. */
class MainStateHolder(
    main: Executor,
    private val models: ModelStore,
    private val photos: PhotoStore,
    private val gallery: Gallery,
    private val stylizer: Stylizer,
    private val shareUri: (File) -> Uri,
    private val resultName: () -> String,
) : StateHolder<MainUiState>(MainUiState(), main, stylizer.executor) {

    /** Reads the models, then takes up what [saved] says, where there is something. */
    fun start(saved: SavedMain?) = launchAside(::failed) { job ->
        val items = styleItems()
        val photo = saved?.photo?.let { photoOrNull(File(it)) }
        job.post {
            val selected = items.firstOrNull { it.style.id == saved?.style } ?: items.firstOrNull()
            update {
                it.copy(
                    styles = items,
                    selected = selected?.style,
                    photo = it.photo ?: photo,
                    strength = saved?.strength ?: it.strength,
                    brush = if (saved == null) it.brush else saved.brush,
                    divider = saved?.divider ?: it.divider,
                    notice = if (items.isEmpty()) Notice.NO_MODELS else it.notice,
                )
            }
            // A photo may have been opened meanwhile, and waits for a style.
            if (state.work == null) stylize()
        }
    }

    fun save(): SavedMain = with(state) { SavedMain(photo?.file?.path, selected?.id, strength, brush, divider) }

    fun openPhoto(uri: Uri) {
        begin(Work.Kind.OPENING) { job ->
            val photo = photos.import(uri)
            photos.keepOnly(photo)
            job.post {
                update { it.copy(photo = photo, before = null, after = null, report = null, work = null) }
                stylize()
            }
        }
    }

    fun select(style: Style) {
        if (style == state.selected && (state.after != null || state.work?.kind == Work.Kind.STYLIZING)) return
        update { it.copy(selected = style, after = null, report = null) }
        stylize()
    }

    fun addModel(uri: Uri) {
        begin(Work.Kind.OPENING) { job ->
            val style = models.add(uri)
            // The same name may have stood for another network.
            stylizer.release()
            val items = styleItems()
            job.post {
                update { it.copy(styles = items, selected = style, after = null, report = null, work = null) }
                stylize()
            }
        }
    }

    fun setStrength(strength: Float) = update { it.copy(strength = strength) }

    /** Draws again: strokes of another size are another picture. */
    fun setBrush(brush: Float?) {
        if (brush == state.brush) return
        update { it.copy(brush = brush, after = null, report = null) }
        stylize()
    }

    fun setDivider(divider: Float) = update { it.copy(divider = divider) }

    fun tell(notice: Notice) = update { it.copy(notice = notice) }

    fun dismissNotice() = update { it.copy(notice = null) }

    fun cancel() {
        cancelWork()
        update { it.copy(work = null) }
    }

    fun saveToGallery(size: OutputSize) = handOut(Work.Kind.SAVING, size) { job, file ->
        val handOver = gallery.addOrAsk(file, resultName())
        job.post { update { it.copy(work = null, notice = Notice.SAVED.takeIf { handOver == null }, handOver = handOver) } }
    }

    /** After [HandOver.ChoosePlace]. */
    fun saveTo(place: Uri) = begin(Work.Kind.SAVING) { job ->
        gallery.writeTo(photos.resultFile, place)
        job.post { update { it.copy(work = null, notice = Notice.SAVED) } }
    }

    fun share(size: OutputSize) = handOut(Work.Kind.SHARING, size) { job, file ->
        job.post { update { it.copy(work = null, handOver = HandOver.Share(shareUri(file))) } }
    }

    fun handedOver() = update { it.copy(handOver = null) }

    /** Makes [MainUiState.after] of the photo and the style, once there are both. */
    private fun stylize() {
        val (photo, style) = (state.photo ?: return) to (state.selected ?: return)
        val (shown, brush) = state.before to state.brush
        begin(Work.Kind.STYLIZING) { job ->
            val before = shown ?: photos.decodeWithin(photo, SHOWN_SIDE).also { job.post { show(it) } }
            val description = stylizer.prepare(style.id) { models.open(style) }
            job.post { update { it.copy(hasBrush = description.hasBrush) } }
            val after = before.copy(Bitmap.Config.ARGB_8888, true)
            val report = stylizer.stylize(
                style.id, { models.open(style) }, BitmapGrid(after), Look(1f, brush), job.cancellation, progressOf(job),
            )
            job.post {
                val notice = report.left?.let(::noticeOf) ?: state.notice
                update { it.copy(after = after, report = report, work = null, notice = notice) }
            }
        }
    }

    private fun show(before: Bitmap) = update { it.copy(before = before) }

    private fun handOut(kind: Work.Kind, size: OutputSize, deliver: (Job, File) -> Unit) {
        val shown = state
        if (!shown.canHandOut) return
        begin(kind) { job ->
            val file = photos.resultFile
            if (size == OutputSize.FULL) writeFull(job, shown, file) else writeShown(shown, file)
            deliver(job, file)
        }
    }

    private fun writeShown(shown: MainUiState, file: File) {
        val after = checkNotNull(shown.after)
        val result = checkNotNull(shown.before).copy(Bitmap.Config.ARGB_8888, true)
        Canvas(result).drawBitmap(after, 0f, 0f, Paint().apply { alpha = strengthAlpha(shown.strength) })
        photos.write(result, Orientation.NORMAL, file)
        result.recycle()
    }

    private fun writeFull(job: Job, shown: MainUiState, file: File) {
        val style = checkNotNull(shown.selected)
        val look = Look(shown.strength, shown.brush)
        FullSizeWriter(models, photos, stylizer).write(checkNotNull(shown.photo), style, look, file, job.cancellation, progressOf(job)) {
            job.post { update { it.copy(work = it.work?.copy(progress = null)) } }
        }
    }

    private fun begin(kind: Work.Kind, work: (Job) -> Unit) {
        launch(::failed, work)
        update { it.copy(work = Work(kind), notice = null) }
    }

    private fun progressOf(job: Job): (Float) -> Unit =
        { progress -> job.post { update { it.copy(work = it.work?.copy(progress = progress)) } } }

    private fun failed(error: Throwable) {
        Log.w(TAG, error)
        val saving = state.work?.kind == Work.Kind.SAVING || state.work?.kind == Work.Kind.SHARING
        val notice = when (error) {
            is UnreadablePhoto -> Notice.PHOTO_UNREADABLE
            is PhotoTooLarge, is OutOfMemoryError -> Notice.PHOTO_TOO_LARGE
            is UnusableModel -> Notice.MODEL_UNUSABLE
            is EngineFailure -> Notice.ENGINE_FAILED
            is IOException -> if (saving) Notice.NOT_SAVED else Notice.MODEL_UNREADABLE
            else -> throw error
        }
        update { it.copy(work = null, notice = notice) }
    }

    private fun styleItems() = models.styles().map { StyleItem(it, models.thumbnail(it)) }

    private fun photoOrNull(file: File): Photo? = try {
        photos.open(file)
    } catch (_: UnreadablePhoto) {
        null
    }

    private companion object {
        /** Of what is shown: enough for a phone's screen, little enough to try styles without waiting. */
        const val SHOWN_SIDE = 1600
        const val TAG = "Stylize"
    }
}

/** What survives the process; the photo is a file in the cache. */
data class SavedMain(val photo: String?, val style: String?, val strength: Float, val brush: Float?, val divider: Float)

/** What to say of an accelerator that failed. */
fun noticeOf(left: Trial) =
    if (left.outcome == Outcome.DIFFERENT) Notice.ACCELERATOR_WRONG else Notice.ACCELERATOR_FAILED

/**
 * Adds a JPEG to the gallery, where Android is new enough for that; what else is to be done is returned. Blocking.
 *
 * @throws IOException there is no room, or the provider refuses.
 */
fun Gallery.addOrAsk(jpeg: File, name: String): HandOver? {
    if (!isOpen) return HandOver.ChoosePlace(name)
    add(jpeg, name)
    return null
}

/** How opaque the styled picture lies over the photo, 0 to 255. */
fun strengthAlpha(strength: Float) = Math.round(strength * 255)
