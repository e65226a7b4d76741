package org.tf_i2i.demo.inference

import android.content.Context
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate
import org.tf_i2i.demo.model.ModelFile

/** The runtime of this flavour of the app. */
@Suppress("UNUSED_PARAMETER") // The other flavour's needs it.
fun runtimeEngines(context: Context): EngineFactory = TfLiteEngineFactory

/** TensorFlow Lite's Interpreter: XNNPACK on the CPU, and the GPU delegate where its list of tested phones allows it. */
object TfLiteEngineFactory : EngineFactory {
    override fun build(model: ModelFile, processor: Processor): Engine = try {
        TfLiteEngine(model, processor)
    } catch (error: RuntimeException) {
        throw EngineFailure("can't build for $processor", error)
    } catch (error: LinkageError) {
        throw EngineFailure("no native library for $processor", error)
    }

    override fun accelerators(): List<Processor.Accelerator> = try {
        CompatibilityList().use { if (it.isDelegateSupportedOnThisDevice) listOf(Processor.Gpu) else emptyList() }
    } catch (_: LinkageError) {
        emptyList()
    }
}

private class TfLiteEngine(model: ModelFile, override val processor: Processor) : Engine {
    private val coding = model.description
    private val input = pixelBuffer(coding.input.bytesPerPixel)
    private val output = pixelBuffer(coding.output.bytesPerPixel)
    private val delegate = when (processor) {
        is Processor.Gpu -> CompatibilityList().use { GpuDelegate(it.bestOptionsForThisDevice) }
        is Processor.Npu -> throw UnsupportedOperationException("the Interpreter reaches no NPU")
        is Processor.Cpu -> null
    }
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
        delegate?.let(::addDelegate)
        if (processor is Processor.Cpu) setNumThreads(processor.threads).setUseXNNPACK(true)
    }

    private fun pixelBuffer(bytesPerPixel: Int) =
        ByteBuffer.allocateDirect(coding.size * coding.size * bytesPerPixel).order(ByteOrder.nativeOrder())
}
