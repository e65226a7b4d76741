"""The training loop: every trainer's steps, logs, samples and checkpoints, top to bottom."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.errors import UserError
from tf_i2i.images import write_png
from training.interruption import Interruption
from training.run_folder import MetricsLog, RunFolder


class Diverged(UserError):
    """A loss is NaN or infinite."""


def make_strategy() -> tf.distribute.Strategy:
    """MirroredStrategy over all GPUs, or one CPU device."""
    gpus = tf.config.list_physical_devices("GPU")
    return tf.distribute.MirroredStrategy() if gpus else tf.distribute.OneDeviceStrategy("/cpu:0")


def run_loop(
    step_function: Callable[[tuple], dict],
    batches: tf.data.Dataset,
    *,
    strategy: tf.distribute.Strategy,
    run: RunFolder,
    first_step: int,
    total_steps: int,
    batch_size: int,
    learning_rate: Callable[[int], float],
    save: Callable[[int], None],
    sample: Callable[[int], np.ndarray] | None,
    sample_every: int,
    checkpoint_every: int,
    log_every: int = 20,
    part: str = "",
    description: str = "training",
) -> int | None:
    """Runs steps first_step + 1 .. total_steps; returns None, or 130 / 143 when a signal ended it early.

    step_function: one replica's step; takes a local batch, returns scalar losses by name.
    save(step), sample(step) -> uint8 [H, W, 3]: called at their intervals and at the end.
    part: folder inside the run for metrics and samples ("" for the run itself, "student" for distillation).

    Raises Diverged when a loss is NaN or infinite; nothing is saved from that step on.
    """
    prefix = (part,) if part else ()
    log = MetricsLog(run.path(*prefix, "metrics.jsonl"), first_step)
    board = tf.summary.create_file_writer(str(run.path("tensorboard", part or "train")))

    @tf.function
    def distributed_step(batch):
        losses = strategy.run(step_function, args=(batch,))
        return {name: strategy.reduce(tf.distribute.ReduceOp.MEAN, loss, axis=None) for name, loss in losses.items()}

    iterator = iter(strategy.experimental_distribute_dataset(batches))
    window: list[dict] = []
    step_times, wait_times = [], []
    started = time.monotonic()
    with Interruption() as interruption, tqdm(
        total=total_steps, initial=first_step, desc=description, unit="step", dynamic_ncols=True, mininterval=1.0,
        disable=None if sys.stderr.isatty() else False,
    ) as bar:  # fmt: skip
        for step in range(first_step + 1, total_steps + 1):
            step_start = time.perf_counter()
            batch = next(iterator)
            waited = time.perf_counter() - step_start
            losses = {name: float(value) for name, value in distributed_step(batch).items()}
            _require_finite(step, losses, run)
            if step > first_step + 1:  # the first one traces and compiles
                step_times.append(time.perf_counter() - step_start)
                wait_times.append(waited)
            window.append(losses)
            last = step == total_steps

            if step % log_every == 0 or last or step == 1:
                means = {name: float(np.mean([one[name] for one in window])) for name in losses}
                window.clear()
                step_s = float(np.median(step_times[-log_every:])) if step_times else None
                record = {
                    "step": step,
                    "time_s": round(time.monotonic() - started, 3),
                    "step_s": step_s,
                    "images_per_s": batch_size / step_s if step_s else None,
                    "data_wait_share": sum(wait_times) / sum(step_times) if step_times else None,
                    "learning_rate": learning_rate(step - 1),
                    **means,
                }
                log.write(record)
                with board.as_default(step=step):
                    for name, value in means.items():
                        tf.summary.scalar(f"loss/{name}", value)
                    tf.summary.scalar("learning_rate", record["learning_rate"])
                bar.set_postfix({name: f"{value:.2f}" for name, value in means.items()}, refresh=False)
            if sample and (step % sample_every == 0 or last):
                picture = sample(step)
                write_png(run.path(*prefix, "samples", f"step-{step:06d}.png"), picture)
                with board.as_default(step=step):
                    tf.summary.image("samples", picture[None])
            if step % checkpoint_every == 0 or last or interruption.signal:
                save(step)
            bar.update()
            if interruption.signal:
                break
    log.close()
    board.close()
    if wait_times:
        bar.write(
            f"{description}: {100 * sum(wait_times) / sum(step_times):.1f} % of a step was spent waiting for data"
        )
    return interruption.exit_status


def _require_finite(step: int, losses: dict[str, float], run: RunFolder) -> None:
    bad = [name for name, value in losses.items() if not np.isfinite(value)]
    if not bad:
        return
    raise Diverged(
        f"step {step}: loss {bad[0]} is {losses[bad[0]]}; the last checkpoint in {run.root}/checkpoints is good. "
        "Lower --learning-rate, use --precision float32, or look for broken pictures in the data"
    )


def linear_decay(initial: float, total_steps: int, decay_fraction: float):
    """The reference schedule: constant, then linear to 0 over the last share of the steps. A Keras schedule that can
    also be called with a plain int."""
    import keras

    class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            left = 1.0 - tf.cast(step, tf.float32) / float(total_steps)
            return initial * tf.clip_by_value(left / max(decay_fraction, 1e-9), 0.0, 1.0)

        def get_config(self):
            return {"initial": initial, "total_steps": total_steps, "decay_fraction": decay_fraction}

    return LinearDecay()
