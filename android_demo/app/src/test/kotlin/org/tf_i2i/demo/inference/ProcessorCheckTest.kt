package org.tf_i2i.demo.inference

import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.GraphicsMode
import org.tf_i2i.demo.TestFiles
import org.tf_i2i.demo.model.ModelFile
import org.tf_i2i.demo.model.describe
import org.tf_i2i.demo.model.mapFile
import org.tf_i2i.demo.pixels.Difference

/** Networks are real, and run on the CPU; what stands in for accelerators changes their pictures, and this test's clock. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE) // As all tests: another mode is another class loader, and the network's library loads once.
class ProcessorCheckTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private var now = 0L
    private val closed = mutableListOf<Processor>()

    @Test
    fun `an accelerator that is right and faster is used`() {
        val (choice, engine) = choose(Processor.Gpu to StandIn(ms = 2))
        assertEquals(Trial(Processor.Gpu, Outcome.USED, Difference(Double.POSITIVE_INFINITY, 0), 2.0, 10.0), choice.trials.single())
        assertEquals(Processor.Gpu, choice.processor)
        assertEquals(Processor.Gpu, engine.processor)
        assertEquals("the CPU has done its part", listOf<Processor>(Processor.Cpu(2)), closed)
    }

    @Test
    fun `one that draws another picture is left, however fast, and the next one is tried`() {
        val (choice, engine) = choose(
            Processor.Npu to StandIn(ms = 1) { it xor 0x800000 },
            Processor.Gpu to StandIn(ms = 5),
        )
        assertEquals(listOf(Outcome.DIFFERENT, Outcome.USED), choice.trials.map { it.outcome })
        assertEquals(128, checkNotNull(choice.trials[0].difference).maxLevels)
        assertEquals(Processor.Gpu, engine.processor)
        assertEquals(listOf(Processor.Npu, Processor.Cpu(2)), closed)
    }

    @Test
    fun `one that is a level off, as other arithmetic is, is used`() {
        val (choice, _) = choose(Processor.Gpu to StandIn(ms = 2) { pixel -> if (pixel and 3 == 1) pixel + 1 else pixel })
        assertEquals(Outcome.USED, choice.trials.single().outcome)
        assertEquals(1, checkNotNull(choice.trials.single().difference).maxLevels)
    }

    @Test
    fun `one that is not faster, can't be built or stops is left, and the reason kept`() {
        val (choice, engine) = choose(
            Processor.Npu to StandIn(ms = 10),
            Processor.Gpu to StandIn(ms = 1, failsAfter = 2),
        )
        assertEquals(listOf(Outcome.NOT_FASTER, Outcome.STOPPED), choice.trials.map { it.outcome })
        assertEquals(10.0, choice.trials[0].acceleratorMs)
        assertEquals(Processor.Cpu(2), choice.processor)
        assertEquals(Processor.Cpu(2), engine.processor)
        assertEquals(listOf<Processor>(Processor.Npu, Processor.Gpu), closed)
        assertEquals(Outcome.NOT_BUILT, choose(Processor.Gpu to StandIn(isBuilt = false)).first.trials.single().outcome)
    }

    @Test
    fun `where even the CPU can't run it, that is an error`() {
        val check = ProcessorCheck({ _, _ -> throw EngineFailure("no", IllegalStateException()) }, 2) { 0 }
        assertThrows(EngineFailure::class.java) { check.choose(model("invert-int8"), listOf(Processor.Gpu)) }
    }

    @Test
    fun `what ends the app is not tried again`() {
        val store = ChoiceStore(temporary.newFolder(), "phone")
        val model = model("invert-int8")
        val check = ProcessorCheck(factory(Processor.Gpu to StandIn(dies = true)), 2) { now }
        assertThrows(StackOverflowError::class.java) { check.choose(model, listOf(Processor.Gpu)) { store.put(model, it) } }
        val left = checkNotNull(store.get(model))
        assertEquals(Choice(Processor.Cpu(2), listOf(Trial(Processor.Gpu, Outcome.CRASHED))), left)
    }

    @Test
    fun `choices are kept for a model, an app and a system`() {
        val folder = temporary.newFolder()
        val model = model("invert-int8")
        val choices = listOf(
            Choice(Processor.Cpu(4), listOf(Trial(Processor.Npu, Outcome.NOT_BUILT), Trial(Processor.Gpu, Outcome.DIFFERENT, Difference(12.5, 90), 1.5, 3.0))),
            Choice(Processor.Gpu, listOf(Trial(Processor.Gpu, Outcome.USED, Difference(Double.POSITIVE_INFINITY, 0), 1.0, 2.0))),
            Choice(Processor.Npu),
        )
        for (choice in choices) {
            ChoiceStore(folder, "phone 1").put(model, choice)
            assertEquals(choice, ChoiceStore(folder, "phone 1").get(model))
        }
        assertNull("another system", ChoiceStore(folder, "phone 2").get(model))
        assertNull("another model", ChoiceStore(folder, "phone 1").get(model("invert-float32")))
        for (damaged in listOf("", "{", "{\"phone\": \"phone 1\", \"processor\": \"tpu\", \"trials\": []}")) {
            folder.listFiles()!!.single().writeText(damaged)
            assertNull(damaged, ChoiceStore(folder, "phone 1").get(model))
        }
    }

    @Test
    fun `bounds are those of the export`() {
        val bounds = JSONObject(File(TestFiles.project, "test_vectors/brush.json").readText()).getJSONObject("bounds")
        val exported = bounds.keys().asSequence().associateWith {
            bounds.getJSONObject(it).run { Bound(getDouble("psnr_db"), getInt("max_levels")) }
        }
        assertEquals(exported, BOUNDS)
        assertEquals(BOUNDS["int8"], bound(model("invert-int8")))
        assertEquals(BOUNDS["float32"], bound(model("invert-float32")))
    }

    @Test
    fun `a screen says what was chosen, why, and how far apart they are`() {
        val trial = Trial(Processor.Gpu, Outcome.DIFFERENT, Difference(12.46, 90), 1.5, 30.0)
        val text = RuntimeEnvironment.getApplication().resources.describe(Choice(Processor.Cpu(2), listOf(trial)))
        assertTrue(text, text.startsWith("Drawn by the CPU, 2 threads.\nGPU: left, its picture differs"))
        assertTrue(text, text.endsWith("12.5\u00a0dB, at most 90\u00a0levels. 1.5\u00a0ms, CPU 30.0\u00a0ms."))
    }

    private fun choose(vararg accelerators: Pair<Processor.Accelerator, StandIn>) =
        ProcessorCheck(factory(*accelerators), 2) { now }.choose(model("invert-int8"), accelerators.map { it.first })

    private fun factory(vararg accelerators: Pair<Processor.Accelerator, StandIn>) = EngineFactory { model, processor ->
        val standIn = accelerators.toMap()[processor] ?: StandIn(ms = 10)
        if (!standIn.isBuilt) throw EngineFailure("not built", IllegalStateException())
        val engine = TfLiteEngineFactory.build(model, Processor.Cpu(1))
        var runs = 0
        object : Engine by engine {
            override val processor = processor

            override fun run(tile: IntArray, translated: IntArray) {
                if (standIn.dies) throw StackOverflowError()
                if (runs++ == standIn.failsAfter) throw EngineFailure("stopped", IllegalStateException())
                engine.run(tile, translated)
                for (i in translated.indices) translated[i] = standIn.change(translated[i])
                now += standIn.ms * 1_000_000L
            }

            override fun close() {
                closed += processor
                engine.close()
            }
        }
    }

    private class StandIn(
        val ms: Int = 1,
        val isBuilt: Boolean = true,
        val failsAfter: Int = -1,
        val dies: Boolean = false,
        val change: (Int) -> Int = { it },
    )

    private fun model(name: String) = modelFile(name, temporary.root)
}

/** One of the tests' models, mapped from [folder]. */
fun modelFile(name: String, folder: File): ModelFile {
    val file = File.createTempFile("model", ".tflite", folder)
    checkNotNull(TestFiles::class.java.getResourceAsStream("/models/$name.tflite")).use { from -> file.outputStream().use { from.copyTo(it) } }
    return mapFile(file).let { ModelFile(it, describe(it)) }
}
