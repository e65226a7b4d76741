package org.tf_i2i.demo.live

import android.graphics.Bitmap
import android.net.Uri
import android.util.Log
import java.io.File
import java.io.IOException
import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import org.tf_i2i.demo.StateHolder
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Look
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.main.StyleItem
import org.tf_i2i.demo.main.Work
import org.tf_i2i.demo.main.addOrAsk
import org.tf_i2i.demo.main.noticeOf
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

/** What live view does; see [LiveUiState] for what it shows. */
class LiveStateHolder(
    private val main: Executor,
    private val models: ModelStore,
    private val photos: PhotoStore,
    private val gallery: Gallery,
    private val stylizer: Stylizer,
    private val source: FrameSource,
    private val resultName: () -> String,
) : StateHolder<LiveUiState>(LiveUiState(), main, stylizer.executor), FrameSource.Listener {

    private val pipeline = FramePipeline(stylizer.executor, ::draw)
    private var isVisible = false

    // Of the stylizer's thread, but for the style, which it reads.
    @Volatile
    private var style: Style? = null
    private var tiles = 1
    private var work = Rate(stylizer.nanoTime)
    private var drawnSinceChange = 0

    // Of the main thread.
    private var rate = Rate(stylizer.nanoTime)

    /** How many frames came too soon, for tests and for the curious. */
    val droppedFrames get() = pipeline.dropped

    /** Reads styles and cameras, then takes up what [saved] says, where there is something. */
    fun start(chosen: String?, saved: SavedLive?) = launchAside(::failed) { job ->
        val items = models.styles().map { StyleItem(it, models.thumbnail(it)) }
        val facings = source.facings()
        val photo = saved?.photo?.let { photoOrNull(File(it), saved.facing) }
        job.post {
            val wanted = saved?.style ?: chosen
            val selected = items.firstOrNull { it.style.id == wanted } ?: items.firstOrNull()
            style = selected?.style
            update {
                it.copy(
                    styles = items,
                    selected = selected?.style,
                    facing = saved?.facing?.takeIf { facing -> facing in facings } ?: facings.firstOrNull() ?: Facing.BACK,
                    canSwitch = facings.size > 1,
                    notice = if (items.isEmpty()) Notice.NO_MODELS else it.notice,
                )
            }
            when {
                photo != null -> drawStill(photo)
                facings.isEmpty() -> lose(CameraLoss.NO_CAMERA)
                state.status == LiveStatus.Starting -> startCamera()
            }
        }
    }

    fun save() = SavedLive(state.selected?.id, state.facing, state.photo?.file?.path)

    /** The user's answer, or what it was before. */
    fun setPermission(isGranted: Boolean) {
        val status = state.status
        if (!isGranted && status != LiveStatus.Frozen && status != LiveStatus.Freezing) {
            stopCamera()
            update { it.copy(status = LiveStatus.Refused) }
        } else if (isGranted && (status == LiveStatus.Asking || status == LiveStatus.Refused)) {
            startCamera()
        }
    }

    /** Another app may want the camera while nobody looks. */
    fun setVisible(visible: Boolean) {
        if (visible == isVisible) return
        isVisible = visible
        val status = state.status
        // Whoever comes back may have given the camera back, too.
        val mayBeBack = status is LiveStatus.Lost && status.loss != CameraLoss.NO_CAMERA
        if (visible && (state.isLive || mayBeBack)) startCamera()
        if (!visible && state.isLive) stopCamera()
    }

    fun setDisplayTurn(degrees: Int) = source.setDisplayTurn(degrees)

    fun select(chosen: Style) {
        if (chosen == state.selected) return
        style = chosen
        update { it.copy(selected = chosen) }
        state.photo?.let(::drawStill)
    }

    fun switchCamera() {
        if (!state.canSwitch || !state.isLive) return
        stopCamera()
        update { it.copy(facing = if (it.facing == Facing.BACK) Facing.FRONT else Facing.BACK, picture = null) }
        startCamera()
    }

    /** Live pictures again, after a frozen one or a lost camera. */
    fun resume() {
        cancelWork()
        update { it.copy(photo = null, work = null, notice = null) }
        startCamera()
    }

    /** Takes a still picture in the camera's full size, which stays on the screen. */
    fun freeze() {
        if (state.status != LiveStatus.Running) return
        pipeline.close()
        update { it.copy(status = LiveStatus.Freezing) }
        val facing = state.facing
        source.takePhoto(photos.liveFile) { isThere ->
            main.execute {
                if (state.status != LiveStatus.Freezing) return@execute
                source.stop()
                if (isThere) readStill(facing) else lose(CameraLoss.FAILED)
            }
        }
    }

    fun saveToGallery() {
        val shown = state
        if (!shown.canSave) return
        val (photo, style) = checkNotNull(shown.photo) to checkNotNull(shown.selected)
        begin(Work.Kind.SAVING) { job ->
            val file = photos.resultFile
            FullSizeWriter(models, photos, stylizer).write(photo, style, Look(), file, job.cancellation, progressOf(job)) {
                job.post { update { it.copy(work = it.work?.copy(progress = null)) } }
            }
            val handOver = gallery.addOrAsk(file, resultName())
            job.post { update { it.copy(work = null, notice = Notice.SAVED.takeIf { handOver == null }, handOver = handOver) } }
        }
    }

    /** After [HandOver.ChoosePlace]. */
    fun saveTo(place: Uri) = begin(Work.Kind.SAVING) { job ->
        gallery.writeTo(photos.resultFile, place)
        job.post { update { it.copy(work = null, notice = Notice.SAVED) } }
    }

    fun handedOver() = update { it.copy(handOver = null) }

    fun tell(notice: Notice) = update { it.copy(notice = notice) }

    fun dismissNotice() = update { it.copy(notice = null) }

    fun cancel() {
        if (state.status == LiveStatus.Freezing) return resume()
        cancelWork()
        update { it.copy(work = null) }
    }

    /** Lets go of camera and work: the screen is left. */
    fun end() {
        cancelWork()
        stopCamera()
    }

    override fun onFrame(frame: Frame) = pipeline.offer(frame)

    override fun onLost(loss: CameraLoss) = main.execute { lose(loss) }

    private fun startCamera() {
        update { it.copy(status = LiveStatus.Starting, framesPerSecond = null) }
        // Before the styles are read, it isn't known which cameras there are.
        if (!isVisible || state.styles == null) return
        rate = Rate(stylizer.nanoTime)
        pipeline.open()
        source.start(state.facing, this)
    }

    private fun stopCamera() {
        pipeline.close()
        source.stop()
    }

    private fun lose(loss: CameraLoss) {
        if (state.status == LiveStatus.Frozen) return
        stopCamera()
        update { it.copy(status = LiveStatus.Lost(loss), picture = null, framesPerSecond = null) }
    }

    /** On the stylizer's thread; ends with [FramePipeline.ready]. */
    private fun draw(frame: Frame) {
        val style = style ?: return pipeline.ready()
        try {
            val start = stylizer.nanoTime()
            val drawn = stylizer.live(style.id, { models.open(style) }, frame.picture, tiles)
            work.count((stylizer.nanoTime() - start).toDouble())
            adapt(drawn.maxTiles)
            val bitmap = Bitmap.createBitmap(drawn.picture.pixels, drawn.picture.width, drawn.picture.height, Bitmap.Config.ARGB_8888)
            main.execute {
                show(bitmap, drawn)
                pipeline.ready()
            }
        } catch (error: Exception) {
            main.execute { stopLive(error) }
        } catch (error: OutOfMemoryError) {
            main.execute { stopLive(error) }
        }
    }

    private fun adapt(most: Int) {
        if (++drawnSinceChange < ADAPT_AFTER) return
        drawnSinceChange = 0
        val next = nextTiles(tiles, work.perSecond ?: return, most)
        if (next == tiles) return
        tiles = next
        work = Rate(stylizer.nanoTime)
    }

    private fun show(bitmap: Bitmap, drawn: Stylizer.Live) {
        if (!state.isLive) return
        rate.seen()
        update {
            it.copy(
                status = LiveStatus.Running,
                picture = bitmap,
                processor = drawn.processor,
                framesPerSecond = rate.perSecond,
                notice = drawn.left?.let(::noticeOf) ?: it.notice,
            )
        }
    }

    private fun stopLive(error: Throwable) {
        stopCamera()
        pipeline.ready()
        update { it.copy(status = LiveStatus.Lost(CameraLoss.FAILED), picture = null) }
        failed(error)
    }

    private fun readStill(facing: Facing) = begin(Work.Kind.STYLIZING) { job ->
        val photo = mirrored(photos.open(photos.liveFile), facing)
        job.post { drawStill(photo) }
    }

    private fun drawStill(photo: Photo) {
        val style = state.selected ?: return
        begin(Work.Kind.STYLIZING) { job ->
            val picture = photos.decodeWithin(photo, SHOWN_SIDE)
            val report = stylizer.stylize(
                style.id, { models.open(style) }, BitmapGrid(picture), Look(), job.cancellation, progressOf(job),
            )
            job.post {
                update {
                    it.copy(status = LiveStatus.Frozen, photo = photo, picture = picture, processor = report.processor, work = null)
                }
            }
        }
        update { it.copy(status = LiveStatus.Freezing, photo = photo) }
    }

    private fun begin(kind: Work.Kind, work: (Job) -> Unit) {
        launch(::failed, work)
        update { it.copy(work = Work(kind), notice = null) }
    }

    private fun progressOf(job: Job): (Float) -> Unit =
        { progress -> job.post { update { it.copy(work = it.work?.copy(progress = progress)) } } }

    private fun failed(error: Throwable) {
        if (error is CancellationException) return
        Log.w(TAG, error)
        val notice = when (error) {
            is UnreadablePhoto -> Notice.PHOTO_UNREADABLE
            is PhotoTooLarge, is OutOfMemoryError -> Notice.PHOTO_TOO_LARGE
            is UnusableModel -> Notice.MODEL_UNUSABLE
            is EngineFailure -> Notice.ENGINE_FAILED
            is IOException -> if (state.work?.kind == Work.Kind.SAVING) Notice.NOT_SAVED else Notice.MODEL_UNREADABLE
            else -> throw error
        }
        val status = if (state.status == LiveStatus.Freezing) LiveStatus.Lost(CameraLoss.FAILED) else state.status
        update { it.copy(status = status, work = null, notice = notice) }
    }

    private fun photoOrNull(file: File, facing: Facing): Photo? = try {
        mirrored(photos.open(file), facing)
    } catch (_: UnreadablePhoto) {
        null
    }

    /** As it was seen, also when it is saved. */
    private fun mirrored(photo: Photo, facing: Facing) =
        if (facing == Facing.FRONT) photo.copy(orientation = photo.orientation.mirrored()) else photo

    private companion object {
        const val SHOWN_SIDE = 1600
        const val ADAPT_AFTER = 12
        const val TAG = "Stylize"
    }
}
