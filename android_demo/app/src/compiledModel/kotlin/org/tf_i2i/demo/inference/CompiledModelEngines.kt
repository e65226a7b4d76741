package org.tf_i2i.demo.inference

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.sha256
import org.tf_i2i.demo.pixels.ByteCoding
import org.tf_i2i.demo.pixels.FloatCoding
import org.tf_i2i.demo.pixels.PixelCoding

/** The runtime of this flavour of the app. */
fun runtimeEngines(context: Context): EngineFactory = CompiledModelEngineFactory(context)

/**
 * LiteRT's CompiledModel: XNNPACK on the CPU, its GPU accelerator, and NPUs whose libraries the app was given.
 *
 * One accelerator is asked for, without the CPU as a second one. Should LiteRT hand work to the CPU all the same, which it does
 * without a word where its GPU artefact is missing, [ProcessorCheck] sees that it is not faster.
 */
class CompiledModelEngineFactory(private val context: Context) : EngineFactory {
    private val environment by lazy { Environment.create(BuiltinNpuAcceleratorProvider(context)) }

    override fun build(model: ModelFile, processor: Processor): Engine = guarded(processor) {
        val file = storedFile(model)
        CompiledModelEngine(model, CompiledModel.create(file.path, options(processor), environment), processor)
    }

    override fun accelerators(): List<Processor.Accelerator> = try {
        val available = environment.getAvailableAccelerators()
        listOf(Accelerator.NPU to Processor.Npu, Accelerator.GPU to Processor.Gpu).filter { it.first in available }.map { it.second }
    } catch (_: LiteRtException) {
        emptyList()
    } catch (_: LinkageError) {
        emptyList()
    }

    private fun options(processor: Processor) = when (processor) {
        is Processor.Gpu -> CompiledModel.Options(Accelerator.GPU)
        is Processor.Npu -> CompiledModel.Options(Accelerator.NPU)
        is Processor.Cpu -> CompiledModel.Options(Accelerator.CPU).apply {
            cpuOptions = CompiledModel.CpuOptions(numThreads = processor.threads)
        }
    }

    /** CompiledModel takes a file's path; a model in the assets has none. */
    private fun storedFile(model: ModelFile): File {
        val folder = File(context.cacheDir, "compiled").apply { mkdirs() }
        val file = File(folder, "${sha256(model.data)}.tflite")
        if (file.exists()) return file
        val partial = File.createTempFile("model", null, folder)
        try {
            partial.outputStream().channel.use { it.write(model.data.duplicate().apply { rewind() }) }
            if (!partial.renameTo(file)) throw IOException("can't rename to $file")
        } finally {
            partial.delete()
        }
        return file
    }
}

private class CompiledModelEngine(model: ModelFile, private val compiled: CompiledModel, override val processor: Processor) : Engine {
    private val coding = model.description
    private val inputs: List<TensorBuffer>
    private val outputs: List<TensorBuffer>
    private val pixels = ByteBuffer.allocate(coding.size * coding.size * maxOf(coding.input.bytesPerPixel, coding.output.bytesPerPixel))
        .order(ByteOrder.nativeOrder())

    init {
        try {
            inputs = compiled.createInputBuffers()
            outputs = compiled.createOutputBuffers()
        } catch (error: Throwable) {
            compiled.close()
            throw error
        }
    }

    override fun run(tile: IntArray, translated: IntArray) {
        coding.input.encode(tile, pixels)
        guarded(processor) { write(coding.input, inputs.single(), tile.size) }
        invoke()
        guarded(processor) { read(coding.output, outputs.single()) }
        coding.output.decode(pixels, translated)
    }

    override fun invoke() = guarded(processor) { compiled.run(inputs, outputs) }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        compiled.close()
    }

    /** Kotlin's TensorBuffer copies arrays; uint8 goes through the methods for int8, which move bytes as they are. */
    private fun write(coding: PixelCoding, to: TensorBuffer, count: Int) {
        val bytes = count * coding.bytesPerPixel
        when (coding) {
            is ByteCoding -> to.writeInt8(pixels.array().copyOf(bytes))
            is FloatCoding -> to.writeFloat(FloatArray(bytes / Float.SIZE_BYTES).also { pixels.rewind(); pixels.asFloatBuffer().get(it) })
        }
    }

    private fun read(coding: PixelCoding, from: TensorBuffer) {
        pixels.clear()
        when (coding) {
            is ByteCoding -> pixels.put(from.readInt8())
            is FloatCoding -> pixels.asFloatBuffer().put(from.readFloat())
        }
    }
}

private fun <T> guarded(processor: Processor, action: () -> T): T = try {
    action()
} catch (error: LiteRtException) {
    throw EngineFailure("LiteRT on $processor", error)
} catch (error: RuntimeException) {
    throw EngineFailure("LiteRT on $processor", error)
} catch (error: IOException) {
    throw EngineFailure("no file for $processor", error)
} catch (error: LinkageError) {
    throw EngineFailure("no native library for $processor", error)
}
