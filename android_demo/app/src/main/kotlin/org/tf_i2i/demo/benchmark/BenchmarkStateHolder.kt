package org.tf_i2i.demo.benchmark

import java.io.IOException
import java.util.concurrent.Executor
import org.tf_i2i.demo.StateHolder
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.Stylizer
import org.tf_i2i.demo.model.ModelStore

/**
 * @property progress the share that is done; null while nothing is timed.
 * @property fromComputer a computer asked for it over adb.
 * @property failed nothing can be timed, or the answer can't be written.
 */
data class BenchmarkUiState(
    val timings: List<Timing> = emptyList(),
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

    /** Times every model of the app on 1, 2 and 4 threads and on the GPU. */
    fun start() = time(fromComputer = false) { job ->
        val cases = models.styles().flatMap { style ->
            processors().map { Case(style.title ?: style.id, it) { models.open(style) } }
        }
        job.run(cases, REPEATS)
    }

    /**
     * Times what a computer sent, and answers it.
     *
     * @param refused what the answer says of a model that a processor does not run.
     * @param nothing what it says where no model was sent.
     */
    fun start(request: ComputerRequest, device: String, refused: String, nothing: String) = time(fromComputer = true) { job ->
        try {
            val cases = request.cases(stylizer.isGpuAllowed)
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

    private fun processors() = THREADS.map(Processor::Cpu) + if (stylizer.isGpuAllowed) listOf(Processor.Gpu) else emptyList()

    private companion object {
        val THREADS = listOf(1, 2, 4)
        val REPEATS = Repeats(counted = 30, warmUp = 3)
    }
}
