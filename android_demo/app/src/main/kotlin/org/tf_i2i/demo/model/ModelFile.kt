package org.tf_i2i.demo.model

import java.nio.BufferUnderflowException
import java.nio.ByteBuffer
import java.security.MessageDigest
import org.json.JSONException
import org.json.JSONObject
import org.tf_i2i.demo.pixels.ByteCoding
import org.tf_i2i.demo.pixels.FloatCoding
import org.tf_i2i.demo.pixels.PhotoSize
import org.tf_i2i.demo.pixels.PixelCoding
import org.tf_i2i.demo.pixels.Tiling
import org.tf_i2i.demo.pixels.translatedSize
import org.tf_i2i.demo.pixels.workingSize

/** A file that is no network of ours; [reason] is for the log, not for the screen. */
class UnusableModel(val reason: String, cause: Throwable? = null) : Exception(reason, cause)

/**
 * What a .tflite file of `export.tflite` says of itself.
 *
 * @property size side of its square input and output in pixels.
 * @property stride grid of the network: what it draws moves with the picture by multiples of so many pixels.
 * @property margin overlap of tiles in pixels, a multiple of [stride]; null for a network that must see a whole picture.
 * @property workingSize long side in pixels at which strokes look as in training; null where the file doesn't say.
 * @property paints whether its results are paintings: brushstrokes get edges where they are enlarged.
 * @property input how its input holds pixels; [output] likewise.
 * @property about facts for people.
 */
data class ModelDescription(
    val size: Int,
    val stride: Int,
    val margin: Int?,
    val workingSize: Int?,
    val paints: Boolean,
    val input: PixelCoding,
    val output: PixelCoding,
    val about: ModelFacts,
) {
    /** Tiles for a photo of any size, or the one that a whole picture fits into. */
    val tiling: Tiling get() = Tiling(size, size, margin ?: 0)

    /**
     * Tiles for the camera's frames, of which [across] lie along the longer side. One alone has a narrower margin: there is no
     * seam, and only what lies at the picture's border sees less of its mirrored surroundings.
     */
    fun liveTiling(across: Int): Tiling {
        if (margin == null || across > 1) return tiling
        return Tiling(size, size, minOf(margin, (LIVE_MARGIN + stride - 1) / stride * stride))
    }

    /** The largest frame of these proportions that goes through that many tiles; never larger than it is. */
    fun liveSize(own: PhotoSize, across: Int): PhotoSize = own.within(across * liveTiling(across).stepAcross)

    /** More tiles than this would only enlarge the frame. */
    fun maxLiveTiles(own: PhotoSize): Int = if (margin == null) 1 else maxOf(1, own.longest / tiling.stepAcross)

    /** Whether there is a working size that a brush could be a factor on. */
    val hasBrush get() = margin != null && workingSize != null

    /** At which size a picture of [own] size goes through the network. A whole one has to fit in. */
    fun translatedSize(own: PhotoSize, brush: Float?): PhotoSize =
        if (margin == null) own.within(size) else translatedSize(own, workingSize(workingSize, brush))
}

/** Model facts as the About page shows them; what the file doesn't say is null. */
data class ModelFacts(
    val name: String? = null,
    val description: String? = null,
    val author: String? = null,
    val license: String? = null,
    val version: String? = null,
    val model: String? = null,
    val direction: String? = null,
    val variant: String? = null,
    val trainingData: String? = null,
    val bytes: Int = 0,
)

/** A network's bytes, mapped into memory, and what they say of themselves. */
class ModelFile(val data: ByteBuffer, val description: ModelDescription)

/** Of a file's bytes, in hexadecimal: the same file, whatever it is called. */
fun sha256(data: ByteBuffer): String =
    MessageDigest.getInstance("SHA-256").apply { update(data.duplicate().apply { rewind() } as ByteBuffer) }
        .digest().joinToString("") { "%02x".format(it) }

/**
 * Reads what a .tflite file says of itself.
 *
 * @throws UnusableModel it is none, is damaged, or is not one of ours.
 */
fun describe(data: ByteBuffer): ModelDescription = try {
    val model = FlatTable.root(data, TFLITE_IDENTIFIER)
    val graph = model.tables(Schema.SUBGRAPHS).first()
    val tensors = graph.tables(Schema.GRAPH_TENSORS)
    val input = tensors[graph.ints(Schema.GRAPH_INPUTS).single()]
    val output = tensors[graph.ints(Schema.GRAPH_OUTPUTS).single()]
    val size = imageSide(input)
    if (imageSide(output) != size) throw UnusableModel("output of another size than the input")
    val facts = readAttachedFile(data, FACTS)?.let { JSONObject(it.toString(Charsets.UTF_8)) }
        ?: throw UnusableModel("no $FACTS in it")
    val metadata = metadata(model)
    ModelDescription(
        size = size,
        stride = if (facts.isNull("stride")) 1 else facts.getInt("stride"),
        margin = margin(facts),
        workingSize = workingSize(facts),
        paints = facts.opt("brushstrokes") == true,
        input = coding(input, metadata?.graph()?.tables(Schema.GRAPH_INPUT_METADATA)?.firstOrNull()),
        output = coding(output, metadata?.graph()?.tables(Schema.GRAPH_OUTPUT_METADATA)?.firstOrNull()),
        about = about(metadata, facts, data.remaining()),
    ).also { it.tiling }
} catch (error: IndexOutOfBoundsException) {
    throw UnusableModel("damaged", error)
} catch (error: BufferUnderflowException) {
    throw UnusableModel("damaged", error)
} catch (error: IllegalArgumentException) {
    throw UnusableModel(error.message ?: "damaged", error)
} catch (error: NoSuchElementException) {
    throw UnusableModel("no graph in it", error)
} catch (error: JSONException) {
    throw UnusableModel("damaged $FACTS", error)
}

private fun margin(facts: JSONObject): Int? {
    if (facts.isNull("halo_px")) return null
    val stride = facts.getInt("stride")
    val halo = facts.getInt("halo_px")
    if (stride < 1 || halo < 0) throw UnusableModel("halo $halo, stride $stride")
    return (halo + stride - 1) / stride * stride
}

private fun workingSize(facts: JSONObject): Int? {
    if (facts.isNull("working_size_px")) return null
    return facts.getInt("working_size_px").also { if (it < 1) throw UnusableModel("a working size of $it") }
}

private fun imageSide(tensor: FlatTable): Int {
    val shape = tensor.ints(Schema.TENSOR_SHAPE)
    if (shape.size != 4 || shape[0] != 1 || shape[1] != shape[2] || shape[1] !in 1..LARGEST_SIDE || shape[3] != 3) {
        throw UnusableModel("shape $shape is not that of one square RGB picture")
    }
    return shape[1]
}

private fun coding(tensor: FlatTable, metadata: FlatTable?): PixelCoding =
    when (val type = tensor.byte(Schema.TENSOR_TYPE)) {
        Schema.UINT8 -> ByteCoding
        Schema.FLOAT32 -> {
            val unit = metadata?.tables(Schema.TENSOR_PROCESS_UNITS)?.firstOrNull()
                ?.takeIf { it.byte(Schema.UNIT_OPTIONS_TYPE) == Schema.NORMALIZATION_OPTIONS }
                ?.table(Schema.UNIT_OPTIONS)
                ?: throw UnusableModel("a float network whose metadata has no normalisation")
            FloatCoding(unit.floats(Schema.NORMALIZATION_MEAN).first(), unit.floats(Schema.NORMALIZATION_STD).first())
        }
        else -> throw UnusableModel("pixels of type $type")
    }

private fun metadata(model: FlatTable): FlatTable? {
    val entry = model.tables(Schema.METADATA).firstOrNull { it.text(Schema.METADATA_NAME) == METADATA_ENTRY }
    return entry?.let { model.tables(Schema.BUFFERS)[it.int(Schema.METADATA_BUFFER)] }
        ?.bytes(Schema.BUFFER_DATA)
        ?.let { FlatTable.root(it, METADATA_IDENTIFIER) }
}

private fun FlatTable.graph() = tables(Schema.MODEL_SUBGRAPH_METADATA).firstOrNull()

private fun about(metadata: FlatTable?, facts: JSONObject, bytes: Int) = ModelFacts(
    name = metadata?.text(Schema.MODEL_NAME),
    description = metadata?.text(Schema.MODEL_DESCRIPTION),
    author = metadata?.text(Schema.MODEL_AUTHOR),
    license = metadata?.text(Schema.MODEL_LICENSE),
    version = facts.textOrNull("version"),
    model = facts.textOrNull("model"),
    direction = facts.textOrNull("direction"),
    variant = facts.textOrNull("variant"),
    trainingData = facts.textOrNull("training_data"),
    bytes = bytes,
)

private fun JSONObject.textOrNull(key: String) = if (isNull(key)) null else getString(key)

private const val TFLITE_IDENTIFIER = "TFL3"
private const val METADATA_IDENTIFIER = "M001"
private const val METADATA_ENTRY = "TFLITE_METADATA"
private const val FACTS = "model.json"

/** Pixels around a camera's frame; the whole margin would cost a third of the picture. */
private const val LIVE_MARGIN = 8

/** No phone's memory holds the activations of more. */
private const val LARGEST_SIDE = 4096

/** Numbers of the fields and values that we read, by TensorFlow Lite's schema.fbs and metadata_schema.fbs. */
private object Schema {
    const val SUBGRAPHS = 2
    const val BUFFERS = 4
    const val METADATA = 6
    const val GRAPH_TENSORS = 0
    const val GRAPH_INPUTS = 1
    const val GRAPH_OUTPUTS = 2
    const val TENSOR_SHAPE = 0
    const val TENSOR_TYPE = 1
    const val FLOAT32 = 0
    const val UINT8 = 3
    const val METADATA_NAME = 0
    const val METADATA_BUFFER = 1
    const val BUFFER_DATA = 0

    const val MODEL_NAME = 0
    const val MODEL_DESCRIPTION = 1
    const val MODEL_SUBGRAPH_METADATA = 3
    const val MODEL_AUTHOR = 4
    const val MODEL_LICENSE = 5
    const val GRAPH_INPUT_METADATA = 2
    const val GRAPH_OUTPUT_METADATA = 3
    const val TENSOR_PROCESS_UNITS = 4
    const val UNIT_OPTIONS_TYPE = 0
    const val UNIT_OPTIONS = 1
    const val NORMALIZATION_OPTIONS = 1
    const val NORMALIZATION_MEAN = 0
    const val NORMALIZATION_STD = 1
}
