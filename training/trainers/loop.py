"""The training loop: every trainer's steps, logs, samples and checkpoints, top to bottom."""

import dataclasses
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.console import chatter_left_out, say
from tf_i2i.data.image_files import write_png
from tf_i2i.errors import UserError
from tf_i2i.files import remove_partial_files
from training.runs.checkpoints import Checkpoints, Saved
from training.runs.metrics_log import MetricsLog
from training.system.interruption import Interruption

# A run that diverged goes on with this share of its learning rate.
_RETRY_RATE = 0.5
# Medians are of the last ones: a training may take millions.
_TIMED_STEPS = 1000


class Diverged(UserError):
    """A loss, or a weight, is NaN or infinite."""


class WorkerLost(UserError):
    """One of several machines is gone. Another exit status than for wrong usage, so that a cluster
    starts again.
    """

    exit_status = 75


@dataclasses.dataclass
class LoopState:
    """What a checkpoint holds besides the weights, for an exact resume.

    Attributes:
        window: losses of the steps since the last line of metrics.jsonl.
        elapsed_s: training time so far, over all processes that took part.
        score: of the validation pictures at this checkpoint, higher is better; None: not measured.
        retries: how often the run went back after a divergence.
        origin: what was trained on what; a checkpoint of another origin is not resumed.
        steps: of the whole training; None in checkpoints of earlier versions.
    """

    window: list[dict[str, float]] = dataclasses.field(default_factory=list)
    elapsed_s: float = 0.0
    score: float | None = None
    retries: int = 0
    origin: str = ""
    steps: int | None = None


class TrainingLoop:
    """Takes the steps of a trainer that are left.

    Args:
        trainer: a Trainer (training.trainers.trainer), its run open and its model built.
        checkpoints: of everything that changes with a step; not needed for the pace alone.
    """

    def __init__(self, trainer, checkpoints: Checkpoints | None = None):
        self._trainer, self._options, self._run = trainer, trainer.options, trainer.run
        self._checkpoints, self._compiled, self._bar = checkpoints, {}, None
        strategy = tf.distribute.MultiWorkerMirroredStrategy
        self._several_workers = isinstance(trainer.strategy, strategy)
        self._step_times, self._waited_s, self._stepped_s = deque(maxlen=_TIMED_STEPS), 0.0, 0.0

    def run(self, saved: Saved | None = None) -> int | None:
        """Returns None, or 130 / 143 when a signal ended it early, with a checkpoint.

        saved: the checkpoint to go on from.

        Raises:
            Diverged: a loss or a weight is NaN or infinite; nothing is saved from that step on.
            WorkerLost: another worker does not answer.
            UserError: a checkpoint can't be written or read.
        """
        trainer, options = self._trainer, self._options
        remove_partial_files(self._run.path(trainer.part, "samples"))
        self._step, self._state = 0, LoopState(origin=trainer.origin)
        if saved:
            self._restore(saved)
        if 0 < self._step < options.steps:
            say(f"{trainer.title}: resuming at step {self._step} of {options.steps}")
        self._log = MetricsLog(
            self._run.path(trainer.part, "metrics.jsonl"),
            self._run.path("tensorboard", trainer.part or "train"),
            self._step,
        )
        iterator = self._batches() if self._step < options.steps else None
        self._started, stop_signal = time.monotonic() - self._state.elapsed_s, 0
        with Interruption() as interruption, self._progress_bar() as self._bar:
            bar = self._bar
            while self._step < options.steps and not stop_signal:
                self._step += 1
                start = time.perf_counter()
                batch = next(iterator)
                waited = time.perf_counter() - start
                losses, stop = self._take_step(batch, interruption, start, waited)
                stop_signal = stop if self._several_workers else interruption.signal or 0
                last = self._step == options.steps
                regular = last or self._step % options.checkpoint_every == 0
                problem = self._not_finite(losses, weights=regular or stop_signal)
                if problem:
                    self._go_back(problem)
                    iterator, stop_signal = self._batches(), 0
                    bar.n = self._step
                    continue
                self._state.window.append(losses)
                self._state.score = trainer.validation_score() if regular else None
                if self._step % trainer.log_every == 0 or regular or self._step == 1:
                    self._write_losses(bar)
                if self._step % trainer.sample_every == 0 or last:
                    self._write_sample()
                if regular or stop_signal:
                    self._log.flush()
                    self._state.elapsed_s = time.monotonic() - self._started
                    self._state.steps = options.steps
                    self._checkpoints.save(self._step, dataclasses.asdict(self._state))
                bar.update()
            self._say_shares(bar)
        self._log.close()
        if not self._several_workers:
            return interruption.exit_status
        return 128 + (interruption.signal or signal.SIGTERM) if stop_signal else None

    def measured_pace(self, steps: int) -> tuple[float, float]:
        """Takes steps that are not kept. Returns the seconds of a step (median) and of the first,
        which compiles; the same on all workers.
        """
        self._step, times = 0, []
        iterator = self._batches()
        with Interruption() as interruption:
            for _ in range(steps):
                self._step += 1
                start = time.perf_counter()
                self._take_step(next(iterator), interruption, start, 0.0)
                times.append(time.perf_counter() - start)
        strategy = self._trainer.strategy
        measured = tf.constant([float(np.median(times[1:])), times[0]])
        mean = strategy.reduce(
            tf.distribute.ReduceOp.MEAN, strategy.run(tf.identity, args=(measured,)), axis=None
        )
        return tuple(mean.numpy().tolist())

    def _batches(self):
        """From the next step on."""
        trainer, step = self._trainer, self._step
        return iter(
            trainer.strategy.distribute_datasets_from_function(
                lambda context: trainer.batches(step, context)
            )
        )

    def _take_step(self, batch, interruption, start: float, waited: float) -> tuple[dict, int]:
        """(losses by name, the signal that any worker got or 0), and keeps the time."""
        function = self._trainer.step_function(self._step)
        traced = function in self._compiled
        if not traced:
            self._compiled[function] = self._distributed(function)
            self._show("compiling the training step")
        try:
            signals = tf.constant(interruption.signal or 0)
            with nullcontext() if traced else chatter_left_out():
                losses, stop = self._compiled[function](batch, signals)
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
        ) as error:
            raise WorkerLost(
                f"step {self._step}: another worker does not answer any more; start all of them "
                "again with --resume"
            ) from error
        losses = {name: float(value) for name, value in losses.items()}
        if not traced:
            self._show("")
        else:  # the first call traces and compiles
            self._step_times.append(time.perf_counter() - start)
            self._waited_s += waited
            self._stepped_s += self._step_times[-1]
        return losses, int(stop)

    def _show(self, note: str) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(note)

    def _distributed(self, function: Callable[[tuple], dict]) -> Callable:
        """A step of all replicas: (batch, signal) to (mean losses, sum of all workers' signals)."""
        strategy = self._trainer.strategy

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

    def _not_finite(self, losses: dict[str, float], weights: bool) -> str | None:
        """What is NaN or infinite. Weights are checked before a checkpoint: a loss tells of the
        step before.
        """
        for name, value in losses.items():
            if not np.isfinite(value):
                return f"loss {name} is {value}"
        variables = self._trainer.model.trainable_variables if weights else ()
        if all(bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in variables):
            return None
        return "a weight is not finite"

    def _go_back(self, problem: str) -> None:
        """To the last checkpoint with a lower learning rate, or raises Diverged."""
        retry = self._options.on_nan == "retry"
        saved = self._checkpoints.newest() if retry and not self._state.retries else None
        if not saved:
            advice = "" if retry else " --on-nan retry,"
            raise Diverged(
                f"step {self._step}: {problem}; the last checkpoint in "
                f"{self._run.root}/checkpoints is good. Lower --learning-rate,{advice} use "
                "--precision float32, or look for broken pictures in the data"
            )
        self._restore(saved)
        self._state.retries += 1
        scale = self._trainer.rate_scale
        scale.assign(scale * _RETRY_RATE)
        say(
            f"{problem}: going back to step {self._step}, continuing at {_RETRY_RATE:g} of the "
            "learning rate"
        )
        self._log.go_back(self._step)

    def _restore(self, saved: Saved) -> None:
        """A checkpoint's weights, step and state."""
        self._checkpoints.restore(saved)
        self._step, self._state = saved.step, LoopState(**saved.state)

    def _write_losses(self, bar: tqdm) -> None:
        """A line of metrics.jsonl with the means since the last one."""
        window, score = self._state.window, self._state.score
        means = {name: float(np.mean([losses[name] for losses in window])) for name in window[-1]}
        window.clear()
        times = list(self._step_times)[-self._trainer.log_every :]
        step_s = float(np.median(times)) if times else None
        rate = float(self._trainer.schedule(self._step - 1))
        record = {
            "step": self._step,
            "time_s": round(time.monotonic() - self._started, 3),
            "step_s": step_s,
            "images_per_s": self._options.batch_size / step_s if step_s else None,
            "data_wait_share": self._waited_s / self._stepped_s if times else None,
            **{
                f"{name}_share": seconds / step_s if step_s else None
                for name, seconds in self._trainer.guidance_s.items()
            },
            "learning_rate": rate,
            **means,
        }
        scalars = {f"loss/{name}": value for name, value in means.items()} | {"learning_rate": rate}
        if score is not None:
            record["val_score"] = scalars["val_score"] = score
        self._log.write(record, scalars)
        bar.set_postfix({name: f"{value:.2f}" for name, value in means.items()}, refresh=False)

    def _write_sample(self) -> None:
        picture = self._trainer.sample()
        if picture is not None:
            path = self._run.path(self._trainer.part, "samples", f"step-{self._step:06d}.png")
            write_png(path, picture)
            self._log.picture(self._step, picture)

    def _progress_bar(self) -> tqdm:
        return tqdm(
            total=self._options.steps,
            initial=self._step,
            desc=self._trainer.title,
            unit="step",
            dynamic_ncols=True,
            mininterval=1.0,
            disable=not self._run.chief,
        )

    def _say_shares(self, bar: tqdm) -> None:
        """What shares of a step the guidance took, and waiting for data."""
        if not self._step_times or not self._run.chief:
            return
        title, step_s = self._trainer.title, float(np.median(self._step_times))
        for name, seconds in self._trainer.guidance_s.items():
            say(
                f"{title}: {100 * seconds / step_s:.0f} % of a step ({1000 * seconds:.0f} ms) is "
                f"the {name} guidance"
            )
        waited = 100 * self._waited_s / self._stepped_s
        bar.write(f"{title}: {waited:.1f} % of a step was spent waiting for data")
