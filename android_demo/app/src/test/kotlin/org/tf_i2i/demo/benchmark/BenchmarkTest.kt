package org.tf_i2i.demo.benchmark

import java.io.File
import java.util.concurrent.CancellationException
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.GraphicsMode
import org.tf_i2i.demo.inference.Cancellation
import org.tf_i2i.demo.inference.Engine
import org.tf_i2i.demo.inference.EngineFactory
import org.tf_i2i.demo.inference.EngineFailure
import org.tf_i2i.demo.inference.Processor
import org.tf_i2i.demo.inference.TfLiteEngineFactory
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.describe
import org.tf_i2i.demo.model.mapFile
import org.tf_i2i.demo.wallClock

@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE) // As all tests: another mode is another class loader, and the network's library loads once.
class BenchmarkTest {
    @get:Rule
    val temporary = TemporaryFolder()

    @Test
    fun `cases run in turn, and what runs first is told apart`() {
        val runs = mutableListOf<String>()
        var now = 0L
        val clock = { now }
        val factory = EngineFactory { _, processor -> Counting(processor) { name -> runs += name; now += 1_000_000L * runs.size } }
        val cases = listOf(1, 2).map { Case("model", Processor.Cpu(it), ::model) }
        val timings = Benchmark(factory, clock) { 0 }.run(cases, Repeats(counted = 3, warmUp = 1), Cancellation()) { _, _ -> }
        assertEquals(List(5) { listOf("cpu1", "cpu2") }.flatten(), runs)
        // 1, 3, 5, 7, 9 ms: the first, the warm-up, and three that count.
        assertEquals(1.0, timings[0].firstMs!!, 1e-9)
        assertEquals(7.0, timings[0].medianMs!!, 1e-9)
        assertEquals(8.6, timings[0].p90Ms!!, 1e-9)
        assertEquals(8.0, timings[1].medianMs!!, 1e-9)
    }

    @Test
    fun `quantiles are numpy's`() {
        assertEquals(2.5, quantile(listOf(4.0, 1.0, 3.0, 2.0), 0.5), 1e-12)
        assertEquals(3.7, quantile(listOf(4.0, 1.0, 3.0, 2.0), 0.9), 1e-12)
        assertEquals(5.0, quantile(listOf(5.0), 0.9), 1e-12)
    }

    @Test
    fun `a processor that refuses leaves the others their figures`() {
        val factory = EngineFactory { model, processor ->
            if (processor is Processor.Gpu) throw EngineFailure("no GPU", IllegalStateException())
            TfLiteEngineFactory.build(model, processor)
        }
        val cases = listOf(Processor.Cpu(1), Processor.Gpu).map { Case("model", it, ::model) }
        val (cpu, gpu) = Benchmark(factory, ::wallClock).run(cases, Repeats(2, 0), Cancellation()) { _, _ -> }
        assertTrue(cpu.medianMs!! > 0 && cpu.p90Ms!! >= cpu.medianMs!! && cpu.firstMs!! > 0)
        assertEquals(Timing("model", Processor.Gpu, failed = true), gpu)
    }

    @Test
    fun `cancelling ends it and closes what was built`() {
        val closed = mutableListOf<String>()
        val cancellation = Cancellation()
        val factory = EngineFactory { _, processor -> Counting(processor, { closed += it }) { cancellation.cancel() } }
        val cases = listOf(Case("model", Processor.Cpu(1), ::model))
        assertThrows(CancellationException::class.java) {
            Benchmark(factory).run(cases, Repeats(5, 0), cancellation) { _, _ -> }
        }
        assertEquals(listOf("cpu1"), closed)
    }

    @Test
    fun `the answer is what export phone reads`() {
        val folder = temporary.newFolder("benchmark")
        val request = ComputerRequest("abc", listOf(1, 2), Repeats(2, 1), folder)
        modelBytes("invert-int8").copyTo(File(folder, "b.tflite"))
        modelBytes("half-float32").copyTo(File(folder, "a.tflite"))
        val cases = request.cases(listOf(Processor.Gpu))
        assertEquals(listOf("a.tflite", "b.tflite").flatMap { name -> List(3) { name } }, cases.map { it.name })
        val timings = Benchmark(TfLiteEngineFactory, ::wallClock).run(cases, request.repeats, Cancellation()) { _, _ -> }
        request.answer("Maker Phone", timings) { if (it.failed) "refused" else null }
        val answer = JSONObject(File(folder, "benchmark.json").readText())
        assertEquals("abc", answer.getString("token"))
        assertEquals("Maker Phone", answer.getString("device"))
        val results = answer.getJSONArray("results")
        assertEquals(6, results.length())
        val damaged = results.getJSONObject(0)
        assertEquals("a.tflite cpu 1 refused", listOf("file", "accelerator", "threads", "note").joinToString(" ") { "${damaged.get(it)}" })
        assertTrue(damaged.isNull("median_ms"))
        val timed = results.getJSONObject(4)
        assertEquals("b.tflite cpu 2", listOf("file", "accelerator", "threads").joinToString(" ") { "${timed.get(it)}" })
        for (figure in listOf("median_ms", "p90_ms", "first_ms")) assertTrue(timed.getDouble(figure) > 0)
        assertTrue(timed.isNull("note"))
        val gpu = results.getJSONObject(5)
        assertTrue(gpu.isNull("threads"))
        assertEquals("gpu", gpu.getString("accelerator"))
        assertFalse(File(folder, "benchmark.json.partial").exists())
    }

    @Test
    fun `thread counts are those that make sense`() {
        assertEquals(listOf(1, 2, 4), ComputerRequest.threads("1, 2,4,2"))
        assertEquals(emptyList<Int>(), ComputerRequest.threads("x,0,-1,"))
    }

    private fun model() = mapFile(modelBytes("invert-int8")).let { ModelFile(it, describe(it)) }

    private fun modelBytes(name: String): File {
        val file = File.createTempFile("model", ".tflite", temporary.root)
        checkNotNull(javaClass.getResourceAsStream("/models/$name.tflite")).use { from -> file.outputStream().use { from.copyTo(it) } }
        return file
    }
}

private class Counting(
    override val processor: Processor,
    private val closed: (String) -> Unit = {},
    private val ran: (String) -> Unit,
) : Engine {
    private val name = (processor as? Processor.Cpu)?.let { "cpu${it.threads}" } ?: "gpu"

    override fun invoke() = ran(name)

    override fun run(tile: IntArray, translated: IntArray) = invoke()

    override fun close() = closed(name)
}
