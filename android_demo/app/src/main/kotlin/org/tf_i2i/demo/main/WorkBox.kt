package org.tf_i2i.demo.main

import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.setTextOnce
import org.tf_i2i.demo.visible

/** What lies over a picture: what is going on, and something to tell. */
class WorkBox(private val root: View, onCancel: () -> Unit, onDismiss: () -> Unit) {
    private val work: View = root.findViewById(R.id.work)
    private val workText: TextView = root.findViewById(R.id.work_text)
    private val workProgress: ProgressBar = root.findViewById(R.id.work_progress)
    private val notice: View = root.findViewById(R.id.notice)
    private val noticeText: TextView = root.findViewById(R.id.notice_text)

    init {
        root.findViewById<View>(R.id.work_cancel).setOnClickListener { onCancel() }
        root.findViewById<View>(R.id.notice_dismiss).setOnClickListener { onDismiss() }
    }

    fun draw(shown: Work?, told: Notice?) {
        work.visible = shown != null
        if (shown != null) {
            workText.setTextOnce(root.resources.getText(shown.kind.text))
            workProgress.isIndeterminate = shown.progress == null
            shown.progress?.let { workProgress.progress = Math.round(it * workProgress.max) }
        }
        notice.visible = told != null
        told?.let { noticeText.setTextOnce(root.resources.getText(it.text)) }
    }
}
