package org.tf_i2i.demo.main

import android.graphics.Bitmap
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.PopupMenu
import android.widget.ProgressBar
import android.widget.SeekBar
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.inference.StylizeReport
import org.tf_i2i.demo.inference.name
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.pixels.BRUSHES

/** Draws a [MainUiState] into the views below [root], and passes on what the user does. */
class MainScreen(private val root: View, private val listener: Listener) {
    interface Listener {
        fun onPickPhoto()
        fun onTakePhoto()
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
    private val work: View = root.findViewById(R.id.work)
    private val workText: TextView = root.findViewById(R.id.work_text)
    private val workProgress: ProgressBar = root.findViewById(R.id.work_progress)
    private val notice: View = root.findViewById(R.id.notice)
    private val noticeText: TextView = root.findViewById(R.id.notice_text)
    private val styles: ViewGroup = root.findViewById(R.id.styles)
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
        onClick(R.id.work_cancel) { listener.onCancel() }
        onClick(R.id.notice_dismiss) { listener.onDismissNotice() }
        save.setOnClickListener { chooseSize(it, listener::onSave) }
        share.setOnClickListener { chooseSize(it, listener::onShare) }
        picture.onDividerMoved = listener::onDivider
        strength.onMoved { listener.onStrength(it.toFloat() / strength.max) }
        brush.max = BRUSHES.size - 1
        brush.onMoved { listener.onBrush(BRUSHES[it]) }
    }

    fun draw(state: MainUiState) {
        val before = drawn
        drawn = state
        if (before?.styles != state.styles) fillStyles(state)
        markSelected(state.selected)
        picture.show(state.before, state.after, strengthAlpha(state.strength), state.divider)
        picture.visible = state.before != null
        empty.visible = state.photo == null && state.work == null
        report.text = state.report?.let { describe(it, state) }
        drawWork(state.work)
        notice.visible = state.notice != null
        state.notice?.let { noticeText.setTextOnce(resources.getText(it.text)) }
        strengthRow.visible = state.photo != null
        strength.progress = Math.round(state.strength * strength.max)
        strengthValue.text = resources.getString(R.string.percent, Math.round(state.strength * PERCENT))
        brushRow.visible = state.photo != null && state.hasBrush
        brush.progress = BRUSHES.indexOf(state.brush)
        brushValue.text = state.brush?.let { resources.getString(R.string.times, it) } ?: resources.getText(R.string.brush_finest)
        save.isEnabled = state.canHandOut
        share.isEnabled = state.canHandOut
    }

    private fun drawWork(shown: Work?) {
        work.visible = shown != null
        if (shown == null) return
        workText.setTextOnce(resources.getText(shown.kind.text))
        workProgress.isIndeterminate = shown.progress == null
        shown.progress?.let { workProgress.progress = Math.round(it * workProgress.max) }
    }

    private fun describe(report: StylizeReport, state: MainUiState): String {
        val after = checkNotNull(state.after)
        val seconds = report.milliseconds / MILLISECONDS
        return resources.getString(R.string.report, seconds, resources.name(report.processor), after.width, after.height)
    }

    private fun fillStyles(state: MainUiState) {
        styles.removeAllViews()
        for (item in state.styles.orEmpty()) {
            val view = addStyle(item.style.title ?: resources.getString(R.string.style_unnamed))
            view.tag = item.style
            view.setOnClickListener { listener.onSelect(item.style) }
            item.thumbnail?.let(view.findViewById<ImageView>(R.id.style_picture)::showPhoto)
        }
        if (state.styles == null) return
        val add = addStyle(resources.getString(R.string.open_model))
        add.findViewById<ImageView>(R.id.style_picture).setImageResource(R.drawable.ic_add)
        add.setOnClickListener { listener.onOpenModel() }
    }

    private fun addStyle(title: String): View {
        val view = LayoutInflater.from(styles.context).inflate(R.layout.item_style, styles, false)
        view.findViewById<TextView>(R.id.style_title).text = title
        view.findViewById<View>(R.id.style_picture).clipToOutline = true
        styles.addView(view)
        return view
    }

    private fun markSelected(selected: Style?) {
        for (index in 0 until styles.childCount) styles.getChildAt(index).apply { isSelected = tag != null && tag == selected }
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

private fun ImageView.showPhoto(bitmap: Bitmap) {
    imageTintList = null
    scaleType = ImageView.ScaleType.CENTER_CROP
    setImageBitmap(bitmap)
}

private var View.visible: Boolean
    get() = visibility == View.VISIBLE
    set(value) {
        visibility = if (value) View.VISIBLE else View.GONE
    }

private fun SeekBar.onMoved(action: (Int) -> Unit) = setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
    override fun onProgressChanged(bar: SeekBar, progress: Int, fromUser: Boolean) {
        if (fromUser) action(progress)
    }

    override fun onStartTrackingTouch(bar: SeekBar) = Unit

    override fun onStopTrackingTouch(bar: SeekBar) = Unit
})

/** TalkBack speaks a live region each time its text is set. */
private fun TextView.setTextOnce(wanted: CharSequence) {
    if (text.toString() != wanted.toString()) text = wanted
}
