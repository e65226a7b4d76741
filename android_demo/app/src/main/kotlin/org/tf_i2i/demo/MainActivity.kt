package org.tf_i2i.demo

import android.Manifest
import android.app.Activity
import android.content.ClipData
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.Menu
import android.view.MenuItem
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.main.MainScreen
import org.tf_i2i.demo.main.MainStateHolder
import org.tf_i2i.demo.main.MainUiState
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.main.OutputSize
import org.tf_i2i.demo.main.SavedMain
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.photo.PhotoProvider
import org.tf_i2i.demo.photo.resultName

/** Brings the screen, its state and other apps together; decides nothing itself. */
class MainActivity : Activity(), MainScreen.Listener {
    lateinit var holder: MainStateHolder
        private set
    private lateinit var screen: MainScreen
    private val back = BackCatcher(this) { holder.cancel() }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        drawEdgeToEdge(findViewById(R.id.main))
        setActionBar(findViewById(R.id.toolbar))
        screen = MainScreen(findViewById(R.id.main), this)
        val retained = lastNonConfigurationInstance as MainStateHolder?
        holder = retained ?: newHolder().apply { start(savedInstanceState?.toSavedMain()) }
        if (retained == null && savedInstanceState == null) openShared(intent)
        holder.observer = ::draw
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        openShared(intent)
    }

    override fun onRetainNonConfigurationInstance() = holder

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.put(holder.save())
    }

    override fun onDestroy() {
        holder.observer = null
        if (isFinishing) holder.cancel()
        super.onDestroy()
    }

    override fun onCreateOptionsMenu(menu: Menu): Boolean {
        menuInflater.inflate(R.menu.main, menu)
        return true
    }

    override fun onOptionsItemSelected(item: MenuItem): Boolean {
        when (item.itemId) {
            R.id.open_live -> onLive()
            R.id.about -> startActivity(AboutActivity.intent(this, holder.state.selected))
            R.id.benchmark -> startActivity(Intent(this, BenchmarkActivity::class.java))
            else -> return super.onOptionsItemSelected(item)
        }
        return true
    }

    /** Before Android 13. */
    @Deprecated("Deprecated in Java")
    override fun onBackPressed() {
        if (!back.backPressed()) @Suppress("DEPRECATION") super.onBackPressed()
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        if (resultCode != RESULT_OK) return
        val chosen = data?.data
        when (requestCode) {
            REQUEST_CAMERA -> holder.openPhoto(PhotoProvider.uri(this, parts.photos.cameraFile))
            REQUEST_PHOTO -> chosen?.let(holder::openPhoto)
            REQUEST_MODEL -> chosen?.let(holder::addModel)
            REQUEST_PLACE -> chosen?.let(holder::saveTo)
        }
    }

    override fun onPickPhoto() {
        val picker = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            Intent(MediaStore.ACTION_PICK_IMAGES)
        } else {
            documents()
        }
        if (!startForResult(picker.setType(IMAGES), REQUEST_PHOTO) && !startForResult(documents().setType(IMAGES), REQUEST_PHOTO)) {
            holder.tell(Notice.NO_APP)
        }
    }

    /**
     * The camera app takes a photo for us. Since live view has the camera's permission in the manifest, Android refuses that until
     * the permission is given, and only live view may ask for it: so the camera app is then just opened.
     */
    override fun onTakePhoto() {
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            val isOpen = start(Intent(MediaStore.INTENT_ACTION_STILL_IMAGE_CAMERA))
            holder.tell(if (isOpen) Notice.TAKE_THEN_CHOOSE else Notice.NO_APP)
            return
        }
        val target = PhotoProvider.uri(this, parts.photos.cameraFile)
        val camera = Intent(MediaStore.ACTION_IMAGE_CAPTURE).putExtra(MediaStore.EXTRA_OUTPUT, target)
            .addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION or Intent.FLAG_GRANT_READ_URI_PERMISSION)
        camera.clipData = ClipData.newRawUri(null, target)
        if (!startForResult(camera, REQUEST_CAMERA)) holder.tell(Notice.NO_APP)
    }

    override fun onLive() = startActivity(LiveActivity.intent(this, holder.state.selected))

    override fun onOpenModel() {
        // Few providers know the type of a .tflite file.
        if (!startForResult(documents().setType(ANY), REQUEST_MODEL)) holder.tell(Notice.NO_APP)
    }

    override fun onSelect(style: Style) = holder.select(style)

    override fun onStrength(strength: Float) = holder.setStrength(strength)

    override fun onBrush(brush: Float?) = holder.setBrush(brush)

    override fun onDivider(divider: Float) = holder.setDivider(divider)

    override fun onSave(size: OutputSize) = holder.saveToGallery(size)

    override fun onShare(size: OutputSize) = holder.share(size)

    override fun onCancel() = holder.cancel()

    override fun onDismissNotice() = holder.dismissNotice()

    private fun draw(state: MainUiState) {
        screen.draw(state)
        back.isCatching = state.work != null
        state.handOver?.let { handOver ->
            holder.handedOver()
            handOver(handOver)
        }
    }

    private fun handOver(handOver: HandOver) {
        val started = when (handOver) {
            is HandOver.Share -> start(shareIntent(handOver.uri))
            is HandOver.ChoosePlace -> startForResult(choosePlace(handOver), REQUEST_PLACE)
        }
        if (!started) holder.tell(Notice.NO_APP)
    }

    private fun shareIntent(uri: Uri): Intent {
        val send = Intent(Intent.ACTION_SEND).setType(PhotoProvider.JPEG).putExtra(Intent.EXTRA_STREAM, uri)
            .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        send.clipData = ClipData.newRawUri(null, uri)
        return Intent.createChooser(send, getString(R.string.share_title))
    }

    private fun openShared(intent: Intent) {
        if (intent.action != Intent.ACTION_SEND) return
        val uri = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            intent.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java)
        } else {
            @Suppress("DEPRECATION")
            intent.getParcelableExtra(Intent.EXTRA_STREAM)
        }
        if (uri != null) holder.openPhoto(uri) else holder.tell(Notice.PHOTO_UNREADABLE)
    }

    private fun documents() = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)

    private fun newHolder(): MainStateHolder {
        val application = applicationContext
        return MainStateHolder(
            parts.main, parts.models, parts.photos, parts.gallery, parts.stylizer,
            shareUri = { PhotoProvider.uri(application, it) },
            resultName = { resultName(application) },
        )
    }

    private companion object {
        const val REQUEST_PHOTO = 1
        const val REQUEST_CAMERA = 2
        const val REQUEST_MODEL = 3
        const val REQUEST_PLACE = 4
        const val IMAGES = "image/*"
        const val ANY = "*/*"
    }
}

private const val PHOTO = "photo"
private const val STYLE = "style"
private const val STRENGTH = "strength"
private const val BRUSH = "brush"
private const val DIVIDER = "divider"

private fun Bundle.put(saved: SavedMain) {
    putString(PHOTO, saved.photo)
    putString(STYLE, saved.style)
    putFloat(STRENGTH, saved.strength)
    saved.brush?.let { putFloat(BRUSH, it) }
    putFloat(DIVIDER, saved.divider)
}

private fun Bundle.toSavedMain() = SavedMain(
    getString(PHOTO),
    getString(STYLE),
    getFloat(STRENGTH, 1f),
    if (containsKey(BRUSH)) getFloat(BRUSH) else null,
    getFloat(DIVIDER, 0.5f),
)
