package org.tf_i2i.demo.inference

import android.content.res.Resources
import org.tf_i2i.demo.R

/** As the screens name it, such as "CPU, 2 threads". */
fun Resources.name(processor: Processor): String = when (processor) {
    is Processor.Gpu -> getString(R.string.gpu)
    is Processor.Npu -> getString(R.string.npu)
    is Processor.Cpu -> getQuantityString(R.plurals.cpu_threads, processor.threads, processor.threads)
}

/** Which processor is used, and how each accelerator did that was tried; a line each. */
fun Resources.describe(choice: Choice): String {
    val why = choice.trials.map(::describe).ifEmpty { listOf(getString(R.string.trial_none)) }
    return (listOf(getString(R.string.choice_used, name(choice.processor))) + why).joinToString("\n")
}

private fun Resources.describe(trial: Trial): String {
    val text = when (trial.outcome) {
        Outcome.USED -> R.string.trial_used
        Outcome.NOT_BUILT -> R.string.trial_not_built
        Outcome.STOPPED -> R.string.trial_stopped
        Outcome.DIFFERENT -> R.string.trial_different
        Outcome.NOT_FASTER -> R.string.trial_not_faster
        Outcome.CRASHED -> R.string.trial_crashed
    }
    val apart = trial.difference?.let { getString(R.string.trial_apart, it.psnrDb.coerceAtMost(HIGHEST_PSNR), it.maxLevels) }
    val speed = trial.acceleratorMs?.let { getString(R.string.trial_speed, it, trial.cpuMs) }
    return listOfNotNull(getString(text, name(trial.processor)), apart, speed).joinToString(" ")
}

/** Equal pictures have an infinite one. */
private const val HIGHEST_PSNR = 99.9
