package org.tf_i2i.demo.live

import java.util.concurrent.Executor

/**
 * Frames on their way from the camera to the screen: one is worked on, at most one waits, and a newer one takes its place.
 *
 * So what is seen is never older than two frames' work, however much faster the camera is.
 *
 * @param work runs on [background], and ends with [ready] once its result is seen.
 */
class FramePipeline(private val background: Executor, private val work: (Frame) -> Unit) {
    private val lock = Any()
    private var waiting: Frame? = null
    private var isBusy = false
    private var isOpen = false

    /** How many frames were let go of because a newer one came. */
    var dropped = 0
        private set

    fun open() = synchronized(lock) { isOpen = true }

    /** Takes a frame, on any thread, without waiting. */
    fun offer(frame: Frame) {
        synchronized(lock) {
            if (!isOpen) {
                frame.close()
                return
            }
            waiting?.let {
                it.close()
                dropped++
            }
            waiting = frame
            if (isBusy) return
            isBusy = true
        }
        background.execute(::workOnNewest)
    }

    /** The last result is seen; the next frame may come. */
    fun ready() {
        synchronized(lock) {
            isBusy = waiting != null
            if (!isBusy) return
        }
        background.execute(::workOnNewest)
    }

    /** Takes no frames any more; what is worked on is worked on to its end. */
    fun close() {
        synchronized(lock) {
            isOpen = false
            waiting?.close()
            waiting = null
        }
    }

    private fun workOnNewest() {
        val frame = synchronized(lock) {
            waiting.also {
                waiting = null
                if (it == null) isBusy = false
            }
        }
        frame?.use(work)
    }
}

/**
 * How fast frames come, with the newest ones counting most.
 *
 * @property perSecond null until two were seen.
 */
class Rate(private val nanoTime: () -> Long) {
    private var last: Long? = null
    private var meanNs: Double? = null
    val perSecond get() = meanNs?.takeIf { it > 0 }?.let { NANOSECONDS / it }

    fun seen() {
        val now = nanoTime()
        last?.let { count((now - it).toDouble()) }
        last = now
    }

    /** Adds a duration instead of the time since the last frame. */
    fun count(ns: Double) {
        meanNs = meanNs?.let { it + NEWEST * (ns - it) } ?: ns
    }

    private companion object {
        const val NANOSECONDS = 1e9
        const val NEWEST = 0.15
    }
}

/**
 * Into how many tiles a frame is cut along its longer side: more are a finer picture, and take their time.
 *
 * @param perSecond how many frames there could be with [tiles], whatever the camera's own rate.
 */
fun nextTiles(tiles: Int, perSecond: Double, most: Int): Int {
    val more = tiles + 1
    val slower = perSecond * tiles * tiles / (more * more)
    return when {
        perSecond < TOO_SLOW && tiles > 1 -> tiles - 1
        slower > FAST && more <= most -> more
        else -> tiles
    }
}

/** Frames a second: below, a coarser picture is better; a finer one is tried where this many are left. */
private const val TOO_SLOW = 8.0
private const val FAST = 24.0
