package org.tf_i2i.demo.about

import java.util.concurrent.Executor
import org.tf_i2i.demo.R
import org.tf_i2i.demo.StateHolder
import org.tf_i2i.demo.model.ModelDescription
import org.tf_i2i.demo.model.ModelStore
import org.tf_i2i.demo.model.Style

/** @property model null until it is read, and where it can't be. */
data class AboutUiState(val title: String? = null, val model: ModelDescription? = null, val unreadable: Boolean = false)

/** Reads what the model with that [id] says of itself. */
class AboutStateHolder(main: Executor, background: Executor, private val models: ModelStore, private val id: String?) :
    StateHolder<AboutUiState>(AboutUiState(), main, background) {

    fun start() = launch({ update { it.copy(unreadable = true) } }) { job ->
        val style: Style? = models.styles().firstOrNull { it.id == id }
        val description = style?.let { models.open(it).description }
        job.post { update { AboutUiState(style?.title, description) } }
    }
}

/** A line of the About page: what it is, and what the metadata says. */
data class Fact(val label: Int, val value: String)

/** Facts in the order in which a reader wants them; what the file doesn't say is left out. */
fun facts(model: ModelDescription, texts: FactTexts): List<Fact> = with(model.about) {
    listOf(
        R.string.about_trained_on to trainingData,
        R.string.about_network to this.model,
        R.string.about_direction to direction,
        R.string.about_variant to variant,
        R.string.about_size to texts.size(model.size, model.margin),
        R.string.about_bytes to texts.bytes(bytes),
        R.string.about_description to description,
        R.string.about_author to author,
        R.string.about_version to version,
        R.string.about_license to license,
    ).mapNotNull { (label, value) -> value?.let { Fact(label, it) } }
}

/** Numbers in words, which only the resources have. */
interface FactTexts {
    fun size(side: Int, margin: Int?): String

    fun bytes(count: Int): String
}
