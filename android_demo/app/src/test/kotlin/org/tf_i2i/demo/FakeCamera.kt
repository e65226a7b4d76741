package org.tf_i2i.demo

import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import org.tf_i2i.demo.live.CameraLoss
import org.tf_i2i.demo.live.Facing
import org.tf_i2i.demo.live.Frame
import org.tf_i2i.demo.live.FrameSource
import org.tf_i2i.demo.pixels.ArrayGrid
import org.tf_i2i.demo.pixels.PixelGrid

/** A camera whose frames a test sends. */
class FakeCamera(private val facings: List<Facing> = listOf(Facing.BACK, Facing.FRONT)) : FrameSource {
    val opened = mutableListOf<Facing>()
    val starts get() = opened.size
    var stops = 0
    var turn = -1
        private set
    var photo: File? = null
    val isOpen get() = listener != null
    val closed get() = closes.get()
    private val closes = AtomicInteger()
    private var listener: FrameSource.Listener? = null

    fun send(picture: ArrayGrid) = checkNotNull(listener) { "the camera is closed" }.onFrame(
        object : Frame {
            override val picture: PixelGrid = picture

            override fun close() {
                closes.incrementAndGet()
            }
        },
    )

    fun lose(loss: CameraLoss) = checkNotNull(listener).onLost(loss)

    override fun facings(): List<Facing> = facings

    override fun setDisplayTurn(degrees: Int) {
        turn = degrees
    }

    override fun start(facing: Facing, listener: FrameSource.Listener) {
        opened += facing
        this.listener = listener
    }

    override fun takePhoto(into: File, done: (Boolean) -> Unit) {
        Thread {
            photo?.copyTo(into, overwrite = true)
            done(photo != null)
        }.start()
    }

    override fun stop() {
        if (listener != null) stops++
        listener = null
    }
}
