package org.tf_i2i.demo

import android.Manifest
import android.app.Activity
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.display.DisplayManager
import android.net.Uri
import android.os.Bundle
import android.provider.Settings
import android.view.MenuItem
import android.view.Surface
import org.tf_i2i.demo.live.Facing
import org.tf_i2i.demo.live.LiveScreen
import org.tf_i2i.demo.live.LiveStateHolder
import org.tf_i2i.demo.live.LiveStatus
import org.tf_i2i.demo.live.LiveUiState
import org.tf_i2i.demo.live.SavedLive
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.photo.resultName

/** The camera in a style. The only screen that asks for a permission, and only once it is opened. */
class LiveActivity : Activity(), LiveScreen.Listener, DisplayManager.DisplayListener {
    lateinit var holder: LiveStateHolder
        private set
    private lateinit var screen: LiveScreen
    private val back = BackCatcher(this) { holder.resume() }
    private var isAsking = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.live)
        drawEdgeToEdge(findViewById(R.id.live))
        setActionBar(findViewById(R.id.toolbar))
        actionBar?.setDisplayHomeAsUpEnabled(true)
        isAsking = savedInstanceState?.getBoolean(ASKING) ?: false
        screen = LiveScreen(findViewById(R.id.live), this)
        val retained = lastNonConfigurationInstance as LiveStateHolder?
        holder = retained ?: newHolder().apply { start(intent.getStringExtra(EXTRA_STYLE), savedInstanceState?.toSavedLive()) }
        holder.observer = ::draw
    }

    override fun onStart() {
        super.onStart()
        getSystemService(DisplayManager::class.java).registerDisplayListener(this, null)
        holder.setDisplayTurn(displayTurn())
        holder.setVisible(true)
        if (isGranted()) holder.setPermission(true) else if (!isAsking && holder.state.status == LiveStatus.Asking) ask()
    }

    override fun onStop() {
        getSystemService(DisplayManager::class.java).unregisterDisplayListener(this)
        // A turned phone keeps its camera.
        if (!isChangingConfigurations) holder.setVisible(false)
        super.onStop()
    }

    override fun onRetainNonConfigurationInstance() = holder

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(ASKING, isAsking)
        outState.put(holder.save())
    }

    override fun onDestroy() {
        holder.observer = null
        if (!isChangingConfigurations) holder.end()
        super.onDestroy()
    }

    /** Before Android 13. */
    @Deprecated("Deprecated in Java")
    override fun onBackPressed() {
        if (!back.backPressed()) @Suppress("DEPRECATION") super.onBackPressed()
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        if (item.itemId != android.R.id.home) return super.onOptionsItemSelected(item)
        finish()
        return true
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<out String>, grantResults: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        isAsking = false
        // Empty where the question was taken back: as good as refused, and can be asked again.
        holder.setPermission(grantResults.firstOrNull() == PackageManager.PERMISSION_GRANTED)
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        if (requestCode == REQUEST_PLACE && resultCode == RESULT_OK) data?.data?.let(holder::saveTo)
    }

    /** Turning from one side to the other doesn't restart the activity. */
    override fun onDisplayChanged(displayId: Int) = holder.setDisplayTurn(displayTurn())

    override fun onDisplayAdded(displayId: Int) = Unit

    override fun onDisplayRemoved(displayId: Int) = Unit

    override fun onFreeze() = holder.freeze()

    override fun onResumeLive() = holder.resume()

    override fun onSwitchCamera() = holder.switchCamera()

    override fun onSave() = holder.saveToGallery()

    /** The system asks at most twice; then only its settings help. */
    override fun onAllow() {
        if (shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) return ask()
        if (!start(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", packageName, null)))) ask()
    }

    override fun onRetry() = holder.resume()

    override fun onSelect(style: Style) = holder.select(style)

    override fun onCancel() = holder.cancel()

    override fun onDismissNotice() = holder.dismissNotice()

    private fun draw(state: LiveUiState) {
        screen.draw(state)
        back.isCatching = state.status == LiveStatus.Frozen || state.status == LiveStatus.Freezing
        val handOver = state.handOver as? HandOver.ChoosePlace ?: return
        holder.handedOver()
        if (!startForResult(choosePlace(handOver), REQUEST_PLACE)) holder.tell(Notice.NO_APP)
    }

    private fun ask() {
        isAsking = true
        requestPermissions(arrayOf(Manifest.permission.CAMERA), REQUEST_PERMISSION)
    }

    private fun isGranted() = checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun displayTurn(): Int {
        @Suppress("DEPRECATION") // The newer one came with Android 11.
        return when (windowManager.defaultDisplay.rotation) {
            Surface.ROTATION_90 -> 90
            Surface.ROTATION_180 -> 180
            Surface.ROTATION_270 -> 270
            else -> 0
        }
    }

    private fun newHolder(): LiveStateHolder {
        val application = applicationContext
        return with(parts) {
            LiveStateHolder(main, models, photos, gallery, stylizer, frames(), resultName = { resultName(application) })
        }
    }

    companion object {
        private const val EXTRA_STYLE = "style"
        private const val ASKING = "asking"
        private const val REQUEST_PERMISSION = 1
        private const val REQUEST_PLACE = 2

        fun intent(context: Context, style: Style?): Intent =
            Intent(context, LiveActivity::class.java).putExtra(EXTRA_STYLE, style?.id)
    }
}

private const val LIVE_STYLE = "live_style"
private const val LIVE_FACING = "live_facing"
private const val LIVE_PHOTO = "live_photo"

private fun Bundle.put(saved: SavedLive) {
    putString(LIVE_STYLE, saved.style)
    putString(LIVE_FACING, saved.facing.name)
    putString(LIVE_PHOTO, saved.photo)
}

private fun Bundle.toSavedLive() =
    SavedLive(getString(LIVE_STYLE), Facing.valueOf(getString(LIVE_FACING) ?: Facing.BACK.name), getString(LIVE_PHOTO))
