"""The training loop: every trainer's steps, logs, samples and checkpoints, top to bottom."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.image_files import write_png
from tf_i2i.errors import UserError
from tf_i2i.files import remove_partial_files
from training.runs.checkpoints import Checkpoints
from training.runs.metrics_log import Records
from training.runs.run_folder import RunFolder
from training.system.interruption import Interruption

# A run that diverged goes on with this share of its learning rate.
_LOWER = 0.5


# Medians are of the last ones: a training may take millions.
_TIMED_STEPS = 1000


class Diverged(UserError):
    """A loss, or a weight, is NaN or infinite."""


class WorkerLost(UserError):
    """One of several machines is gone. Another exit status than for wrong usage, so that a cluster
    starts again.
    """

    exit_status = 75


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long a loop runs and what it does at which intervals, in steps."""

    total_steps: int
    batch_size: int
    sample_every: int
    checkpoint_every: int
    log_every: int = 20


@dataclasses.dataclass
class LoopState:
    """What a checkpoint holds besides the weights, so that a resumed run goes on as if nothing had
    happened.

    Attributes:
        window: losses of the steps since the last line of metrics.jsonl.
        elapsed_s: training time so far, over all processes that took part.
        score: of the validation pictures at this checkpoint, higher is better; None when it was not
            measured.
        retries: how often the run went back after a divergence.
        origin: what was trained on what; a checkpoint with another origin is not continued.
    """

    window: list[dict[str, float]] = dataclasses.field(default_factory=list)
    elapsed_s: float = 0.0
    score: float | None = None
    retries: int = 0
    origin: str = ""


def run_loop(
    step_function: Callable[[tuple], dict],
    batches: Callable[[int, tf.distribute.InputContext], tf.data.Dataset],
    pace: Pace,
    *,
    strategy: tf.distribute.Strategy,
    run: RunFolder,
    checkpoints: Checkpoints,
    resume: bool,
    learning_rate: Callable[[int], tf.Tensor],
    scale: tf.Variable,
    later: tuple[int, Callable[[tuple], dict]] | None = None,
    sample: Callable[[int], np.ndarray] | None = None,
    score: Callable[[], float] | None = None,
    finite: Callable[[], bool] = lambda: True,
    on_nan: str = "stop",
    costs: Mapping[str, float] | None = None,
    origin: str = "",
    part: str = "",
    description: str = "training",
) -> int | None:
    """Runs the steps that are left; returns None, or 130 / 143 when a signal ended it early, with a
    checkpoint.

    step_function: one replica's step; takes a local batch, returns scalar losses by name.
    batches(first_step, context): one worker's share of the batches from first_step on.
    learning_rate(step), scale: the schedule, for the log, and the variable that lowers it after a
    divergence.
    later: (steps, function), where another step function takes over after so many steps. Not a
    condition inside of one: replicas can't exchange batch statistics from within a branch.
    sample(step) -> uint8 [H, W, 3]; score() -> higher is better, measured at checkpoints.
    finite(): whether the weights still are; asked before each checkpoint, since a loss tells of the
        step before.
    on_nan: "stop", or "retry": once, from the last checkpoint, with half the rate.
    costs: seconds a step that parts of it take when they run by themselves, by name; logged as
        shares of the step.
    origin: names what is trained on what; checkpoints of another origin are left alone and training
        starts anew.
    part: folder inside the run for metrics and samples ("" for the run itself, "student/ab" for
        distillation).

    Raises:
        Diverged: a loss is NaN or infinite; nothing is saved from that step on.
        UserError: a checkpoint can't be written or read.
    """

    def distributed(function):
        @tf.function
        def step_of_all(batch, stop):
            losses = strategy.run(function, args=(batch,))
            means = {
                name: strategy.reduce(tf.distribute.ReduceOp.MEAN, loss, axis=None)
                for name, loss in losses.items()
            }
            # All workers learn of a signal to one of them after the same step.
            signals = strategy.run(tf.identity, args=(stop,))
            return means, strategy.reduce(tf.distribute.ReduceOp.SUM, signals, axis=None)

        return step_of_all

    first_steps = distributed(step_function)
    later_steps = distributed(later[1]) if later else first_steps

    def batches_from(step: int):
        return iter(
            strategy.distribute_datasets_from_function(lambda context: batches(step, context))
        )

    remove_partial_files(run.path(part, "samples"))
    step, state = _restored(checkpoints, origin) if resume else (0, LoopState(origin=origin))
    if step:
        say(f"{description}: resuming at step {step} of {pace.total_steps}")
    records = Records(
        run.path(part, "metrics.jsonl"), run.path("tensorboard", part or "train"), step
    )
    iterator = batches_from(step) if step < pace.total_steps else None
    step_times, waited_s, stepped_s = deque(maxlen=_TIMED_STEPS), 0.0, 0.0
    started, stop_signal, traced = time.monotonic() - state.elapsed_s, 0, []
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    with (
        Interruption() as interruption,
        tqdm(
            total=pace.total_steps,
            initial=step,
            desc=description,
            unit="step",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not run.chief,
        ) as bar,
    ):
        while step < pace.total_steps and not stop_signal:
            step += 1
            step_start = time.perf_counter()
            batch = next(iterator)
            waited = time.perf_counter() - step_start
            take_step = later_steps if later and step > later[0] else first_steps
            try:
                losses, stop = take_step(batch, tf.constant(interruption.signal or 0))
            except (
                tf.errors.UnavailableError,
                tf.errors.AbortedError,
                tf.errors.CancelledError,
            ) as error:
                raise WorkerLost(
                    f"step {step}: another worker does not answer any more; start all of them again with --resume"
                ) from error
            losses = {name: float(value) for name, value in losses.items()}
            stop_signal = int(stop) if several else interruption.signal or 0
            last = step == pace.total_steps
            regular = last or step % pace.checkpoint_every == 0
            save = regular or stop_signal
            wrong = _first_infinite(losses) or (
                "a weight is not finite" if save and not finite() else None
            )
            if wrong:
                if on_nan != "retry" or state.retries or not checkpoints.newest(say):
                    raise _diverged(step, wrong, run, on_nan)
                step, state = _restored(checkpoints, origin)
                state.retries += 1
                scale.assign(scale * _LOWER)
                say(f"{wrong}: going back to step {step}, on with {_LOWER:g} of the learning rate")
                records.go_back(step)
                iterator, stop_signal = batches_from(step), 0
                bar.n = step
                continue
            if take_step in traced:  # its first call traces and compiles
                step_times.append(time.perf_counter() - step_start)
                waited_s, stepped_s = waited_s + waited, stepped_s + step_times[-1]
            else:
                traced.append(take_step)
            state.window.append(losses)
            state.score = score() if score and regular else None

            if step % pace.log_every == 0 or regular or step == 1:
                means = {
                    name: float(np.mean([one[name] for one in state.window])) for name in losses
                }
                state.window.clear()
                step_s = (
                    float(np.median(list(step_times)[-pace.log_every :])) if step_times else None
                )
                rate = float(learning_rate(step - 1))
                record = {
                    "step": step,
                    "time_s": round(time.monotonic() - started, 3),
                    "step_s": step_s,
                    "images_per_s": pace.batch_size / step_s if step_s else None,
                    "data_wait_share": waited_s / stepped_s if step_times else None,
                    **{
                        f"{name}_share": cost / step_s if step_s else None
                        for name, cost in (costs or {}).items()
                    },
                    "learning_rate": rate,
                    **means,
                    **({} if state.score is None else {"val_score": state.score}),
                }
                shown = {f"loss/{name}": value for name, value in means.items()} | {
                    "learning_rate": rate
                }
                records.write(
                    record, shown if state.score is None else {**shown, "val_score": state.score}
                )
                bar.set_postfix(
                    {name: f"{value:.2f}" for name, value in means.items()}, refresh=False
                )
            if sample and (step % pace.sample_every == 0 or last):
                picture = sample(step)
                write_png(run.path(part, "samples", f"step-{step:06d}.png"), picture)
                records.picture(step, picture)
            if save:
                records.flush()
                state.elapsed_s = time.monotonic() - started
                checkpoints.save(step, dataclasses.asdict(state))
            bar.update()
    records.close()
    if step_times and run.chief:
        for name, cost in (costs or {}).items():
            share = cost / float(np.median(step_times))
            say(
                f"{description}: {100 * share:.0f} % of a step ({1000 * cost:.0f} ms) is the {name} guidance"
            )
        bar.write(
            f"{description}: {100 * waited_s / stepped_s:.1f} % of a step was spent waiting for data"
        )
    if not several:
        return interruption.exit_status
    return 128 + (interruption.signal or signal.SIGTERM) if stop_signal else None


def _restored(checkpoints: Checkpoints, origin: str) -> tuple[int, LoopState]:
    """The newest checkpoint's step and state, its weights restored; (0, a new state) when there is
    none to go on from.
    """
    saved = checkpoints.newest(say)
    if saved is None or saved.state.get("origin", "") != origin:
        return 0, LoopState(origin=origin)
    checkpoints.restore(saved)
    return saved.step, LoopState(**saved.state)


def _first_infinite(losses: dict[str, float]) -> str | None:
    return next(
        (f"loss {name} is {value}" for name, value in losses.items() if not np.isfinite(value)),
        None,
    )


def _diverged(step: int, wrong: str, run: RunFolder, on_nan: str) -> Diverged:
    retry = "" if on_nan == "retry" else " --on-nan retry,"
    return Diverged(
        f"step {step}: {wrong}; the last checkpoint in {run.root}/checkpoints is good. "
        f"Lower --learning-rate,{retry} use --precision float32, or look for broken pictures in the data"
    )
