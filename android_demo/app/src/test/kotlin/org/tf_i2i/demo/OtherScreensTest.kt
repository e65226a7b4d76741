package org.tf_i2i.demo

import android.content.Intent
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.tf_i2i.demo.benchmark.ComputerRequest
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.TfLiteEngineFactory
import org.tf_i2i.demo.model.Style

class OtherScreensTest : AppTest() {
    @Test
    fun `the About page says what the metadata says`() {
        val intent = AboutActivity.intent(application, Style("bundled:invert.tflite", null, null, null, null))
        val about = launch(AboutActivity::class.java, intent).setup().get()
        val facts = about.findViewById<ViewGroup>(R.id.about_facts)
        waitUntil("facts") { facts.childCount > 0 }
        val texts = List(facts.childCount) { row ->
            val view = facts.getChildAt(row)
            view.findViewById<TextView>(R.id.fact_label).text.toString() to view.findViewById<TextView>(R.id.fact_value).text.toString()
        }.toMap()
        assertEquals("nothing: it inverts colours", texts["Trained on"])
        assertEquals("int8", texts["Numbers"])
        assertEquals("64\u00a0\u00d7\u00a064 pixels, 8 of them overlap on each side", texts["Tile"])
        assertTrue(texts.getValue("Licence").contains("Apache-2.0"))
        assertEquals("Invert", about.findViewById<TextView>(R.id.about_title).text)
    }

    @Test
    fun `the benchmark times each model on each processor, and can be stopped`() {
        val controller = launch(BenchmarkActivity::class.java).setup()
        val button = controller.get().findViewById<Button>(R.id.benchmark_button)
        button.performClick()
        assertEquals("Stop", button.text)
        waitUntil("figures") { controller.get().holder.state.timings.size == 3 }
        controller.recreate()
        waitUntil("end") { controller.get().holder.state.progress == null }
        val rows = controller.get().findViewById<ViewGroup>(R.id.benchmark_rows)
        assertEquals(4, rows.childCount)
        assertTrue(rows.getChildAt(3).findViewById<TextView>(R.id.timing_median).text.endsWith("ms"))
        assertEquals("CPU \u00d7\u00a04", rows.getChildAt(3).findViewById<TextView>(R.id.timing_processor).text)
        controller.get().findViewById<Button>(R.id.benchmark_button).run {
            assertEquals("Start", text)
            performClick()
            performClick()
            assertEquals("Start", text)
        }
        assertEquals(View.INVISIBLE, controller.get().findViewById<View>(R.id.benchmark_progress).visibility)
    }

    @Test
    fun `the benchmark says which processor draws, why, and how far apart they are`() {
        useParts({ model, processor ->
            val engine = TfLiteEngineFactory.build(model, Processor.Cpu(2))
            if (processor is Processor.Gpu) Wrong(engine) else engine
        }, listOf(Processor.Gpu))
        val benchmark = launch(BenchmarkActivity::class.java).setup().get()
        benchmark.findViewById<Button>(R.id.benchmark_button).performClick()
        waitUntil("end") { benchmark.holder.state.run { progress == null && timings.isNotEmpty() } }
        val lines = benchmark.findViewById<TextView>(R.id.benchmark_choice).text.lines()
        assertEquals(listOf("Drawn by the CPU, 2 threads."), lines.dropLast(1))
        val gpu = Regex("GPU: left, its picture differs from the CPU\u2019s\\. From the CPU\u2019s picture: ([0-9.]+)\u00a0dB, at most ([0-9]+)\u00a0levels. .* ms, CPU .* ms.")
        val (psnr, levels) = checkNotNull(gpu.matchEntire(lines.last().replace(Regex("\u00a0ms"), " ms"))) { lines.last() }.destructured
        assertTrue(psnr.toDouble() < 38 && levels.toInt() > 24)
        // It is timed all the same.
        assertEquals(5, benchmark.findViewById<ViewGroup>(R.id.benchmark_rows).childCount)
    }

    @Test
    fun `a computer gets its answer`() {
        val folder = checkNotNull(relaxed { application.getExternalFilesDir(ComputerRequest.FOLDER) })
        resource("models/invert-int8.tflite").copyTo(File(folder, "mine.tflite"), overwrite = true)
        val intent = Intent(BenchmarkActivity.ACTION).setClass(application, BenchmarkActivity::class.java)
            .putExtra("token", "t1").putExtra("threads", "1").putExtra("repeats", 2).putExtra("warm_up", 1)
        launch(BenchmarkActivity::class.java, intent).setup()
        val answer = File(folder, "benchmark.json")
        waitUntil("answer") { answer.exists() }
        with(JSONObject(answer.readText())) {
            assertEquals("t1", getString("token"))
            assertEquals("mine.tflite", getJSONArray("results").getJSONObject(0).getString("file"))
        }
    }

    @Test
    fun `a computer that sent nothing is told so`() {
        val folder = checkNotNull(relaxed { application.getExternalFilesDir(ComputerRequest.FOLDER) })
        val intent = Intent(BenchmarkActivity.ACTION).setClass(application, BenchmarkActivity::class.java)
            .putExtra("token", "t2").putExtra("threads", "1")
        launch(BenchmarkActivity::class.java, intent).setup()
        val answer = File(folder, "benchmark.json")
        waitUntil("answer") { answer.exists() }
        with(JSONObject(answer.readText())) {
            assertEquals(application.getString(R.string.benchmark_nothing), getString("error"))
            assertFalse(has("results"))
        }
    }
}
