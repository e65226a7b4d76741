package org.tf_i2i.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.photo.PhotoProvider

/** @return whether there is an app that can do it. */
fun Activity.startForResult(intent: Intent, request: Int) = attempt { startActivityForResult(intent, request) }

fun Activity.start(intent: Intent) = attempt { startActivity(intent) }

private fun attempt(action: () -> Unit): Boolean = try {
    action()
    true
} catch (_: ActivityNotFoundException) {
    false
}

/** Lets the user name a file for a finished picture. */
fun choosePlace(handOver: HandOver.ChoosePlace): Intent =
    Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)
        .setType(PhotoProvider.JPEG).putExtra(Intent.EXTRA_TITLE, handOver.name)
