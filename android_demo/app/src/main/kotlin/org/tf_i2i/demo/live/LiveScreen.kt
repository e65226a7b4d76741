package org.tf_i2i.demo.live

import android.view.View
import android.widget.Button
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.inference.name
import org.tf_i2i.demo.main.StyleStrip
import org.tf_i2i.demo.main.WorkBox
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.setTextOnce
import org.tf_i2i.demo.visible

/** Draws a [LiveUiState] into the views below [root], and passes on what the user does. */
class LiveScreen(private val root: View, private val listener: Listener) {
    interface Listener {
        fun onFreeze()
        fun onResumeLive()
        fun onSwitchCamera()
        fun onSave()
        fun onAllow()
        fun onRetry()
        fun onSelect(style: Style)
        fun onCancel()
        fun onDismissNotice()
    }

    private val resources = root.resources
    private val picture: PictureView = root.findViewById(R.id.live_picture)
    private val report: TextView = root.findViewById(R.id.report)
    private val message: View = root.findViewById(R.id.message)
    private val messageTitle: TextView = root.findViewById(R.id.message_title)
    private val messageText: TextView = root.findViewById(R.id.message_text)
    private val messageButton: Button = root.findViewById(R.id.message_button)
    private val switchCamera: View = root.findViewById(R.id.switch_camera)
    private val freeze: Button = root.findViewById(R.id.freeze)
    private val save: View = root.findViewById(R.id.save)
    private val styles = StyleStrip(root.findViewById(R.id.styles), listener::onSelect)
    private val box = WorkBox(root, listener::onCancel, listener::onDismissNotice)
    private var isLive = false
    private var isRefused = false
    private var isFrozenDrawn = false

    init {
        picture.setOnClickListener { freezeOrResume() }
        freeze.setOnClickListener { freezeOrResume() }
        switchCamera.setOnClickListener { listener.onSwitchCamera() }
        save.setOnClickListener { listener.onSave() }
        messageButton.setOnClickListener { if (isRefused) listener.onAllow() else listener.onRetry() }
    }

    fun draw(state: LiveUiState) {
        isLive = state.isLive
        isRefused = state.status == LiveStatus.Refused
        picture.show(state.picture)
        picture.isEnabled = state.status == LiveStatus.Running || state.status == LiveStatus.Frozen
        picture.contentDescription = resources.getText(if (isLive) R.string.live_picture else R.string.frozen_picture)
        picture.keepScreenOn = isLive
        report.text = describe(state)
        drawMessage(state.status)
        styles.draw(state.styles, state.selected)
        switchCamera.isEnabled = state.canSwitch && isLive
        drawFreeze(state.status == LiveStatus.Frozen || state.status == LiveStatus.Freezing)
        freeze.isEnabled = picture.isEnabled
        save.isEnabled = state.canSave
        box.draw(state.work, state.notice)
    }

    private fun freezeOrResume() = if (isLive) listener.onFreeze() else listener.onResumeLive()

    /** Only where it changes: a new icon does not know whether the button is enabled. */
    private fun drawFreeze(isFrozen: Boolean) {
        if (isFrozen == isFrozenDrawn) return
        isFrozenDrawn = isFrozen
        freeze.setText(if (isFrozen) R.string.resume_live else R.string.freeze)
        freeze.setCompoundDrawablesRelativeWithIntrinsicBounds(0, if (isFrozen) R.drawable.ic_live else R.drawable.ic_freeze, 0, 0)
    }

    private fun describe(state: LiveUiState): CharSequence {
        val shown = state.picture ?: return if (state.isLive) resources.getText(R.string.live_starting) else ""
        val processor = state.processor?.let(resources::name) ?: return ""
        val rate = state.framesPerSecond
        return when {
            state.status == LiveStatus.Frozen -> resources.getString(R.string.live_frozen, processor, state.photo?.size?.width, state.photo?.size?.height)
            rate == null -> processor
            // Below two a second, the digit behind the point says most.
            rate < 2 -> resources.getString(R.string.live_slow, rate, processor, shown.width, shown.height)
            else -> resources.getString(R.string.live_rate, Math.round(rate), processor, shown.width, shown.height)
        }
    }

    private fun drawMessage(status: LiveStatus) {
        val texts = when (status) {
            LiveStatus.Refused -> Triple(R.string.camera_refused, R.string.camera_refused_text, R.string.camera_allow)
            LiveStatus.Asking -> Triple(R.string.camera_asking, R.string.camera_asking_text, null)
            is LiveStatus.Lost -> when (status.loss) {
                CameraLoss.NO_CAMERA -> Triple(R.string.camera_none, R.string.camera_none_text, null)
                CameraLoss.IN_USE -> Triple(R.string.camera_in_use, R.string.camera_in_use_text, R.string.try_again)
                CameraLoss.DISABLED -> Triple(R.string.camera_disabled, R.string.camera_disabled_text, R.string.try_again)
                CameraLoss.FAILED -> Triple(R.string.camera_failed, R.string.camera_failed_text, R.string.try_again)
            }
            else -> null
        }
        message.visible = texts != null
        val (title, text, button) = texts ?: return
        messageTitle.setTextOnce(resources.getText(title))
        messageText.setText(text)
        messageButton.visible = button != null
        button?.let(messageButton::setText)
    }
}
