"""A training from options to a finished run, the same for every kind of model."""

import abc
import dataclasses
import time
from contextlib import AbstractContextManager, nullcontext

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.models.precision import choose_precision, set_precision
from training.options.trainer_options import LoopOptions
from training.runs.checkpoints import Checkpoints
from training.runs.run_folder import RunFolder, writing_to
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
        frozen_bn_step: later steps use the moving statistics of batch normalisation as they are.
            Another step function, not a condition inside of one: replicas can't exchange batch
            statistics from within a branch.
        origin: names what is trained on what; checkpoints of another origin are not resumed.
        guidance_s: seconds per step of each part of the guidance when it runs by itself, by name.
        run, strategy, data, precision, rate_scale, schedule, model: set by `train`, in this order.
    """

    title: str
    part, origin = "", ""
    log_every, sample_every, keep = 20, 200, 2
    frozen_bn_step: float = float("inf")

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
        if self.run.chief:
            say_device()
        with self.lock(), writing_to(self.run):
            self.load_data()
            status = self.fit()
            if status:
                say(f"saved; resume with: {self.resume_command()}")
                return status
            return self.finish()

    def fit(self) -> int | None:
        """Builds the networks and takes the steps that are left. Returns as `train` does."""
        if self.options.steps is None:
            self._measure_length()
        self.set_length(self.options.steps)
        self.build_model()
        self.record(self.precision_reason)
        saved = tf.train.Checkpoint(model=self.model, rate_scale=self.rate_scale)
        folder = self.run.root / self.part / "checkpoints"
        return TrainingLoop(self, Checkpoints(folder, saved, self.keep, self.run.chief)).run()

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

    @abc.abstractmethod
    def batches(self, first_step: int, context: tf.distribute.InputContext) -> tf.data.Dataset:
        """One worker's share of the batches from a step on."""

    def step_function(self, step: int):
        """What takes a step: one replica's batch to scalar losses by name."""
        return self._frozen_bn_step if step > self.frozen_bn_step else self.model.train_step

    def _frozen_bn_step(self, batch: tuple) -> dict:
        return self.model.train_step(batch, update_bn=False)

    def sample(self) -> np.ndarray | None:
        """uint8 [H, W, 3] of validation pictures."""
        return None

    def validation_score(self) -> float | None:
        """Of the validation pictures, higher is better; decides which checkpoint is the best."""
        return None

    @abc.abstractmethod
    def resume_command(self) -> str:
        """What a user types to go on after an interruption."""

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
