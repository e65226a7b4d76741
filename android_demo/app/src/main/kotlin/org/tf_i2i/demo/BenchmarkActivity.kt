package org.tf_i2i.demo

import android.app.Activity
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.MenuItem
import java.io.File
import org.tf_i2i.demo.benchmark.Benchmark
import org.tf_i2i.demo.benchmark.BenchmarkScreen
import org.tf_i2i.demo.benchmark.BenchmarkStateHolder
import org.tf_i2i.demo.benchmark.ComputerRequest
import org.tf_i2i.demo.benchmark.Repeats

/** Times the app's models, or what `python -m export.benchmark --adb` sent. */
class BenchmarkActivity : Activity() {
    lateinit var holder: BenchmarkStateHolder
        private set

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.benchmark)
        drawEdgeToEdge(findViewById(R.id.benchmark), findViewById(R.id.benchmark_scroll))
        setActionBar(findViewById(R.id.toolbar))
        actionBar?.setDisplayHomeAsUpEnabled(true)
        val retained = lastNonConfigurationInstance as BenchmarkStateHolder?
        holder = retained ?: newHolder()
        val screen = BenchmarkScreen(findViewById(R.id.benchmark), holder::start, holder::stop)
        holder.observer = screen::draw
        if (retained == null) startFor(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        startFor(intent)
    }

    override fun onRetainNonConfigurationInstance() = holder

    override fun onDestroy() {
        holder.observer = null
        if (isFinishing) holder.stop()
        super.onDestroy()
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != android.R.id.home) return super.onOptionsItemSelected(item)
        finish()
        return true
    }

    private fun newHolder() = with(parts) {
        BenchmarkStateHolder(main, models, stylizer, Benchmark(stylizer.engines, stylizer.nanoTime))
    }

    private fun startFor(intent: Intent) {
        val request = request(intent) ?: return
        val device = "${Build.MANUFACTURER} ${Build.MODEL}"
        holder.start(request, device, getString(R.string.benchmark_failed), getString(R.string.benchmark_nothing))
    }

    private fun request(intent: Intent): ComputerRequest? {
        val token = intent.getStringExtra(EXTRA_TOKEN)
        val files: File? = getExternalFilesDir(ComputerRequest.FOLDER)
        if (intent.action != ACTION || token == null || files == null) return null
        return ComputerRequest(
            token,
            ComputerRequest.threads(intent.getStringExtra(EXTRA_THREADS).orEmpty()),
            Repeats(intent.getIntExtra(EXTRA_REPEATS, 1).coerceAtLeast(1), intent.getIntExtra(EXTRA_WARM_UP, 0).coerceAtLeast(0)),
            files,
        )
    }

    companion object {
        /** As in `export/timing/phone.py`. */
        const val ACTION = "org.tf_i2i.demo.BENCHMARK"
        const val EXTRA_TOKEN = "token"
        const val EXTRA_THREADS = "threads"
        const val EXTRA_REPEATS = "repeats"
        const val EXTRA_WARM_UP = "warm_up"
    }
}
