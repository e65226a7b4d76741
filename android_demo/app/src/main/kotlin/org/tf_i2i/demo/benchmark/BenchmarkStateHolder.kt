package org.tf_i2i.demo.benchmark

import java.io.IOException
import java.util.concurrent.Executor
import org.tf_i2i.demo.StateHolder
import org.tf_i2i.demo.inference.Choice
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.model.ModelStore
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.model.UnusableModel

/**
 * @property choices by the name of each model: the processor that it runs on, and why.
 * @property progress the share that is done; null while nothing is timed.
 * @property fromComputer a computer asked for it over adb.
 * @property failed nothing can be timed, or the answer can't be written.
 */
data class BenchmarkUiState(
    val timings: List<Timing> = emptyList(),
    val choices: Map<String, Choice> = emptyMap(),
    val progress: Float? = null,
    val fromComputer: Boolean = false,
    val failed: Boolean = false,
)

class BenchmarkStateHolder(
    main: Executor,
    private val models: ModelStore,
    private val stylizer: Stylizer,
    private val benchmark: Benchmark,
) : StateHolder<BenchmarkUiState>(BenchmarkUiState(), main, stylizer.executor) {

    /** Chooses the processor of every model of the app anew, and times it on 1, 2 and 4 threads and on each accelerator. */
    fun start() = time(fromComputer = false) { job ->
        val styles = models.styles()
        for (style in styles) {
            job.cancellation.check()
            val choice = choice(style) ?: continue
            job.post { update { it.copy(choices = it.choices + (style.name to choice)) } }
        }
        val processors = THREADS.map(Processor::Cpu) + stylizer.accelerators
        job.run(styles.flatMap { style -> processors.map { Case(style.name, it) { models.open(style) } } }, REPEATS)
    }

    /** Null for a model that can't be run at all, which the timings say. */
    private fun choice(style: Style): Choice? = try {
        stylizer.recheck(models.open(style))
    } catch (_: EngineFailure) {
        null
    } catch (_: UnusableModel) {
        null
    }

    private val Style.name get() = title ?: id

    /**
     * Times what a computer sent, and answers it.
     *
     * @param refused what the answer says of a model that a processor does not run.
     * @param nothing what it says where no model was sent.
     */
    fun start(request: ComputerRequest, device: String, refused: String, nothing: String) = time(fromComputer = true) { job ->
        try {
            val cases = request.cases(stylizer.accelerators)
            if (cases.isEmpty()) {
                request.answerError(device, nothing)
                throw IOException(nothing)
            }
            request.answer(device, job.run(cases, request.repeats)) { if (it.failed) refused else null }
        } catch (error: OutOfMemoryError) {
            request.answerError(device, error.toString())
            throw error
        }
    }

    fun stop() {
        cancelWork()
        update { it.copy(progress = null) }
    }

    private fun time(fromComputer: Boolean, work: (Job) -> Unit) {
        launch({ update { it.copy(progress = null, failed = true) } }) { job ->
            // Its memory would be counted, and its threads would wait beside those that are timed.
            stylizer.release()
            work(job)
            job.post { update { it.copy(progress = null) } }
        }
        update { BenchmarkUiState(progress = 0f, fromComputer = fromComputer) }
    }

    private fun Job.run(cases: List<Case>, repeats: Repeats): List<Timing> {
        if (cases.isEmpty()) throw IOException("no models")
        return benchmark.run(cases, repeats, cancellation) { done, timings ->
            post { update { it.copy(progress = done, timings = timings) } }
        }
    }

    private companion object {
        val THREADS = listOf(1, 2, 4)
        val REPEATS = Repeats(counted = 30, warmUp = 3)
    }
}
