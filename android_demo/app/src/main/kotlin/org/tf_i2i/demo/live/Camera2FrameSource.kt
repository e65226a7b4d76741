package org.tf_i2i.demo.live

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CameraMetadata
import android.hardware.camera2.CaptureFailure
import android.hardware.camera2.CaptureRequest
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import java.io.File
import java.io.IOException
import java.util.concurrent.ArrayBlockingQueue
import org.tf_i2i.demo.pixels.PixelGrid
import org.tf_i2i.demo.pixels.UprightGrid
import org.tf_i2i.demo.pixels.YuvGrid
import org.tf_i2i.demo.pixels.YuvPlane

/**
 * The phone's cameras by Camera2: small frames in YUV to draw, a JPEG in full size to keep.
 *
 * All of it happens on a thread of its own. Frames are copied out of the camera's buffers, which become invalid when it is
 * closed, whoever reads them.
 */
class Camera2FrameSource(context: Context) : FrameSource {
    private val cameras = context.getSystemService(CameraManager::class.java)
    private var open: OpenCamera? = null

    @Volatile
    private var displayTurn = 0

    override fun facings(): List<Facing> = try {
        cameras.cameraIdList.mapNotNull(::facing).distinct().sorted()
    } catch (_: CameraAccessException) {
        emptyList()
    }

    override fun setDisplayTurn(degrees: Int) {
        displayTurn = degrees
    }

    override fun start(facing: Facing, listener: FrameSource.Listener) {
        handler.post {
            open?.close()
            open = null
            try {
                val id = cameras.cameraIdList.firstOrNull { facing(it) == facing }
                if (id == null) listener.onLost(CameraLoss.NO_CAMERA) else open = OpenCamera(id, facing, listener).apply { open() }
            } catch (error: CameraAccessException) {
                listener.onLost(lossOf(error))
            } catch (_: SecurityException) {
                listener.onLost(CameraLoss.DISABLED)
            } catch (_: IllegalArgumentException) {
                // The camera is gone, as external ones can be.
                listener.onLost(CameraLoss.FAILED)
            }
        }
    }

    override fun takePhoto(into: File, done: (Boolean) -> Unit) {
        handler.post { open?.takePhoto(into, done) ?: done(false) }
    }

    override fun stop() {
        handler.post {
            open?.close()
            open = null
        }
    }

    private fun facing(id: String): Facing? = when (cameras.getCameraCharacteristics(id)[CameraCharacteristics.LENS_FACING]) {
        CameraMetadata.LENS_FACING_BACK -> Facing.BACK
        CameraMetadata.LENS_FACING_FRONT -> Facing.FRONT
        else -> null
    }

    private fun lossOf(error: CameraAccessException) = when (error.reason) {
        CameraAccessException.CAMERA_IN_USE, CameraAccessException.MAX_CAMERAS_IN_USE -> CameraLoss.IN_USE
        CameraAccessException.CAMERA_DISABLED -> CameraLoss.DISABLED
        else -> CameraLoss.FAILED
    }

    /** From opening to closing; on the camera's thread. */
    private inner class OpenCamera(private val id: String, private val facing: Facing, private val listener: FrameSource.Listener) {
        private val facts = cameras.getCameraCharacteristics(id)
        private val sensorTurn = facts[CameraCharacteristics.SENSOR_ORIENTATION] ?: 0
        private val frames = reader(ImageFormat.YUV_420_888, FRAMES_HELD) { frameSize(it) }
        private val photos = reader(ImageFormat.JPEG, 1) { sizes -> sizes.maxByOrNull { it.width.toLong() * it.height } }
        private val buffers = ArrayBlockingQueue<FrameBytes>(FRAMES_HELD)
        private var device: CameraDevice? = null
        private var session: CameraCaptureSession? = null
        private var isClosed = false
        private var photoDone: ((Boolean) -> Unit)? = null

        /** The activity has seen to the permission; without it, this is a SecurityException. */
        @SuppressLint("MissingPermission")
        fun open() {
            frames.setOnImageAvailableListener({ passOn(it) }, handler)
            cameras.openCamera(id, DeviceCallback(), handler)
        }

        fun takePhoto(into: File, done: (Boolean) -> Unit) {
            val (device, session) = (device ?: return done(false)) to (session ?: return done(false))
            photoDone = done
            photos.setOnImageAvailableListener({ write(it, into) }, handler)
            try {
                val request = device.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE).apply {
                    addTarget(photos.surface)
                    set(CaptureRequest.JPEG_ORIENTATION, pictureTurn(sensorTurn, displayTurn, facing))
                    set(CaptureRequest.JPEG_QUALITY, JPEG_QUALITY)
                    set(CaptureRequest.CONTROL_AF_MODE, CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE)
                }
                session.capture(request.build(), CaptureCallback(), handler)
            } catch (_: CameraAccessException) {
                finishPhoto(false)
            } catch (_: IllegalStateException) {
                finishPhoto(false)
            }
        }

        fun close() {
            isClosed = true
            finishPhoto(false)
            session?.close()
            device?.close()
            frames.close()
            photos.close()
        }

        private fun lose(loss: CameraLoss) {
            if (isClosed) return
            close()
            listener.onLost(loss)
        }

        private fun passOn(reader: ImageReader) {
            if (isClosed) return
            val image = try {
                reader.acquireLatestImage() ?: return
            } catch (_: IllegalStateException) {
                return
            }
            image.use {
                val bytes = (buffers.poll() ?: FrameBytes()).apply { copy(it) }
                listener.onFrame(CameraFrame(bytes, pictureTurn(sensorTurn, displayTurn, facing)))
            }
        }

        private fun write(reader: ImageReader, into: File) {
            val isWritten = try {
                reader.acquireNextImage().use { image ->
                    into.parentFile?.mkdirs()
                    into.outputStream().channel.use { it.write(image.planes.single().buffer) }
                }
                true
            } catch (_: IOException) {
                false
            } catch (_: IllegalStateException) {
                false
            }
            finishPhoto(isWritten)
        }

        private fun finishPhoto(isWritten: Boolean) {
            photoDone?.invoke(isWritten)
            photoDone = null
        }

        private fun reader(format: Int, count: Int, choose: (List<Size>) -> Size?): ImageReader {
            val sizes = facts[CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP]?.getOutputSizes(format).orEmpty().toList()
            val size = choose(sizes) ?: Size(DEFAULT_WIDTH, DEFAULT_HEIGHT)
            return ImageReader.newInstance(size.width, size.height, format, count)
        }

        /** The smallest one that is large enough, of the photo's proportions where there is one. */
        private fun frameSize(sizes: List<Size>): Size? {
            val enough = sizes.filter { it.width >= DEFAULT_WIDTH && it.height >= DEFAULT_HEIGHT }.ifEmpty { sizes }
            return enough.filter { it.width * 3 == it.height * 4 }.ifEmpty { enough }.minByOrNull { it.width * it.height }
        }

        private inner class DeviceCallback : CameraDevice.StateCallback() {
            override fun onOpened(camera: CameraDevice) {
                if (isClosed) return camera.close()
                device = camera
                try {
                    // The newer form has been there since Android 9 only.
                    @Suppress("DEPRECATION")
                    camera.createCaptureSession(listOf(frames.surface, photos.surface), SessionCallback(camera), handler)
                } catch (error: CameraAccessException) {
                    lose(lossOf(error))
                } catch (_: IllegalStateException) {
                    lose(CameraLoss.FAILED)
                }
            }

            /** An app of higher priority took it. */
            override fun onDisconnected(camera: CameraDevice) {
                camera.close()
                lose(CameraLoss.IN_USE)
            }

            override fun onError(camera: CameraDevice, error: Int) {
                camera.close()
                lose(
                    when (error) {
                        ERROR_CAMERA_IN_USE, ERROR_MAX_CAMERAS_IN_USE -> CameraLoss.IN_USE
                        ERROR_CAMERA_DISABLED -> CameraLoss.DISABLED
                        else -> CameraLoss.FAILED
                    },
                )
            }
        }

        private inner class SessionCallback(private val camera: CameraDevice) : CameraCaptureSession.StateCallback() {
            override fun onConfigured(configured: CameraCaptureSession) {
                if (isClosed) return
                session = configured
                try {
                    val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW).apply {
                        addTarget(frames.surface)
                        set(CaptureRequest.CONTROL_AF_MODE, CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE)
                    }
                    configured.setRepeatingRequest(request.build(), null, handler)
                } catch (error: CameraAccessException) {
                    lose(lossOf(error))
                } catch (_: IllegalStateException) {
                    lose(CameraLoss.FAILED)
                }
            }

            override fun onConfigureFailed(failed: CameraCaptureSession) = lose(CameraLoss.FAILED)
        }

        private inner class CaptureCallback : CameraCaptureSession.CaptureCallback() {
            override fun onCaptureFailed(session: CameraCaptureSession, request: CaptureRequest, failure: CaptureFailure) =
                finishPhoto(false)
        }

        private inner class CameraFrame(private val bytes: FrameBytes, turn: Int) : Frame {
            override val picture: PixelGrid = UprightGrid(bytes.grid(), seenOrientation(turn, facing))

            override fun close() {
                buffers.offer(bytes)
            }
        }
    }

    private companion object {
        /** One for all screens that were ever opened: cameras answer late, and must be closed even then. */
        val handler by lazy { Handler(HandlerThread("camera").apply { start() }.looper) }

        /** One is drawn, one waits, one comes. */
        const val FRAMES_HELD = 3
        const val DEFAULT_WIDTH = 640
        const val DEFAULT_HEIGHT = 480
        const val JPEG_QUALITY: Byte = 95
    }
}

/** A frame's bytes, used again for later frames. */
private class FrameBytes {
    private var width = 0
    private var height = 0
    private val planes = Array(3) { YuvPlane(ByteArray(0), 0, 0) }

    fun copy(image: Image) {
        width = image.width
        height = image.height
        for ((index, plane) in image.planes.withIndex()) {
            val count = plane.buffer.remaining()
            val bytes = planes[index].bytes.takeIf { it.size == count } ?: ByteArray(count)
            plane.buffer.get(bytes)
            planes[index] = YuvPlane(bytes, plane.rowStride, plane.pixelStride)
        }
    }

    fun grid() = YuvGrid(width, height, planes[0], planes[1], planes[2])
}
