package org.tf_i2i.demo.inference

import java.io.File
import java.io.IOException
import org.json.JSONException
import org.json.JSONObject
import org.json.JSONArray
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.sha256
import org.tf_i2i.demo.pixels.Difference

/**
 * Remembers which processor was chosen for a model, across processes. Blocking.
 *
 * @param folder holds a file for each model.
 * @param phone names what else the choice depends on: the app's and the system's version; other choices are forgotten.
 */
class ChoiceStore(private val folder: File, private val phone: String) {
    fun get(model: ModelFile): Choice? = try {
        JSONObject(file(model).readText()).takeIf { it.getString(PHONE) == phone }?.let(::choice)
    } catch (_: IOException) {
        null
    } catch (_: JSONException) {
        null
    } catch (_: IllegalArgumentException) {
        null
    }

    /** What can't be written is tried again the next time. */
    fun put(model: ModelFile, choice: Choice) {
        try {
            folder.mkdirs()
            val partial = File(folder, "${file(model).name}.partial")
            partial.writeText(json(choice).toString())
            partial.renameTo(file(model))
        } catch (_: IOException) {
            file(model).delete()
        }
    }

    private fun file(model: ModelFile) = File(folder, "${sha256(model.data)}.json")

    private fun json(choice: Choice) = JSONObject().apply {
        put(PHONE, phone)
        put(PROCESSOR, name(choice.processor))
        (choice.processor as? Processor.Cpu)?.let { put(THREADS, it.threads) }
        put(TRIALS, JSONArray(choice.trials.map(::json)))
    }

    private fun json(trial: Trial) = JSONObject().apply {
        put(PROCESSOR, name(trial.processor))
        put(OUTCOME, trial.outcome.name)
        // JSON has no infinity, which is the PSNR of equal pictures.
        trial.difference?.let { put(LEVELS, it.maxLevels).put(PSNR, it.psnrDb.takeIf(Double::isFinite)) }
        put(MS, trial.acceleratorMs).put(CPU_MS, trial.cpuMs)
    }

    private fun choice(json: JSONObject): Choice {
        val trials = json.getJSONArray(TRIALS)
        val processor = accelerator(json.getString(PROCESSOR)) ?: Processor.Cpu(json.getInt(THREADS))
        return Choice(processor, List(trials.length()) { trial(trials.getJSONObject(it)) })
    }

    private fun trial(json: JSONObject) = Trial(
        accelerator(json.getString(PROCESSOR)) ?: throw JSONException("an accelerator is expected"),
        Outcome.valueOf(json.getString(OUTCOME)),
        if (json.has(LEVELS)) Difference(json.number(PSNR) ?: Double.POSITIVE_INFINITY, json.getInt(LEVELS)) else null,
        json.number(MS),
        json.number(CPU_MS),
    )

    private fun JSONObject.number(key: String) = if (has(key)) getDouble(key) else null

    private fun name(processor: Processor) = when (processor) {
        is Processor.Gpu -> "gpu"
        is Processor.Npu -> "npu"
        is Processor.Cpu -> "cpu"
    }

    private fun accelerator(name: String): Processor.Accelerator? = when (name) {
        "gpu" -> Processor.Gpu
        "npu" -> Processor.Npu
        "cpu" -> null
        else -> throw JSONException(name)
    }

    private companion object {
        const val PHONE = "phone"
        const val PROCESSOR = "processor"
        const val THREADS = "threads"
        const val TRIALS = "trials"
        const val OUTCOME = "outcome"
        const val PSNR = "psnr_db"
        const val LEVELS = "max_levels"
        const val MS = "ms"
        const val CPU_MS = "cpu_ms"
    }
}
