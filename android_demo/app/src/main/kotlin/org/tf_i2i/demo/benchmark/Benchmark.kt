package org.tf_i2i.demo.benchmark

import java.io.File
import java.io.IOException
import org.tf_i2i.demo.inference.Cancellation
import org.tf_i2i.demo.inference.Engine
import org.tf_i2i.demo.inference.EngineFactory
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.UnusableModel

/**
 * What is timed: one model on one processor.
 *
 * @property name of the model, for the screen or for the computer that asked.
 */
class Case(val name: String, val processor: Processor, val open: () -> ModelFile)

/**
 * What was measured; null is what is not known yet, or can't be.
 *
 * @property firstMs of the run right after building.
 * @property peakMb by how much the process had grown after its first run.
 * @property failed the processor doesn't run this model.
 */
data class Timing(
    val name: String,
    val processor: Processor,
    val medianMs: Double? = null,
    val p90Ms: Double? = null,
    val firstMs: Double? = null,
    val peakMb: Double? = null,
    val failed: Boolean = false,
)

/** How often each case runs; what runs before counts is warm-up. */
data class Repeats(val counted: Int, val warmUp: Int)

/** Times all cases in turn, again and again: what else the phone does, and its heat, then meets all of them alike. */
class Benchmark(
    private val engines: EngineFactory,
    private val nanoTime: () -> Long = System::nanoTime,
    private val residentBytes: () -> Long? = ::residentBytes,
) {
    /**
     * Blocks until all is timed. Call it on the thread that builds engines.
     *
     * @param progress called on this thread with the share that is done and what is known so far.
     * @throws java.util.concurrent.CancellationException it was cancelled.
     */
    fun run(cases: List<Case>, repeats: Repeats, cancellation: Cancellation, progress: (Float, List<Timing>) -> Unit): List<Timing> {
        val running = mutableListOf<Running>()
        try {
            val rounds = repeats.warmUp + repeats.counted
            cases.forEach { case ->
                cancellation.check()
                running += Running(case).apply { build() }
                progress(0f, running.map { it.timing })
            }
            for (round in 0 until rounds) {
                for (one in running) {
                    cancellation.check()
                    one.time(counts = round >= repeats.warmUp)
                }
                progress((round + 1f) / rounds, running.map { it.timing })
            }
            return running.map { it.timing }
        } finally {
            running.forEach { it.close() }
        }
    }

    private inner class Running(private val case: Case) {
        private var engine: Engine? = null
        private val times = mutableListOf<Double>()
        var timing = Timing(case.name, case.processor)
            private set

        fun build() = orFailed {
            val before = residentBytes()
            val built = engines.build(case.open(), case.processor).also { engine = it }
            val first = milliseconds(built)
            val after = residentBytes()
            val grown = if (before == null || after == null) null else maxOf(0, after - before) / BYTES_PER_MB
            timing = timing.copy(firstMs = first, peakMb = grown)
        }

        fun time(counts: Boolean) {
            val built = engine ?: return
            orFailed {
                val taken = milliseconds(built)
                if (counts) times += taken
                if (times.isNotEmpty()) timing = timing.copy(medianMs = quantile(times, 0.5), p90Ms = quantile(times, 0.9))
            }
        }

        fun close() {
            engine?.close()
            engine = null
        }

        private fun milliseconds(engine: Engine): Double {
            val start = nanoTime()
            engine.invoke()
            return (nanoTime() - start) / NANOSECONDS_PER_MS
        }

        private fun orFailed(action: () -> Unit) = try {
            action()
        } catch (_: EngineFailure) {
            fail()
        } catch (_: UnusableModel) {
            fail()
        } catch (_: IOException) {
            fail()
        }

        private fun fail() {
            close()
            timing = Timing(case.name, case.processor, failed = true)
        }
    }

    private companion object {
        const val BYTES_PER_MB = 1e6
        const val NANOSECONDS_PER_MS = 1e6
    }
}

/** The value below which [share] of the values lie, between neighbours in proportion, as numpy's default. */
fun quantile(values: List<Double>, share: Double): Double {
    val sorted = values.sorted()
    val place = share * (sorted.size - 1)
    val below = place.toInt()
    val above = minOf(below + 1, sorted.size - 1)
    return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}

/** Memory of this process that is in RAM, or null where the kernel doesn't say. */
fun residentBytes(): Long? = try {
    File("/proc/self/status").useLines { lines ->
        lines.firstOrNull { it.startsWith("VmRSS:") }?.filter(Char::isDigit)?.toLong()?.times(1024)
    }
} catch (_: IOException) {
    null
}
