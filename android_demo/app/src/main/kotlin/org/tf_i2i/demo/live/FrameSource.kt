package org.tf_i2i.demo.live

import java.io.File
import org.tf_i2i.demo.pixels.Orientation
import org.tf_i2i.demo.pixels.PixelGrid

/** A camera's picture that is not converted yet: most are dropped. [close] it to let the camera have its memory back. */
interface Frame : AutoCloseable {
    /** As it is to be seen: turned upright, and mirrored where it is the front camera's. */
    val picture: PixelGrid
}

enum class Facing { BACK, FRONT }

/** Why there are no pictures any more. */
enum class CameraLoss { NO_CAMERA, IN_USE, DISABLED, FAILED }

/** Where frames come from: the phone's cameras; tests put in another one. */
interface FrameSource {
    interface Listener {
        /** On any thread, without a break; [Frame.close] is the receiver's. */
        fun onFrame(frame: Frame)

        /** On any thread. No frame follows. */
        fun onLost(loss: CameraLoss)
    }

    /** Which cameras there are. Blocking. */
    fun facings(): List<Facing>

    /** How far the screen's contents are turned against the phone's usual position: 0, 90, 180 or 270 degrees. */
    fun setDisplayTurn(degrees: Int)

    /** Opens a camera; the permission is there. */
    fun start(facing: Facing, listener: Listener)

    /**
     * Writes a JPEG in the camera's full size, turned by its EXIF tag, not mirrored.
     *
     * @param done called once, on any thread, with whether it is there.
     */
    fun takePhoto(into: File, done: (Boolean) -> Unit)

    /** Closes the camera. No frame follows. */
    fun stop()
}

/**
 * Clockwise degrees by which a camera's picture is turned to be upright.
 *
 * @param sensorTurn the same on a screen that is not turned.
 * @param displayTurn as [FrameSource.setDisplayTurn].
 */
fun pictureTurn(sensorTurn: Int, displayTurn: Int, facing: Facing): Int =
    // The front camera looks the other way, and so sees the screen turned the other way.
    Math.floorMod(if (facing == Facing.FRONT) sensorTurn + displayTurn else sensorTurn - displayTurn, 360)

/** How a camera's picture that is turned by [pictureTurn] stands to what is seen. */
fun seenOrientation(turn: Int, facing: Facing): Orientation {
    val upright = when (turn) {
        90 -> Orientation.TURNED_90
        180 -> Orientation.TURNED_180
        270 -> Orientation.TURNED_270
        else -> Orientation.NORMAL
    }
    return if (facing == Facing.FRONT) upright.mirrored() else upright
}
