"""A training from options to a finished run, the same for every kind of model."""

from __future__ import annotations

import abc
import dataclasses
from contextlib import AbstractContextManager, nullcontext

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.models.model_builder import build_model, count_macs, counted_networks
from tf_i2i.models.precision import choose_precision, set_precision, with_loss_scale
from training.options.trainer_options import DistillOptions, LoopOptions, TrainerOptions
from training.runs.checkpoints import Checkpoints
from training.runs.run_data import RunData
from training.runs.run_folder import (
    RunFolder,
    continued_options,
    open_run,
    require_same_data,
    writing_to,
)
from training.runs.run_split import FILE as SPLIT_FILE
from training.runs.run_split import read_split
from training.system.locks import run_lock
from training.system.machine import describe_machine
from training.trainers.devices import is_chief, make_repeatable, make_strategy, require_divisible
from training.trainers.loop import TrainingLoop
from training.trainers.schedules import LinearDecay, rate_scale


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
        with self.lock(), writing_to(self.run):
            self.load_data()
            status = self.fit()
            if status:
                say(f"saved; resume with: {self.resume_command()}")
                return status
            return self.finish()

    def fit(self) -> int | None:
        """Builds the networks and takes the steps that are left. Returns as `train` does."""
        require_divisible(self.options.batch_size, self.strategy)
        self.precision, reason = choose_precision(self.options.precision)
        keras.utils.set_random_seed(self.options.seed)
        set_precision(self.precision)
        with self.strategy.scope():
            self.rate_scale = rate_scale()
            self.model = self.build()
        self.record(reason)
        saved = tf.train.Checkpoint(model=self.model, rate_scale=self.rate_scale)
        folder = self.run.root / self.part / "checkpoints"
        return TrainingLoop(self, Checkpoints(folder, saved, self.keep, self.run.chief)).run()

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


class TeacherTrainer(Trainer):
    """Trains a model of a run of its own, then distils its students.

    Args:
        given: names of the options on the command line; on --resume all others are the run's own.
    """

    options: TrainerOptions
    # Steps with demo data, and the default half-life as a share of the steps.
    demo_steps: int
    averaged_share = 0.3

    def __init__(self, options: TrainerOptions, given: frozenset[str] = frozenset()):
        super().__init__(options)
        self._given = given

    @abc.abstractmethod
    def check(self) -> None:
        """Fills in sizes in the options. Raises UserError for options that do not go together."""

    @abc.abstractmethod
    def load(self, stored_split: dict | None) -> RunData:
        """The pictures that the options name. stored_split: that of a run that is resumed."""

    @property
    @abc.abstractmethod
    def is_demo(self) -> bool:
        """Whether the options name no data."""

    def train(self) -> int | None:
        if self.options.dry_run:
            self.check()
            return self.dry_run()
        if not self.options.resume:
            self.check()
        return super().train()

    def open_run(self) -> RunFolder:
        return open_run(self.options, is_chief())

    def load_data(self) -> None:
        stored_split = None
        if self.options.resume:
            self.options = continued_options(self.options, self._given, self.run)
            self.check()
            stored_split = read_split(self.run.root)
        self.data = self.load(stored_split)
        if self.options.resume:
            require_same_data(self.data, self.run)
        elif self.data.split:
            self.run.write_json(SPLIT_FILE, self.data.split)
        options = self.options
        steps = options.steps
        if steps is None and options.epochs is None and self.is_demo:
            steps = self.demo_steps
        if steps is None:
            pictures = max(len(self.data.train_a), len(self.data.train_b))
            steps = max(1, (options.epochs or 200) * pictures // options.batch_size)
        half_life = options.ema_half_life
        if half_life is None:
            half_life = min(10_000.0, self.averaged_share * steps)
        self.options = dataclasses.replace(
            options, steps=steps, ema_half_life=half_life, run=str(self.run.root)
        )
        self.sample_every, self.keep = options.sample_every, options.keep

    def build(self) -> keras.Model:
        options = self.options
        model = build_model(options.model, dataclasses.asdict(options))
        self.schedule = LinearDecay(
            options.learning_rate, options.steps, options.decay_fraction, self.rate_scale
        )
        model.compile(*(with_loss_scale(self.optimizer(), self.precision) for _ in range(2)))
        return model

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new one, for the generators or for the discriminators."""
        return keras.optimizers.Adam(self.schedule, self.options.beta1, self.options.beta2)

    def record(self, precision_reason: str) -> None:
        options, data = self.options, self.data
        say(f"precision: {self.precision} ({precision_reason})")
        self.run.write_config(
            options.model,
            options,
            precision={"chosen": self.precision, "reason": precision_reason},
            data=data.facts(),
            machine=describe_machine(),
            parameters={net.name: net.count_params() for net in counted_networks(self.model)},
            guidance_step_s=self.guidance_s,
        )
        counts = f"{len(data.train_a)} + {len(data.train_b)} pictures"
        say(f"{options.steps} steps on {counts}, into {self.run.root}")

    @property
    def directions(self) -> tuple[str, ...]:
        """Directions that get a student."""
        return ("ab",)

    def resume_command(self) -> str:
        return f"python -m training.{self.options.model} --run {self.run.root} --resume"

    def finish(self) -> int | None:
        """Distils the students, one direction after the other."""
        from training.trainers.student_trainer import StudentTrainer  # a Trainer itself

        options, root = self.options, self.run.root
        if options.student == "none":
            say(f"no student asked for; later: python -m training.distill --run {root}")
            return None
        for direction in self.directions:
            student_options = DistillOptions(
                run=str(root),
                direction=direction,
                student=options.student,
                steps=options.student_steps,
                seed=options.seed,
                resume=options.resume,
                checkpoint_every=options.checkpoint_every,
                on_nan=options.on_nan,
            )
            status = StudentTrainer(student_options, self.data).train()
            if status:
                return status
        say(f"done; next: python -m export.tflite --run {root} --int8")
        return None

    def dry_run(self) -> None:
        """Prints what a run would be: options, layers, parameters, MACs."""
        options = self.options
        for name, value in dataclasses.asdict(options).items():
            print(f"{name:22} {value}")
        model = build_model(options.model, dataclasses.asdict(options))
        for network, channels in counted_networks(model).items():
            print(f"\n{'weights':72} {'shape':20} {'parameters':>12}")
            for weight in network.weights:
                shape = "x".join(map(str, weight.shape))
                print(f"{weight.name:72} {shape:20} {int(np.prod(weight.shape)):>12,}")
            macs = count_macs(network, options.crop_size, channels) / 1e9
            size = f"{macs:.2f} G MACs at {options.crop_size} px"
            print(f"{network.name}: {network.count_params():,} parameters, {size}")


def worker_share(first_step: int, context: tf.distribute.InputContext) -> dict:
    """Arguments of `batches`: which samples of each batch are this worker's."""
    return {
        "first_step": first_step,
        "shard": (context.input_pipeline_id, context.num_input_pipelines),
        "replicas": context.num_replicas_in_sync,
    }
