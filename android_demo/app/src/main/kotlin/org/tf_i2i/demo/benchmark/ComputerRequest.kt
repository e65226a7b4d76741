package org.tf_i2i.demo.benchmark

import java.io.File
import java.io.IOException
import org.json.JSONArray
import org.json.JSONObject
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.describe
import org.tf_i2i.demo.model.mapFile

/**
 * What `python -m export.benchmark --adb` asks for; `export/timing/phone.py` has the protocol.
 *
 * @property token of the answer, by which the computer knows it from a former one.
 * @property folder holds the .tflite files, and receives the answer.
 */
data class ComputerRequest(val token: String, val threads: List<Int>, val repeats: Repeats, val folder: File) {
    /** Every file in the folder on every processor asked for, and on the phone's [accelerators]. */
    fun cases(accelerators: List<Processor.Accelerator>): List<Case> {
        val files = folder.listFiles { file -> file.name.endsWith(".tflite") }.orEmpty().sortedBy { it.name }
        val processors = threads.map(Processor::Cpu) + accelerators
        return files.flatMap { file -> processors.map { Case(file.name, it) { modelFile(file) } } }
    }

    /** Complete or absent: the computer looks for it all the time. */
    fun answer(device: String, timings: List<Timing>, note: (Timing) -> String?) =
        write(JSONObject().put("device", device).put("results", JSONArray(timings.map { result(it, note(it)) })))

    fun answerError(device: String, error: String) = write(JSONObject().put("device", device).put("error", error))

    private fun result(timing: Timing, note: String?) = JSONObject().apply {
        val cpu = timing.processor as? Processor.Cpu
        put("file", timing.name)
        put("accelerator", accelerator(timing.processor))
        put("threads", cpu?.threads ?: JSONObject.NULL)
        put("median_ms", timing.medianMs ?: JSONObject.NULL)
        put("p90_ms", timing.p90Ms ?: JSONObject.NULL)
        put("first_ms", timing.firstMs ?: JSONObject.NULL)
        put("peak_mb", timing.peakMb ?: JSONObject.NULL)
        put("note", note ?: JSONObject.NULL)
    }

    private fun accelerator(processor: Processor) = when (processor) {
        is Processor.Gpu -> "gpu"
        is Processor.Npu -> "npu"
        is Processor.Cpu -> "cpu"
    }

    private fun write(answer: JSONObject) {
        folder.mkdirs()
        val partial = File(folder, "$ANSWER.partial")
        partial.writeText(answer.put("token", token).toString(2))
        if (!partial.renameTo(File(folder, ANSWER))) throw IOException("can't rename $partial")
    }

    private fun modelFile(file: File): ModelFile = mapFile(file).let { ModelFile(it, describe(it)) }

    companion object {
        private const val ANSWER = "benchmark.json"

        /** Below the app's external files. */
        const val FOLDER = "benchmark"

        /** "1,2" to numbers; what is none, or less than 1, is left out. */
        fun threads(text: String): List<Int> = text.split(',').mapNotNull { it.trim().toIntOrNull() }.filter { it >= 1 }.distinct()
    }
}
