package org.tf_i2i.demo.inference

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.pixels.TileNetwork

/** What a network runs on. */
sealed interface Processor {
    data object Gpu : Processor

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

/** Builds engines; tests put in others. */
fun interface EngineFactory {
    /** @throws EngineFailure the network can't be built for this processor. */
    fun build(model: ModelFile, processor: Processor): Engine
}

/** TensorFlow Lite, on the CPU by XNNPACK. */
object TfLiteEngineFactory : EngineFactory {
    override fun build(model: ModelFile, processor: Processor): Engine = try {
        TfLiteEngine(model, processor)
    } catch (error: RuntimeException) {
        throw EngineFailure("can't build for $processor", error)
    } catch (error: LinkageError) {
        throw EngineFailure("no native library for $processor", error)
    }
}

private class TfLiteEngine(model: ModelFile, override val processor: Processor) : Engine {
    private val coding = model.description
    private val input = pixelBuffer(coding.input.bytesPerPixel)
    private val output = pixelBuffer(coding.output.bytesPerPixel)
    private val delegate = if (processor is Processor.Gpu) gpuDelegate() else null
    private val interpreter = try {
        Interpreter(model.data, options())
    } catch (error: Throwable) {
        delegate?.close()
        throw error
    }

    override fun run(tile: IntArray, translated: IntArray) {
        coding.input.encode(tile, input)
        invoke()
        coding.output.decode(output, translated)
    }

    override fun invoke() {
        input.rewind()
        output.rewind()
        try {
            interpreter.run(input, output)
        } catch (error: RuntimeException) {
            throw EngineFailure("stopped on $processor", error)
        }
    }

    override fun close() {
        interpreter.close()
        delegate?.close()
    }

    private fun options() = Interpreter.Options().apply {
        when (processor) {
            is Processor.Gpu -> addDelegate(delegate)
            is Processor.Cpu -> setNumThreads(processor.threads).setUseXNNPACK(true)
        }
    }

    private fun pixelBuffer(bytesPerPixel: Int) =
        ByteBuffer.allocateDirect(coding.size * coding.size * bytesPerPixel).order(ByteOrder.nativeOrder())
}

private fun gpuDelegate() = CompatibilityList().use { GpuDelegate(it.bestOptionsForThisDevice) }

/** Whether TensorFlow Lite's list of tested phones allows the GPU. */
fun isGpuAllowed(): Boolean = try {
    CompatibilityList().use { it.isDelegateSupportedOnThisDevice }
} catch (_: LinkageError) {
    false
}

/** Threads for a phone whose cores differ: its fast half, as waiting for a slow core costs more than it brings. */
fun sensibleThreads(cores: Int = Runtime.getRuntime().availableProcessors()): Int =
    (cores / 2).coerceIn(1, MOST_THREADS)

private const val MOST_THREADS = 4
