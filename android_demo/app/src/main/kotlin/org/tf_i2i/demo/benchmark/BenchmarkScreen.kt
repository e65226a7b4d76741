package org.tf_i2i.demo.benchmark

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.inference.Choice
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.describe
import org.tf_i2i.demo.inference.name

/** Draws a [BenchmarkUiState]. */
class BenchmarkScreen(root: View, onStart: () -> Unit, onStop: () -> Unit) {
    private val resources = root.resources
    private val text: TextView = root.findViewById(R.id.benchmark_text)
    private val bar: ProgressBar = root.findViewById(R.id.benchmark_progress)
    private val button: Button = root.findViewById(R.id.benchmark_button)
    private val table: ViewGroup = root.findViewById(R.id.benchmark_table)
    private var drawn: Pair<List<Timing>, Map<String, Choice>>? = null
    private var running = false

    init {
        button.setOnClickListener { if (running) onStop() else onStart() }
    }

    fun draw(state: BenchmarkUiState) {
        running = state.progress != null
        text.setText(
            when {
                state.failed -> R.string.benchmark_nothing
                state.fromComputer -> R.string.benchmark_from_computer
                else -> R.string.benchmark_text
            },
        )
        bar.visibility = if (running) View.VISIBLE else View.INVISIBLE
        bar.progress = Math.round((state.progress ?: 0f) * bar.max)
        button.setText(if (running) R.string.benchmark_stop else R.string.benchmark_start)
        button.keepScreenOn = running
        if (drawn != state.timings to state.choices) fill(state.timings, state.choices)
        drawn = state.timings to state.choices
    }

    private fun fill(timings: List<Timing>, choices: Map<String, Choice>) {
        table.removeAllViews()
        for ((name, rows) in timings.groupBy { it.name }) {
            val card = LayoutInflater.from(table.context).inflate(R.layout.item_benchmark, table, false) as ViewGroup
            card.findViewById<TextView>(R.id.benchmark_name).text = name
            val list = card.findViewById<ViewGroup>(R.id.benchmark_rows)
            rows.forEach { addRow(list, it) }
            card.findViewById<TextView>(R.id.benchmark_choice).apply {
                visibility = if (name in choices) View.VISIBLE else View.GONE
                text = choices[name]?.let(resources::describe)
            }
            table.addView(card)
        }
    }

    private fun addRow(list: ViewGroup, timing: Timing) {
        val row = LayoutInflater.from(list.context).inflate(R.layout.item_timing, list, false)
        fun set(id: Int, value: CharSequence) = row.findViewById<TextView>(id).apply { text = value }
        set(R.id.timing_processor, processor(timing.processor))
        set(R.id.timing_median, if (timing.failed) resources.getString(R.string.benchmark_failed) else duration(timing.medianMs))
        set(R.id.timing_p90, if (timing.failed) "" else duration(timing.p90Ms))
        set(R.id.timing_first, if (timing.failed) "" else duration(timing.firstMs))
        set(R.id.timing_memory, if (timing.failed) "" else megabytes(timing.peakMb))
        list.addView(row)
    }

    private fun processor(processor: Processor): String = when (processor) {
        is Processor.Accelerator -> resources.name(processor)
        is Processor.Cpu -> resources.getString(R.string.benchmark_cpu, processor.threads)
    }

    /** Seconds from one on: five digits of milliseconds don't fit a phone's column. */
    private fun duration(milliseconds: Double?): String =
        if (milliseconds != null && milliseconds >= MILLISECONDS_PER_SECOND) {
            format(R.string.benchmark_s, milliseconds / MILLISECONDS_PER_SECOND)
        } else {
            format(R.string.benchmark_ms, milliseconds)
        }

    private fun megabytes(value: Double?) = format(R.string.benchmark_mb, value)

    private fun format(id: Int, value: Double?): String =
        if (value == null) resources.getString(R.string.benchmark_unknown) else resources.getString(id, value)

    private companion object {
        const val MILLISECONDS_PER_SECOND = 1000
    }
}
