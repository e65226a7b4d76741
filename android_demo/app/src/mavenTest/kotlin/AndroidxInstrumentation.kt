// Stand-ins for what Robolectric asks of androidx.test:monitor, which only Google's repository has; Gradle takes the real
// one. They keep what they are given and tell the stage of an activity, no more.
@file:Suppress("PackageDirectoryMismatch", "UNUSED_PARAMETER")

package androidx.test.platform.app

import android.app.Instrumentation
import android.os.Bundle

object InstrumentationRegistry {
    private var instrumentation: Instrumentation? = null

    @JvmStatic
    fun getInstrumentation(): Instrumentation = checkNotNull(instrumentation)

    @JvmStatic
    fun registerInstance(instrumentation: Instrumentation?, arguments: Bundle?) {
        this.instrumentation = instrumentation
    }
}
