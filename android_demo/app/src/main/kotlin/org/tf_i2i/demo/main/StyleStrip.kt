package org.tf_i2i.demo.main

import android.graphics.Bitmap
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.TextView
import org.tf_i2i.demo.R
import org.tf_i2i.demo.model.Style

/**
 * The styles in a row, one of them chosen.
 *
 * @param onAdd opens another model; null where that can't be done.
 */
class StyleStrip(private val row: ViewGroup, private val onSelect: (Style) -> Unit, private val onAdd: (() -> Unit)? = null) {
    private var drawn: List<StyleItem>? = null

    fun draw(styles: List<StyleItem>?, selected: Style?) {
        if (styles != drawn) fill(styles)
        drawn = styles
        for (index in 0 until row.childCount) row.getChildAt(index).apply { isSelected = tag != null && tag == selected }
    }

    private fun fill(styles: List<StyleItem>?) {
        row.removeAllViews()
        for (item in styles.orEmpty()) {
            val view = add(item.style.title ?: row.resources.getString(R.string.style_unnamed))
            view.tag = item.style
            view.setOnClickListener { onSelect(item.style) }
            item.thumbnail?.let(view.findViewById<ImageView>(R.id.style_picture)::showPhoto)
        }
        if (styles == null || onAdd == null) return
        val add = add(row.resources.getString(R.string.open_model))
        add.findViewById<ImageView>(R.id.style_picture).setImageResource(R.drawable.ic_add)
        add.setOnClickListener { onAdd.invoke() }
    }

    private fun add(title: String): View {
        val view = LayoutInflater.from(row.context).inflate(R.layout.item_style, row, false)
        view.findViewById<TextView>(R.id.style_title).text = title
        view.findViewById<View>(R.id.style_picture).clipToOutline = true
        row.addView(view)
        return view
    }
}

private fun ImageView.showPhoto(bitmap: Bitmap) {
    imageTintList = null
    scaleType = ImageView.ScaleType.CENTER_CROP
    setImageBitmap(bitmap)
}
