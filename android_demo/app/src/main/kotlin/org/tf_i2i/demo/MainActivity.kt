package org.tf_i2i.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.view.Menu
import android.view.MenuItem
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import org.tf_i2i.demo.main.HandOver
import org.tf_i2i.demo.main.MainScreen
import org.tf_i2i.demo.main.MainStateHolder
import org.tf_i2i.demo.main.MainUiState
import org.tf_i2i.demo.main.Notice
import org.tf_i2i.demo.main.OutputSize
import org.tf_i2i.demo.main.SavedMain
import org.tf_i2i.demo.model.Style
import org.tf_i2i.demo.photo.PhotoProvider

/** Brings the screen, its state and other apps together; decides nothing itself. */
class MainActivity : Activity(), MainScreen.Listener {
    lateinit var holder: MainStateHolder
        private set
    private lateinit var screen: MainScreen
    private var cancelOnBack: OnBackInvokedCallback? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
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
            R.id.about -> startActivity(AboutActivity.intent(this, holder.state.selected))
            R.id.benchmark -> startActivity(Intent(this, BenchmarkActivity::class.java))
            else -> return super.onOptionsItemSelected(item)
        }
        return true
    }

    /** Before Android 13; later ones ask [cancelOnBack]. */
    @Deprecated("Deprecated in Java")
    override fun onBackPressed() {
        if (holder.state.work != null) holder.cancel() else @Suppress("DEPRECATION") super.onBackPressed()
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

    override fun onTakePhoto() {
        val target = PhotoProvider.uri(this, parts.photos.cameraFile)
        val camera = Intent(MediaStore.ACTION_IMAGE_CAPTURE).putExtra(MediaStore.EXTRA_OUTPUT, target)
            .addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION or Intent.FLAG_GRANT_READ_URI_PERMISSION)
        camera.clipData = ClipData.newRawUri(null, target)
        if (!startForResult(camera, REQUEST_CAMERA)) holder.tell(Notice.NO_APP)
    }

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
        catchBack(state.work != null)
        state.handOver?.let { handOver ->
            holder.handedOver()
            handOver(handOver)
        }
    }

    private fun handOver(handOver: HandOver) {
        val started = when (handOver) {
            is HandOver.Share -> start(shareIntent(handOver.uri))
            is HandOver.ChoosePlace -> startForResult(
                Intent(Intent.ACTION_CREATE_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE)
                    .setType(PhotoProvider.JPEG).putExtra(Intent.EXTRA_TITLE, handOver.name),
                REQUEST_PLACE,
            )
        }
        if (!started) holder.tell(Notice.NO_APP)
    }

    private fun shareIntent(uri: Uri): Intent {
        val send = Intent(Intent.ACTION_SEND).setType(PhotoProvider.JPEG).putExtra(Intent.EXTRA_STREAM, uri)
            .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        send.clipData = ClipData.newRawUri(null, uri)
        return Intent.createChooser(send, getString(R.string.share_title))
    }

    /** The back gesture cancels work while there is some, and is the system's otherwise, with its animation. */
    private fun catchBack(wanted: Boolean) {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || wanted == (cancelOnBack != null)) return
        if (wanted) {
            cancelOnBack = OnBackInvokedCallback { holder.cancel() }
                .also { onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, it) }
        } else {
            cancelOnBack?.let(onBackInvokedDispatcher::unregisterOnBackInvokedCallback)
            cancelOnBack = null
        }
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

    private fun startForResult(intent: Intent, request: Int) = attempt { startActivityForResult(intent, request) }

    private fun start(intent: Intent) = attempt { startActivity(intent) }

    private fun attempt(action: () -> Unit): Boolean = try {
        action()
        true
    } catch (_: ActivityNotFoundException) {
        false
    }

    private fun newHolder(): MainStateHolder {
        val application = applicationContext
        return MainStateHolder(
            parts.main, parts.models, parts.photos, parts.gallery, parts.stylizer,
            shareUri = { PhotoProvider.uri(application, it) },
            resultName = { application.getString(R.string.result_name, SimpleDateFormat(STAMP, Locale.ROOT).format(Date())) },
        )
    }

    private companion object {
        const val REQUEST_PHOTO = 1
        const val REQUEST_CAMERA = 2
        const val REQUEST_MODEL = 3
        const val REQUEST_PLACE = 4
        const val IMAGES = "image/*"
        const val ANY = "*/*"
        const val STAMP = "yyyyMMdd-HHmmss"
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
