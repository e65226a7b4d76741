"""A training from options to a finished run, the same for every kind of model."""

import abc
import dataclasses
import time
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.precision import choose_precision, set_precision
from training.options.trainer_options import LoopOptions
from training.runs.checkpoints import Checkpoints, Saved
from training.runs.run_folder import RunFolder, writing_to
from training.runs.saved_state import checkpoint
from training.system.locks import run_lock
from training.trainers.devices import (
    make_repeatable,
    make_strategy,
    require_divisible,
    say_device,
)
from training.trainers.loop import TrainingLoop

# Of a model that is thrown away, to measure the pace: steps taken, and those of its schedule.
_TRIAL_STEPS, _TRIAL_LENGTH = 12, 1000


class Trainer(abc.ABC):
    """One training. Subclasses say what is particular to their kind of model.

    Attributes:
        options: as given, then resolved step by step; complete once the data are loaded.
        title: of progress bars and messages.
        part: folder inside of the run for metrics, samples and checkpoints; "" for the run itself.
        log_every: steps per line of metrics.jsonl. sample_every: steps per sample picture.
        keep: newest checkpoints to keep.
        keeps_longer: a resumed training that has more steps already is left as it is.
        restarts: steps at which the learning rate begins anew; the parts between them are as
            trainings of their own.
        frozen_bn_share: after this share of each part, batch normalisation uses its moving
            statistics as they are. Another step function, not a condition inside of one: replicas
            can't exchange batch statistics from within a branch.
        origin: names what is trained on what; checkpoints of another origin are not resumed.
        guidance_s: seconds per step of each part of the guidance when it runs by itself, by name.
        run, strategy, data, precision, rate_scale, schedule, model: set by `train`, in this order.
    """

    title: str
    part, origin, steps_flag = "", "", "--steps"
    log_every, sample_every, keep = 20, 200, 2
    frozen_bn_share: float | None = None
    restarts: tuple[int, ...] = ()
    keeps_longer = False

    def __init__(self, options: LoopOptions):
        self.options = options
        self.guidance_s: dict[str, float] = {}

    def train(self) -> int | None:
        """The run, start to end. Returns the exit status: None, or 130 / 143 after an interruption.

        Raises:
            UserError: data, options or folder can't be used, or a loss diverged.
        """
        self.strategy = make_strategy()
        make_repeatable()
        self.run = self.open_run()
        with self.lock(), writing_to(self.run):
            self.load_data()
            status = self.fit()
            if status:
                say(f"saved; resume with: {self.resume_command()}")
                return status
            return self.finish()

    def fit(self) -> int | None:
        """Builds the networks and takes the steps that are left. Returns as `train` does."""
        if self.run.chief:
            say_device()
        if self.options.steps is None:
            self._measure_length()
        self.set_length(self.options.steps)
        self.build_model()
        objects = checkpoint(model=self.model, rate_scale=self.rate_scale)
        folder = self.run.root / self.part / "checkpoints"
        checkpoints = Checkpoints(folder, objects, self.keep, self.run.chief)
        saved, steps = checkpoints.newest() if self.options.resume else None, self.options.steps
        if saved and saved.state.get("origin", "") != self.origin:
            say(f"{self.title}: its teacher or options are others now; it starts anew")
            saved = None
        if saved and saved.step > steps:
            if not self.keeps_longer:
                stands = f"{self.title} is at step {saved.step} already"
                raise UserError(f"{self.named_length}: {stands}; name more to train on")
            self.options = dataclasses.replace(self.options, steps=saved.step)
        if saved is None:
            self.start()
        self.record(self.precision_reason)
        if saved:
            self._say_length(saved)
        return TrainingLoop(self, checkpoints).run(saved)

    def _say_length(self, saved: Saved) -> None:
        """What follows from another length than the one before, or that nothing is left to do."""
        steps, before, at = self.options.steps, self.steps_before(saved), saved.step
        if before and before != steps:
            how = f"as in a run of {steps} steps"
            if before in self.restarts:
                how = f"as before up to step {before}, then that of a run of {steps - before}"
            earlier = self.decay(before, tuple(r for r in self.restarts if r < before))
            last, following = (
                f"{float(rate):.3g}" for rate in (earlier(at - 1), self.schedule(at))
            )
            say(
                f"{self.title}: {steps} steps in place of {before}; learning rate {how}: {last} at "
                f"step {at}" + (f", {following} at step {at + 1}" if at < steps else "")
            )
        if at == steps:
            more = self.resume_command(**{self.steps_flag[2:]: 2 * steps})
            say(f"{self.title}: finished at step {at} of {steps}; to train on: {more}")

    def _measure_length(self) -> None:
        """Sets the steps to what fits into options.minutes."""
        start, given = time.monotonic(), self.options
        if self.run.chief:
            say(f"measuring the pace over {_TRIAL_STEPS} steps, of which the first is compiled")
        self.set_length(_TRIAL_LENGTH)
        self.build_model()
        step_s, first_step_s = TrainingLoop(self).measured_pace(_TRIAL_STEPS)
        left_s = 60 * given.minutes - (time.monotonic() - start) - first_step_s
        steps = max(_TRIAL_STEPS, round(left_s / step_s))
        self.options = dataclasses.replace(given, steps=steps)
        say(f"{1000 * step_s:.0f} ms per step: {steps} steps in {given.minutes:g} minutes")

    def set_length(self, steps: int) -> None:
        """Sets the steps, and in subclasses what depends on them."""
        self.options = dataclasses.replace(self.options, steps=steps)

    def build_model(self) -> None:
        """Sets precision, rate_scale, schedule and model."""
        require_divisible(self.options.batch_size, self.strategy)
        self.precision, self.precision_reason = choose_precision(self.options.precision)
        keras.utils.set_random_seed(self.options.seed)
        set_precision(self.precision)
        with self.strategy.scope():
            self.rate_scale = tf.Variable(1.0, trainable=False, name="rate_scale")
            self.model = self.build()

    def lock(self) -> AbstractContextManager:
        """Keeps other processes out of the run folder."""
        return run_lock(self.run.root) if self.run.chief else nullcontext()

    @abc.abstractmethod
    def open_run(self) -> RunFolder:
        """The folder to train in."""

    @abc.abstractmethod
    def load_data(self) -> None:
        """Loads the pictures, and completes the options by what they are."""

    @abc.abstractmethod
    def build(self) -> keras.Model:
        """The compiled model; sets `schedule`. Called in the strategy's scope."""

    def record(self, precision_reason: str) -> None:
        """Writes down what is about to be trained; a student does so when it is done."""
        return

    def start(self) -> None:
        """Before the first step: the weights are those of initialisers."""
        return

    @abc.abstractmethod
    def decay(self, steps: int, restarts: tuple[int, ...] = ()):
        """The schedule of the learning rate for a length; `schedule` is that of the options."""

    @property
    def named_length(self) -> str:
        """The option that set the length."""
        return f"{self.steps_flag} {self.options.steps}"

    @abc.abstractmethod
    def steps_before(self, saved: Saved) -> int | None:
        """The length that a resumed training had before, if known."""

    @abc.abstractmethod
    def batches(self, first_step: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
        """One worker's share of the batches from a step on."""

    def step_function(self, step: int):
        """What takes a step: one replica's batch to scalar losses by name."""
        return self._frozen_bn_step if self.bn_is_frozen(step) else self.model.train_step

    def bn_is_frozen(self, step: int) -> bool:
        if self.frozen_bn_share is None:
            return False
        parts = pairwise((0, *self.restarts, self.options.steps))
        start, end = next(part for part in parts if step <= part[1])
        return step - start > round(self.frozen_bn_share * (end - start))

    def _frozen_bn_step(self, batch: tuple) -> dict:
        return self.model.train_step(batch, update_bn=False)

    def sample(self) -> np.ndarray | None:
        """uint8 [H, W, 3] of validation pictures."""
        return None

    def validation_score(self) -> float | None:
        """Of the validation pictures, higher is better; decides which checkpoint is the best."""
        return None

    @abc.abstractmethod
    def resume_command(self, **more) -> str:
        """What a user types to go on after an interruption, or with `more` options."""

    @abc.abstractmethod
    def finish(self) -> int | None:
        """What follows the last step. Returns as `train` does."""


def worker_share(first_step: int, context: tf.distribute.InputContext) -> dict:
    """Arguments of `batches`: which samples of each batch are this worker's."""
    return {
        "first_step": first_step,
        "shard": (context.input_pipeline_id, context.num_input_pipelines),
        "replicas": context.num_replicas_in_sync,
    }
