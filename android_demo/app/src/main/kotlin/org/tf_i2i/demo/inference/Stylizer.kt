package org.tf_i2i.demo.inference

import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import java.util.concurrent.atomic.AtomicBoolean
import org.tf_i2i.demo.blocking
import org.tf_i2i.demo.model.ModelDescription
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.pixels.ArrayGrid
import org.tf_i2i.demo.pixels.NORMAL_BRUSH
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.PixelGrid
import org.tf_i2i.demo.pixels.TileNetwork
import org.tf_i2i.demo.pixels.blend
import org.tf_i2i.demo.pixels.resized
import org.tf_i2i.demo.pixels.upsample

/**
 * How a picture was made.
 *
 * @property fellBack the GPU was tried and failed, now or earlier with this model.
 */
data class StylizeReport(val processor: Processor, val milliseconds: Long, val fellBack: Boolean)

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
 * The network of the last model stays built between pictures. The GPU is used where [isGpuAllowed]; where it fails to build
 * or to run, the CPU takes over at once, in the middle of a picture if need be, and for the rest of this model's life.
 */
class Stylizer(
    val executor: Executor,
    val engines: EngineFactory = TfLiteEngineFactory,
    gpuAllowed: () -> Boolean = ::isGpuAllowed,
    private val threads: Int = sensibleThreads(),
    val nanoTime: () -> Long = System::nanoTime,
) {
    /** Whether the GPU is tried. Asked on [executor]: the list of phones is a native library's. */
    val isGpuAllowed by lazy(gpuAllowed)
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
            val half: (Float) -> Unit = { progress(it / 2) }
            val reduced = resized(picture, size)
            val translated = ArrayGrid(size.width, size.height, reduced.pixels.copyOf())
            current.translate(translated, 1f, cancellation, half)
            cancellation.check()
            if (size.pixels > own.pixels) {
                mix(picture, resized(translated, own), look.strength)
            } else {
                upsample(picture, reduced, translated, look.strength) { rows ->
                    progress((1 + rows.toFloat() / own.height) / 2)
                    if (rows < own.height) cancellation.check()
                }
            }
        }
        return StylizeReport(current.processor, (nanoTime() - start) / NANOSECONDS_PER_MS, current.fellBack)
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

    /** A model on the best processor that has not failed it. */
    private inner class BuiltModel(val key: String, val file: ModelFile) : TileNetwork, AutoCloseable {
        var fellBack = false
            private set
        private var engine: Engine = if (isGpuAllowed) gpuOrCpu() else cpu()
        val processor get() = engine.processor

        override fun run(tile: IntArray, translated: IntArray) = try {
            engine.run(tile, translated)
        } catch (failure: EngineFailure) {
            if (engine.processor !is Processor.Gpu) throw failure
            engine.close()
            fellBack = true
            engine = cpu()
            engine.run(tile, translated)
        }

        fun translate(picture: PixelGrid, strength: Float, cancellation: Cancellation, progress: (Float) -> Unit) {
            val tiling = file.description.tiling
            val tiles = tiling.tiles(picture.width, picture.height)
            tiling.translate(picture, this, strength) { done ->
                progress(done.toFloat() / tiles)
                if (done < tiles) cancellation.check()
            }
        }

        override fun close() = engine.close()

        private fun gpuOrCpu(): Engine = try {
            engines.build(file, Processor.Gpu)
        } catch (_: EngineFailure) {
            fellBack = true
            cpu()
        }

        private fun cpu() = engines.build(file, Processor.Cpu(threads))
    }

    private companion object {
        const val NANOSECONDS_PER_MS = 1_000_000
    }
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
