package org.tf_i2i.demo

import android.view.View
import android.widget.TextView

/** Shown, or gone with the room that it took. */
var View.visible: Boolean
    get() = visibility == View.VISIBLE
    set(value) {
        visibility = if (value) View.VISIBLE else View.GONE
    }

/** TalkBack speaks a live region each time its text is set. */
fun TextView.setTextOnce(wanted: CharSequence) {
    if (text.toString() != wanted.toString()) text = wanted
}
