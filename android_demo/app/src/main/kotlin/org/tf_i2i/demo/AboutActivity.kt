package org.tf_i2i.demo

import android.app.Activity
import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.text.format.Formatter
import android.view.LayoutInflater
import android.view.MenuItem
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.tf_i2i.demo.about.AboutStateHolder
import org.tf_i2i.demo.about.AboutUiState
import org.tf_i2i.demo.about.FactTexts
import org.tf_i2i.demo.about.facts
import org.tf_i2i.demo.model.Style

/** What the chosen model says of itself. */
class AboutActivity : Activity(), FactTexts {
    private lateinit var holder: AboutStateHolder

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.about)
        drawEdgeToEdge(findViewById(R.id.about), findViewById(R.id.about_scroll))
        setActionBar(findViewById(R.id.toolbar))
        actionBar?.setDisplayHomeAsUpEnabled(true)
        val retained = lastNonConfigurationInstance as AboutStateHolder?
        holder = retained
            ?: AboutStateHolder(parts.main, parts.stylizer.executor, parts.models, intent.getStringExtra(EXTRA_STYLE)).apply { start() }
        holder.observer = ::draw
    }

    override fun onRetainNonConfigurationInstance() = holder

    override fun onDestroy() {
        holder.observer = null
        super.onDestroy()
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != android.R.id.home) return super.onOptionsItemSelected(item)
        finish()
        return true
    }

    override fun size(side: Int, margin: Int?): String =
        if (margin == null) getString(R.string.about_size_whole, side) else getString(R.string.about_size_tiled, side, margin)

    override fun bytes(count: Int): String = Formatter.formatFileSize(this, count.toLong())

    private fun draw(state: AboutUiState) {
        findViewById<TextView>(R.id.about_title).apply {
            text = if (state.unreadable) getText(R.string.notice_model_unusable) else state.title
            visibility = if (text.isNullOrEmpty()) View.GONE else View.VISIBLE
        }
        val list = findViewById<ViewGroup>(R.id.about_facts)
        list.removeAllViews()
        for (fact in state.model?.let { facts(it, this) }.orEmpty()) {
            val row = LayoutInflater.from(this).inflate(R.layout.item_fact, list, false)
            row.findViewById<TextView>(R.id.fact_label).setText(fact.label)
            row.findViewById<TextView>(R.id.fact_value).text = fact.value
            list.addView(row)
        }
    }

    companion object {
        private const val EXTRA_STYLE = "style"

        fun intent(context: Context, style: Style?): Intent =
            Intent(context, AboutActivity::class.java).putExtra(EXTRA_STYLE, style?.id)
    }
}
