package org.tf_i2i.demo.inference

import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean
import org.tf_i2i.demo.blocking
import org.tf_i2i.demo.model.ModelDescription
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.pixels.ArrayGrid
import org.tf_i2i.demo.pixels.CANVAS
import org.tf_i2i.demo.pixels.NORMAL_BRUSH
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.PixelGrid
import org.tf_i2i.demo.pixels.TileNetwork
import org.tf_i2i.demo.pixels.blend
import org.tf_i2i.demo.pixels.broadSizes
import org.tf_i2i.demo.pixels.canvasSizes
import org.tf_i2i.demo.pixels.refined
import org.tf_i2i.demo.pixels.resized
import org.tf_i2i.demo.pixels.sharpenStrokes
import org.tf_i2i.demo.pixels.upsample

/**
 * How a picture was made.
 *
 * @property left an accelerator that failed with this model, where that was found out just now; null otherwise.
 */
data class StylizeReport(val processor: Processor, val milliseconds: Long, val left: Trial?)

/**
 * What a picture is to look like.
 *
 * @property strength how much of the translation (1) and of the picture (0) there is in the result.
 * @property brush factor on the size of strokes, where the model has a working size on record; null for the finest.
 */
data class Look(val strength: Float = 1f, val brush: Float? = NORMAL_BRUSH)

/** Set from any thread; the work ends after the tile that is being translated. */
class Cancellation {
    private val cancelled = AtomicBoolean()

    fun cancel() = cancelled.set(true)

    /** @throws CancellationException it was cancelled. */
    fun check() {
        if (cancelled.get()) throw CancellationException()
    }
}

/**
 * Puts pictures into a model's style, one after the other, on [executor], which must have one thread.
 *
 * The network of the last model stays built between pictures. At the first use of a model, [ProcessorCheck] decides whether
 * an accelerator is used; where that one fails later, the CPU takes over at once, in the middle of a picture if need be, and
 * from then on.
 *
 * @property accelerators to try, the most promising first. Asked on [executor]: native libraries answer.
 * @property choices where decisions are kept; null: only while the network stays built.
 */
class Stylizer(
    val executor: Executor,
    val engines: EngineFactory,
    accelerators: () -> List<Processor.Accelerator> = engines::accelerators,
    private val threads: Int = sensibleThreads(),
    val nanoTime: () -> Long = System::nanoTime,
    private val choices: ChoiceStore? = null,
) {
    val accelerators by lazy(accelerators)
    private val check = ProcessorCheck(engines, threads, nanoTime)
    private var built: BuiltModel? = null

    /**
     * Builds the network unless it is there already. Call it on [executor].
     *
     * @param key tells models apart; the same key means the same [model].
     * @throws EngineFailure even the CPU can't run it.
     */
    fun prepare(key: String, model: () -> ModelFile): ModelDescription = current(key, model).file.description

    /**
     * Translates [picture] in place. Call it on [executor].
     *
     * @param key and [model] as for [prepare].
     * @param look of the result, as in `export.stylize`.
     * @param progress called with the share that is done, between 0 and 1, on this thread.
     * @throws EngineFailure even the CPU can't run it.
     * @throws CancellationException it was cancelled; the picture is half done.
     */
    fun stylize(
        key: String,
        model: () -> ModelFile,
        picture: PixelGrid,
        look: Look,
        cancellation: Cancellation,
        progress: (Float) -> Unit,
    ): StylizeReport {
        val start = nanoTime()
        cancellation.check()
        val current = current(key, model)
        val own = PhotoSize(picture.width, picture.height)
        val size = current.file.description.translatedSize(own, look.brush)
        if (size == own) {
            current.translate(picture, look.strength, cancellation, progress)
        } else {
            current.paint(picture, size, look.strength, cancellation, progress)
        }
        return StylizeReport(current.processor, (nanoTime() - start) / NANOSECONDS_PER_MS, current.tellLeft())
    }

    /**
     * A camera's frame in a model's style.
     *
     * @property maxTiles how many tiles make sense for frames of this size.
     */
    class Live(val picture: ArrayGrid, val processor: Processor, val maxTiles: Int, val left: Trial?)

    /**
     * Translates a frame at the size that fits into so many tiles along its longer side. Call it on [executor].
     *
     * @param key and [model] as for [prepare].
     * @throws EngineFailure even the CPU can't run it.
     */
    fun live(key: String, model: () -> ModelFile, frame: PixelGrid, tiles: Int): Live {
        val current = current(key, model)
        val description = current.file.description
        val own = PhotoSize(frame.width, frame.height)
        val picture = resized(frame, description.liveSize(own, tiles))
        description.liveTiling(tiles).translate(picture, current)
        return Live(picture, current.processor, description.maxLiveTiles(own), current.tellLeft())
    }

    /**
     * Decides anew which processor this model is run on. Call it on [executor].
     *
     * @throws EngineFailure even the CPU can't run it.
     */
    fun recheck(file: ModelFile): Choice {
        release()
        val (choice, engine) = decide(file)
        engine.close()
        return choice
    }

    /** Gives the network's memory back; the next picture builds it again. Call it on [executor]. */
    fun release() {
        built?.close()
        built = null
    }

    private fun current(key: String, model: () -> ModelFile): BuiltModel {
        blocking("network run")
        built?.takeIf { it.key == key }?.let { return it }
        val file = model()
        release()
        return BuiltModel(key, file).also { built = it }
    }

    private fun decide(file: ModelFile): Pair<Choice, Engine> {
        val (choice, engine) = check.choose(file, accelerators) { choices?.put(file, it) }
        if (accelerators.isNotEmpty()) choices?.put(file, choice)
        return choice to engine
    }

    /** A model on the processor that was chosen for it. */
    private inner class BuiltModel(val key: String, val file: ModelFile) : TileNetwork, AutoCloseable {
        private var left: Trial? = null
        private var engine: Engine = chosen() ?: decided()
        val processor get() = engine.processor

        override fun run(tile: IntArray, translated: IntArray) = try {
            engine.run(tile, translated)
        } catch (failure: EngineFailure) {
            val failed = engine.processor as? Processor.Accelerator ?: throw failure
            engine.close()
            val trial = Trial(failed, Outcome.STOPPED).also { left = it }
            engine = cpu()
            choices?.put(file, Choice(engine.processor, listOf(trial)))
            engine.run(tile, translated)
        }

        /** What failed, once. */
        fun tellLeft() = left.also { left = null }

        fun translate(picture: PixelGrid, strength: Float, cancellation: Cancellation, progress: (Float) -> Unit) {
            val tiling = file.description.tiling
            val tiles = tiling.tiles(picture.width, picture.height)
            tiling.translate(picture, this, strength) { done ->
                progress(done.toFloat() / tiles)
                if (done < tiles) cancellation.check()
            }
        }

        /**
         * Replaces [picture] in place by its translation at another [size].
         *
         * As in `Translator.translate` of `export/photos/translator.py`: a model that paints does so at several sizes, smallest
         * first, and then by way of canvases, on which the strokes get their edges.
         */
        fun paint(picture: PixelGrid, size: PhotoSize, strength: Float, cancellation: Cancellation, progress: (Float) -> Unit) {
            val (painted, canvases) = levels(size)
            val isEnlarged = size.pixels > picture.width * picture.height
            val guides = if (isEnlarged) guides(resized(picture, size), painted) else guides(picture, painted + canvases)
            val tiles = painted.sumOf { file.description.tiling.tiles(it.width, it.height) }
            val rows = picture.height + 2 * guides.drop(1).sumOf { it.height }
            // Half of the work are the network's tiles, the other half rows.
            val parts = Parts(2 * tiles * rows) { share ->
                progress(share)
                if (share < 1) cancellation.check()
            }
            fun translated(guide: ArrayGrid) = guide.copy().also {
                val part = parts.next(rows * file.description.tiling.tiles(it.width, it.height))
                translate(it, 1f, cancellation, part)
            }
            fun enlarged(guide: ArrayGrid, reduced: ArrayGrid, translated: ArrayGrid) = guide.copy().also { canvas ->
                val upsampling = parts.next(tiles * canvas.height)
                upsample(canvas, reduced, translated) { upsampling(it.toFloat() / canvas.height) }
                sharpenStrokes(canvas, guide, parts.next(tiles * canvas.height))
            }
            var reduced = guides.first()
            var translated = translated(reduced)
            for (guide in guides.subList(1, painted.size)) {
                val fine = translated(guide)
                translated = refined(enlarged(guide, reduced, translated), fine, guide)
                reduced = guide
            }
            for (guide in guides.drop(painted.size)) {
                translated = enlarged(guide, reduced, translated)
                reduced = guide
            }
            if (!isEnlarged && reduced.height <= picture.height) {
                val upsampling = parts.next(tiles * picture.height)
                upsample(picture, reduced, translated, strength) { upsampling(it.toFloat() / picture.height) }
            } else {
                mix(picture, resized(translated, PhotoSize(picture.width, picture.height)), strength)
                parts.next(tiles * picture.height)(1f)
            }
        }

        /** Sizes at which the network paints a photo, the largest as given, and those of the canvases. */
        private fun levels(size: PhotoSize): Pair<List<PhotoSize>, List<PhotoSize>> {
            if (!file.description.paints) return listOf(size) to emptyList()
            return broadSizes(size) + size to canvasSizes(size, CANVAS.toDouble() / size.longest)
        }

        override fun close() = engine.close()

        /** On the processor that was chosen earlier; null where none was, or where it fails now. */
        private fun chosen(): Engine? {
            val processor = choices?.get(file)?.processor ?: return null
            if (processor is Processor.Accelerator && processor !in accelerators) return null
            return try {
                if (processor is Processor.Accelerator) engines.build(file, processor) else cpu()
            } catch (failure: EngineFailure) {
                if (processor is Processor.Accelerator) null else throw failure
            }
        }

        private fun decided(): Engine {
            val (choice, engine) = decide(file)
            left = choice.trials.lastOrNull { it.outcome.isFailure }?.takeIf { choice.processor is Processor.Cpu }
            return engine
        }

        private fun cpu() = engines.build(file, Processor.Cpu(threads))
    }

    private companion object {
        const val NANOSECONDS_PER_MS = 1_000_000
    }
}

/** Adds up what parts of the work report, each the share of it that is done. */
private class Parts(private val total: Int, private val report: (Float) -> Unit) {
    private var begun = 0

    fun next(weight: Int): (Float) -> Unit {
        val before = begun
        begun += weight
        return { share -> report(((before + share.toDouble() * weight) / total).toFloat()) }
    }
}

/** The photo at each size, smallest first. */
private fun guides(photo: PixelGrid, sizes: List<PhotoSize>): List<ArrayGrid> {
    val guides = ArrayDeque<ArrayGrid>()
    for (size in sizes.asReversed()) guides.addFirst(resized(guides.firstOrNull() ?: photo, size))
    return guides
}

/** Replaces [picture] by a mix with its translation, row by row. */
private fun mix(picture: PixelGrid, translation: ArrayGrid, strength: Float) {
    val from = IntArray(picture.width)
    val to = IntArray(picture.width)
    for (row in 0 until picture.height) {
        picture.read(0, row, picture.width, 1, from)
        translation.read(0, row, picture.width, 1, to)
        if (strength != 1f) blend(from, to, strength)
        picture.write(0, row, picture.width, 1, to)
    }
}
