package org.tf_i2i.demo.inference

import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.pixels.ByteCoding
import org.tf_i2i.demo.pixels.Difference
import org.tf_i2i.demo.pixels.difference
import org.tf_i2i.demo.pixels.knownPicture

/**
 * How an accelerator did with a model, and so whether it is used.
 *
 * @property difference of its picture to the CPU's; null where there is none.
 * @property acceleratorMs of a run, the median of some; [cpuMs] likewise.
 */
data class Trial(
    val processor: Processor.Accelerator,
    val outcome: Outcome,
    val difference: Difference? = null,
    val acceleratorMs: Double? = null,
    val cpuMs: Double? = null,
)

enum class Outcome {
    USED,

    /** It can't be built, or part of the network has no place there. */
    NOT_BUILT,

    /** It was built, and then failed. */
    STOPPED,

    /** Its picture is not the CPU's. */
    DIFFERENT,

    /** Right, but the CPU is at least as fast. */
    NOT_FASTER,

    /** The app ended while it was tried. */
    CRASHED,
    ;

    /** Whether somebody who waits for the GPU should be told. */
    val isFailure get() = this != USED && this != NOT_FASTER
}

/** Which processor a model is run on, and what was tried before that was decided. */
data class Choice(val processor: Processor, val trials: List<Trial> = emptyList())

/**
 * How far a picture may be from the CPU's.
 *
 * @property psnrDb at least; [maxLevels] of any channel of any pixel, at most.
 */
data class Bound(val psnrDb: Double, val maxLevels: Int) {
    fun holds(difference: Difference) = difference.psnrDb >= psnrDb && difference.maxLevels <= maxLevels
}

/** The bounds of `export/conversion/gpu_check.py`, by variant; a test compares them. */
val BOUNDS = mapOf(
    "float32" to Bound(60.0, 4),
    "float16" to Bound(60.0, 4),
    "dynamic" to Bound(40.0, 24),
    "int8" to Bound(38.0, 24),
    "int16" to Bound(40.0, 24),
)

fun bound(model: ModelFile): Bound = with(model.description) {
    BOUNDS[about.variant] ?: BOUNDS.getValue(if (output is ByteCoding) "int8" else "float32")
}

/**
 * Decides whether an accelerator is used for a model: a known picture must come out as on the CPU, and sooner.
 *
 * Neither is certain: drivers compute wrong pictures without an error, and a runtime may hand work back to the CPU.
 */
class ProcessorCheck(private val engines: EngineFactory, private val threads: Int, private val nanoTime: () -> Long) {
    /**
     * Call it on the thread that builds engines. The first accelerator that passes is taken; the rest is not tried.
     *
     * @param before called before each accelerator is tried, with what stands if the app should end in it.
     * @return the choice, and its engine, ready to run.
     * @throws EngineFailure even the CPU can't run it.
     */
    fun choose(model: ModelFile, accelerators: List<Processor.Accelerator>, before: (Choice) -> Unit = {}): Pair<Choice, Engine> {
        val cpu = engines.build(model, Processor.Cpu(threads))
        if (accelerators.isEmpty()) return Choice(cpu.processor) to cpu
        var used: Engine? = null
        try {
            val picture = knownPicture(model.description.size)
            val expected = IntArray(picture.size)
            val cpuMs = milliseconds(cpu, picture, expected)
            val trials = mutableListOf<Trial>()
            for (accelerator in accelerators) {
                before(Choice(cpu.processor, trials + Trial(accelerator, Outcome.CRASHED)))
                val (trial, engine) = trial(model, accelerator, picture, expected, cpuMs)
                trials += trial
                if (engine != null) {
                    used = engine
                    return Choice(accelerator, trials) to engine
                }
            }
            used = cpu
            return Choice(cpu.processor, trials) to cpu
        } finally {
            if (used !== cpu) cpu.close()
        }
    }

    private fun trial(
        model: ModelFile,
        accelerator: Processor.Accelerator,
        picture: IntArray,
        expected: IntArray,
        cpuMs: Double,
    ): Pair<Trial, Engine?> {
        val engine = try {
            engines.build(model, accelerator)
        } catch (_: EngineFailure) {
            return Trial(accelerator, Outcome.NOT_BUILT) to null
        }
        var outcome = Outcome.STOPPED
        try {
            val found = IntArray(picture.size)
            val ms = milliseconds(engine, picture, found)
            val difference = difference(expected, found)
            outcome = when {
                !bound(model).holds(difference) -> Outcome.DIFFERENT
                ms >= cpuMs -> Outcome.NOT_FASTER
                else -> Outcome.USED
            }
            return Trial(accelerator, outcome, difference, ms, cpuMs) to engine.takeIf { outcome == Outcome.USED }
        } catch (_: EngineFailure) {
            return Trial(accelerator, Outcome.STOPPED) to null
        } finally {
            if (outcome != Outcome.USED) engine.close()
        }
    }

    /** Of a run, with the conversion of pixels that each has; the first run, which compiles, does not count. */
    private fun milliseconds(engine: Engine, picture: IntArray, result: IntArray): Double {
        engine.run(picture, result)
        val times = List(TIMED_RUNS) {
            val start = nanoTime()
            engine.run(picture, result)
            nanoTime() - start
        }
        return times.sorted()[TIMED_RUNS / 2] / NANOSECONDS_PER_MS
    }

    private companion object {
        const val TIMED_RUNS = 3
        const val NANOSECONDS_PER_MS = 1e6
    }
}
