package org.tf_i2i.demo.main

import android.view.View
import android.widget.PopupMenu
import android.widget.SeekBar
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.inference.StylizeReport
import org.tf_i2i.demo.inference.name
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.pixels.BRUSHES
import org.tf_i2i.demo.visible

/** Draws a [MainUiState] into the views below [root], and passes on what the user does. */
class MainScreen(private val root: View, private val listener: Listener) {
    interface Listener {
        fun onPickPhoto()
        fun onTakePhoto()
        fun onLive()
        fun onOpenModel()
        fun onSelect(style: Style)
        fun onStrength(strength: Float)
        fun onBrush(brush: Float?)
        fun onDivider(divider: Float)
        fun onSave(size: OutputSize)
        fun onShare(size: OutputSize)
        fun onCancel()
        fun onDismissNotice()
    }

    private val resources = root.resources
    private val picture: BeforeAfterView = root.findViewById(R.id.picture)
    private val empty: View = root.findViewById(R.id.empty)
    private val report: TextView = root.findViewById(R.id.report)
    private val styles = StyleStrip(root.findViewById(R.id.styles), listener::onSelect, listener::onOpenModel)
    private val box = WorkBox(root, listener::onCancel, listener::onDismissNotice)
    private val strength: SeekBar = root.findViewById(R.id.strength)
    private val strengthValue: TextView = root.findViewById(R.id.strength_value)
    private val strengthRow: View = root.findViewById(R.id.strength_row)
    private val brush: SeekBar = root.findViewById(R.id.brush)
    private val brushValue: TextView = root.findViewById(R.id.brush_value)
    private val brushRow: View = root.findViewById(R.id.brush_row)
    private val save: View = root.findViewById(R.id.save)
    private val share: View = root.findViewById(R.id.share)
    private var drawn: MainUiState? = null

    init {
        for (id in intArrayOf(R.id.gallery, R.id.empty_gallery)) onClick(id) { listener.onPickPhoto() }
        for (id in intArrayOf(R.id.camera, R.id.empty_camera)) onClick(id) { listener.onTakePhoto() }
        onClick(R.id.empty_live) { listener.onLive() }
        save.setOnClickListener { chooseSize(it, listener::onSave) }
        share.setOnClickListener { chooseSize(it, listener::onShare) }
        picture.onDividerMoved = listener::onDivider
        strength.onMoved { listener.onStrength(it.toFloat() / strength.max) }
        brush.max = BRUSHES.size - 1
        brush.onMoved { listener.onBrush(BRUSHES[it]) }
    }

    fun draw(state: MainUiState) {
        drawn = state
        styles.draw(state.styles, state.selected)
        picture.show(state.before, state.after, strengthAlpha(state.strength), state.divider)
        picture.visible = state.before != null
        empty.visible = state.photo == null && state.work == null
        report.text = state.report?.let { describe(it, state) }
        box.draw(state.work, state.notice)
        strengthRow.visible = state.photo != null
        strength.progress = Math.round(state.strength * strength.max)
        strengthValue.text = resources.getString(R.string.percent, Math.round(state.strength * PERCENT))
        brushRow.visible = state.photo != null && state.hasBrush
        brush.progress = BRUSHES.indexOf(state.brush)
        brushValue.text = state.brush?.let { resources.getString(R.string.times, it) } ?: resources.getText(R.string.brush_finest)
        save.isEnabled = state.canHandOut
        share.isEnabled = state.canHandOut
    }

    private fun describe(report: StylizeReport, state: MainUiState): String {
        val after = checkNotNull(state.after)
        val seconds = report.milliseconds / MILLISECONDS
        return resources.getString(R.string.report, seconds, resources.name(report.processor), after.width, after.height)
    }

    /** Asks for the size only where there are two. */
    private fun chooseSize(anchor: View, chosen: (OutputSize) -> Unit) {
        val state = drawn ?: return
        val after = state.after ?: return
        val full = state.photo?.size
        if (!state.hasFullSize || full == null) {
            chosen(OutputSize.AS_SHOWN)
            return
        }
        PopupMenu(anchor.context, anchor).apply {
            menu.add(resources.getString(R.string.size_as_shown, after.width, after.height))
                .setOnMenuItemClickListener { chosen(OutputSize.AS_SHOWN).let { true } }
            menu.add(resources.getString(R.string.size_full, full.width, full.height))
                .setOnMenuItemClickListener { chosen(OutputSize.FULL).let { true } }
            show()
        }
    }

    private fun onClick(id: Int, action: () -> Unit) = root.findViewById<View>(id).setOnClickListener { action() }

    private companion object {
        const val PERCENT = 100
        const val MILLISECONDS = 1000.0
    }
}

private fun SeekBar.onMoved(action: (Int) -> Unit) = setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
    override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
        if (fromUser) action(progress)
    }

    override fun onStartTrackingTouch(bar: SeekBar) = Unit

    override fun onStopTrackingTouch(bar: SeekBar) = Unit
})
