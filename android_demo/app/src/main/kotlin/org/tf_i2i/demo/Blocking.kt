package org.tf_i2i.demo

import android.os.StrictMode

/** Says that what follows takes its time: StrictMode complains where the main thread does it. */
fun blocking(what: String) = StrictMode.noteSlowCall(what)
