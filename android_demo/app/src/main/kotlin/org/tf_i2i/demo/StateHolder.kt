package org.tf_i2i.demo

import java.util.concurrent.CancellationException
import java.util.concurrent.Executor
import org.tf_i2i.demo.inference.Cancellation

/**
 * Keeps a screen's state and outlives its activity when the phone is turned: a ViewModel with a StateFlow, of the framework's
 * classes alone.
 *
 * As a StateFlow, it has a value at any time, an observer gets it at once, and a state that equals the one before is not told
 * again. Unlike one, it has one observer, and belongs to the main thread: state is read and written there alone; work runs on
 * [background] and reports by [Job.post].
 */
abstract class StateHolder<State>(initial: State, private val main: Executor, private val background: Executor) {
    var state: State = initial
        private set

    /** Draws the state, now and whenever it changes; null while no activity is there. */
    var observer: ((State) -> Unit)? = null
        set(value) {
            field = value
            value?.invoke(state)
        }

    private var current: Job? = null

    protected fun update(change: (State) -> State) {
        val changed = change(state)
        if (changed == state) return
        state = changed
        observer?.invoke(changed)
    }

    /** Ends what is going on, at the latest after a tile; its results are not seen any more. */
    protected fun cancelWork() {
        current?.cancellation?.cancel()
        current = null
    }

    /**
     * Runs [work] in place of what is going on.
     *
     * @param failed called on the main thread with what [work] threw, unless it was cancelled.
     */
    protected fun launch(failed: (Throwable) -> Unit, work: (Job) -> Unit) {
        cancelWork()
        run(Job().also { current = it }, failed, work)
    }

    /** Runs [work] that nothing takes the place of. */
    protected fun launchAside(failed: (Throwable) -> Unit, work: (Job) -> Unit) =
        run(Job(replaceable = false), failed, work)

    private fun run(job: Job, failed: (Throwable) -> Unit, work: (Job) -> Unit) {
        background.execute {
            try {
                job.cancellation.check()
                work(job)
            } catch (_: CancellationException) {
                // Whoever cancelled has set the state.
            } catch (error: Exception) {
                job.post { failed(error) }
            } catch (error: OutOfMemoryError) {
                job.post { failed(error) }
            }
        }
    }

    protected inner class Job(private val replaceable: Boolean = true) {
        val cancellation = Cancellation()

        /** Runs [action] on the main thread, unless other work has taken this one's place. */
        fun post(action: () -> Unit) = main.execute { if (!replaceable || current === this) action() }
    }
}
