package org.tf_i2i.demo.inference

import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.pixels.TileNetwork

/** What a network runs on. */
sealed interface Processor {
    /** A processor that has to prove itself against the CPU: see [ProcessorCheck]. */
    sealed interface Accelerator : Processor

    data object Gpu : Accelerator

    data object Npu : Accelerator

    data class Cpu(val threads: Int) : Processor
}

/** The processor, or the runtime, does not do what was asked; nothing that a user can mend. */
class EngineFailure(message: String, cause: Throwable) : Exception(message, cause)

/** A network that is ready to run. Built, used and closed on one thread: the GPU's context belongs to it. */
interface Engine : TileNetwork, AutoCloseable {
    val processor: Processor

    /**
     * Translates what was put in last, or zeros; the part of [run] that a benchmark times.
     *
     * @throws EngineFailure the processor stopped.
     */
    fun invoke()
}

/**
 * A runtime that builds engines: each flavour of the app has its own, `runtimeEngines()`; tests put in others.
 *
 * Flavour `compiledModel` is LiteRT's CompiledModel, flavour `interpreter` TensorFlow Lite's Interpreter.
 */
fun interface EngineFactory {
    /** @throws EngineFailure the network can't be built for this processor. */
    fun build(model: ModelFile, processor: Processor): Engine

    /** What this phone may have besides the CPU, the most promising first. Asks native libraries: not on the main thread. */
    fun accelerators(): List<Processor.Accelerator> = emptyList()
}

/** Threads for a phone whose cores differ: its fast half, as waiting for a slow core costs more than it brings. */
fun sensibleThreads(cores: Int = Runtime.getRuntime().availableProcessors()): Int =
    (cores / 2).coerceIn(1, MOST_THREADS)

private const val MOST_THREADS = 4
