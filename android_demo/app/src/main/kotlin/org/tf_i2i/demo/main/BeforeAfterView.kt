package org.tf_i2i.demo.main

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.graphics.drawable.Drawable
import android.os.Build
import android.os.Bundle
import android.util.AttributeSet
import android.view.KeyEvent
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityEvent
import android.view.accessibility.AccessibilityNodeInfo
import android.view.accessibility.AccessibilityNodeInfo.AccessibilityAction
import android.view.accessibility.AccessibilityNodeInfo.RangeInfo
import android.widget.SeekBar
import org.tf_i2i.demo.R
import org.tf_i2i.demo.pixels.Box
import org.tf_i2i.demo.pixels.dividerFraction
import org.tf_i2i.demo.pixels.dividerX
import org.tf_i2i.demo.pixels.fitInside

/** Two pictures on top of one another and a divider to move between them; to TalkBack and keyboards it is a slider. */
class BeforeAfterView(context: Context, attributes: AttributeSet) : View(context, attributes) {
    var onDividerMoved: (Float) -> Unit = {}

    private var before: Bitmap? = null
    private var after: Bitmap? = null
    private var divider = 0f
    private var box = Box(0f, 0f, 0f, 0f)
    private val place = RectF()
    private val strength = Paint(Paint.FILTER_BITMAP_FLAG)
    private val plain = Paint(Paint.FILTER_BITMAP_FLAG)
    private val line = Paint().apply {
        color = context.getColor(R.color.on_picture)
        strokeWidth = resources.getDimension(R.dimen.divider_width)
    }
    private val label = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.getColor(R.color.on_picture)
        textSize = resources.getDimension(R.dimen.picture_label)
    }
    private val labelBack = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.getColor(R.color.picture_scrim) }
    private val labelPadding = resources.getDimension(R.dimen.picture_label_padding)
    private val handle: Drawable = checkNotNull(context.getDrawable(R.drawable.divider_handle))
    private val beforeLabel = resources.getString(R.string.before)
    private val afterLabel = resources.getString(R.string.after)

    init {
        isFocusable = true
        contentDescription = resources.getString(R.string.picture_description)
    }

    /** Shows [before] left of the [divider] (a fraction of the width), and [after] over it, that opaque, right of it. */
    fun show(before: Bitmap?, after: Bitmap?, alpha: Int, divider: Float) {
        val moved = divider != this.divider
        if (before !== this.before) requestFit(before)
        this.before = before
        this.after = after
        this.divider = divider
        strength.alpha = alpha
        isEnabled = after != null
        invalidate()
        if (moved) sendAccessibilityEvent(AccessibilityEvent.TYPE_WINDOW_CONTENT_CHANGED)
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = requestFit(before)

    override fun onDraw(canvas: Canvas) {
        val photo = before ?: return
        canvas.drawBitmap(photo, null, place, plain)
        val styled = after ?: return
        val x = dividerX(divider, box)
        canvas.save()
        canvas.clipRect(x, box.top, box.right, box.bottom)
        canvas.drawBitmap(styled, null, place, strength)
        canvas.restore()
        drawLabels(canvas, x)
        canvas.drawLine(x, box.top, x, box.bottom, line)
        val radius = handle.intrinsicWidth / 2
        val middle = ((box.top + box.bottom) / 2).toInt()
        handle.setBounds(x.toInt() - radius, middle - radius, x.toInt() + radius, middle + radius)
        handle.draw(canvas)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (!isEnabled) return false
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN, MotionEvent.ACTION_MOVE -> {
                parent.requestDisallowInterceptTouchEvent(true)
                onDividerMoved(dividerFraction(event.x, box))
            }
            MotionEvent.ACTION_UP -> performClick()
        }
        return true
    }

    override fun performClick(): Boolean {
        super.performClick()
        return true
    }

    override fun onKeyDown(keyCode: Int, event: KeyEvent): Boolean = when {
        !isEnabled -> super.onKeyDown(keyCode, event)
        keyCode == KeyEvent.KEYCODE_DPAD_LEFT -> step(-STEP)
        keyCode == KeyEvent.KEYCODE_DPAD_RIGHT -> step(STEP)
        else -> super.onKeyDown(keyCode, event)
    }

    override fun getAccessibilityClassName(): CharSequence = SeekBar::class.java.name

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        info.rangeInfo = rangeInfo()
        if (!isEnabled) return
        info.addAction(AccessibilityAction.ACTION_SET_PROGRESS)
        if (divider < 1) info.addAction(AccessibilityAction.ACTION_SCROLL_FORWARD)
        if (divider > 0) info.addAction(AccessibilityAction.ACTION_SCROLL_BACKWARD)
    }

    override fun performAccessibilityAction(action: Int, arguments: Bundle?): Boolean = when {
        !isEnabled -> super.performAccessibilityAction(action, arguments)
        action == AccessibilityNodeInfo.ACTION_SCROLL_FORWARD -> step(STEP)
        action == AccessibilityNodeInfo.ACTION_SCROLL_BACKWARD -> step(-STEP)
        action == AccessibilityAction.ACTION_SET_PROGRESS.id && arguments != null ->
            moveTo(arguments.getFloat(AccessibilityNodeInfo.ACTION_ARGUMENT_PROGRESS_VALUE) / PERCENT)
        else -> super.performAccessibilityAction(action, arguments)
    }

    private fun step(by: Float) = moveTo(divider + by)

    private fun moveTo(fraction: Float): Boolean {
        onDividerMoved(fraction.coerceIn(0f, 1f))
        return true
    }

    private fun rangeInfo(): RangeInfo =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            RangeInfo(RangeInfo.RANGE_TYPE_PERCENT, 0f, PERCENT, divider * PERCENT)
        } else {
            @Suppress("DEPRECATION")
            RangeInfo.obtain(RangeInfo.RANGE_TYPE_PERCENT, 0f, PERCENT, divider * PERCENT)
        }

    private fun requestFit(photo: Bitmap?) {
        box = fitInside(photo?.width ?: 0, photo?.height ?: 0, width, height)
        place.set(box.left, box.top, box.right, box.bottom)
    }

    /** Each on its own side of the divider, and gone with it. */
    private fun drawLabels(canvas: Canvas, x: Float) {
        canvas.save()
        canvas.clipRect(box.left, box.top, x, box.bottom)
        drawLabel(canvas, beforeLabel, box.left + labelPadding)
        canvas.restore()
        canvas.save()
        canvas.clipRect(x, box.top, box.right, box.bottom)
        drawLabel(canvas, afterLabel, box.right - 3 * labelPadding - label.measureText(afterLabel))
        canvas.restore()
    }

    private fun drawLabel(canvas: Canvas, text: String, left: Float) {
        val metrics = label.fontMetrics
        val bottom = box.bottom - labelPadding
        val top = bottom - (metrics.descent - metrics.ascent) - labelPadding
        val radius = (bottom - top) / 2
        canvas.drawRoundRect(left, top, left + label.measureText(text) + 2 * labelPadding, bottom, radius, radius, labelBack)
        canvas.drawText(text, left + labelPadding, bottom - labelPadding / 2 - metrics.descent, label)
    }

    private companion object {
        const val STEP = 0.05f
        const val PERCENT = 100f
    }
}
