/**
 * STUBS, not LiteRT: the part of its Kotlin API that flavour `compiledModel` calls, so that this flavour can be compiled, and a
 * typo found, where Google's repository is out of reach. Written from the public documentation and declarations of LiteRT 2.3
 * (https://ai.google.dev/edge/api/litert/kotlin and the guide for CompiledModel in Kotlin). Nothing here runs, and no app
 * contains it.
 */
@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.ai.edge.litert

import android.content.Context

private fun stub(): Nothing = throw UnsupportedOperationException("a stub of LiteRT, for compiling only")

class LiteRtException(message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

interface NpuAcceleratorProvider

class BuiltinNpuAcceleratorProvider(context: Context) : NpuAcceleratorProvider

class Environment private constructor() : AutoCloseable {
    fun getAvailableAccelerators(): Set<Accelerator> = stub()

    override fun close() = stub()

    companion object {
        fun create(npuAcceleratorProvider: NpuAcceleratorProvider): Environment = stub()
    }
}

class TensorBuffer private constructor() : AutoCloseable {
    fun writeInt8(data: ByteArray): Unit = stub()

    fun writeFloat(data: FloatArray): Unit = stub()

    fun readInt8(): ByteArray = stub()

    fun readFloat(): FloatArray = stub()

    override fun close() = stub()
}

class CompiledModel private constructor() : AutoCloseable {
    data class CpuOptions(val numThreads: Int? = null, val xnnPackFlags: Int? = null, val xnnPackWeightCachePath: String? = null)

    class Options(vararg accelerators: Accelerator) {
        var cpuOptions: CpuOptions? = null
    }

    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0): Unit = stub()

    override fun close() = stub()

    companion object {
        fun create(filePath: String, options: Options, optionalEnv: Environment? = null): CompiledModel = stub()
    }
}
