package org.tf_i2i.demo.live

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import org.tf_i2i.demo.pixels.fitInside

/** A picture that changes often, as large as fits. */
class PictureView(context: Context, attributes: AttributeSet) : View(context, attributes) {
    private var picture: Bitmap? = null
    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val place = RectF()

    fun show(picture: Bitmap?) {
        if (picture === this.picture) return
        this.picture = picture
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val shown = picture ?: return
        fitInside(shown.width, shown.height, width, height).run { place.set(left, top, right, bottom) }
        canvas.drawBitmap(shown, null, place, smooth)
    }
}
