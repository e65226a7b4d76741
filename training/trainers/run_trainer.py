"""A run of its own: its folder, its pictures, how long it trains, its record."""

import abc
import dataclasses

import keras
import numpy as np

from tf_i2i.command_line import require_effect
from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.model_builder import build_model, count_macs, counted_networks
from tf_i2i.models.precision import with_loss_scale
from tf_i2i.pretrained.feature_space import load_feature_space
from training.options.trainer_options import TrainerOptions
from training.runs.kept_pictures import FILE as PICTURES
from training.runs.kept_pictures import write_kept
from training.runs.run_data import load_data
from training.runs.run_folder import RunFolder, continued_options, open_run, require_same_data
from training.runs.run_split import FILE as SPLIT_FILE
from training.runs.run_split import read_split
from training.system.machine import describe_machine
from training.trainers.devices import is_chief
from training.trainers.schedules import LinearDecay
from training.trainers.trainer import Trainer


class RunTrainer(Trainer):
    """Trains the model of a new run, or of one that is resumed.

    Args:
        given: names of the options on the command line; on --resume all others are the run's own.
    """

    options: TrainerOptions
    # Steps with demo data, and the default half-life as a share of the steps.
    demo_steps: int
    averaged_share = 0.3
    # Learning rate of the discriminators, as a share of the generators'.
    discriminator_rate = 1.0
    # Of their Adam, beside the root of the mean square gradient.
    discriminator_epsilon = 1e-7
    # Whether pictures are judged in the pretrained features of options.features.
    has_features = False

    def __init__(self, options: TrainerOptions, given: frozenset[str] = frozenset()):
        super().__init__(options)
        self._given = given

    @abc.abstractmethod
    def check(self) -> None:
        """Fills in sizes in the options. Raises UserError for options that do not go together."""

    @property
    @abc.abstractmethod
    def is_demo(self) -> bool:
        """Whether the options name no data."""

    def train(self) -> int | None:
        if self.options.dry_run:
            self.check()
            return self.dry_run()
        if not self.options.resume:
            self._check_length()
            self.check()
        return super().train()

    def _check_length(self) -> None:
        lengths = [name for name in ("steps", "epochs", "minutes") if name in self._given]
        if "minutes" in lengths and len(lengths) > 1:
            raise UserError(f"--{lengths[0]} and --minutes: both say how long to train; give one")

    def open_run(self) -> RunFolder:
        return open_run(self.options, is_chief())

    def load_data(self) -> None:
        stored_split = None
        if self.options.resume:
            self.options = continued_options(self.options, self._given, self.run)
            require_effect(self.options, self._given)
            self.check()
            if self.options.split:
                stored_split = read_split(self.run.root)
        self.data = load_data(self.options, say, stored_split)
        if self.options.resume:
            require_same_data(self.data, self.run)
        elif self.data.split:
            self.run.write_json(SPLIT_FILE, self.data.split)
        options = dataclasses.replace(self.options, run=str(self.run.root))
        if options.steps is None and not options.minutes:
            if options.epochs is None and self.is_demo:
                steps = self.demo_steps
            else:
                pictures = max(len(self.data.train_a), len(self.data.train_b))
                steps = max(1, (options.epochs or 200) * pictures // options.batch_size)
            options = dataclasses.replace(options, steps=steps)
        self.options = options
        self.sample_every, self.keep = options.sample_every, options.keep

    def set_length(self, steps: int) -> None:
        half_life = self.options.ema_half_life
        if half_life is None:
            half_life = min(10_000.0, self.averaged_share * steps)
        self.options = dataclasses.replace(self.options, ema_half_life=half_life)
        super().set_length(steps)

    def new_model(self) -> keras.Model:
        """Built, but not compiled."""
        features = load_feature_space(self.options.features) if self.has_features else None
        return build_model(self.options.model, dataclasses.asdict(self.options), features)

    def build(self) -> keras.Model:
        model, rate = self.new_model(), self.options.learning_rate
        self.schedule = self._decay(rate)
        schedules = self.schedule, self._decay(self.discriminator_rate * rate)
        optimizers = [self.optimizer(new) for new in schedules]
        optimizers[1].epsilon = self.discriminator_epsilon
        model.compile(*(with_loss_scale(new, self.precision) for new in optimizers))
        return model

    def _decay(self, rate: float) -> LinearDecay:
        options = self.options
        return LinearDecay(rate, options.steps, options.decay_fraction, self.rate_scale)

    def optimizer(self, schedule: LinearDecay) -> keras.optimizers.Optimizer:
        """A new one, for the generators or for the discriminators."""
        return keras.optimizers.Adam(schedule, self.options.beta1, self.options.beta2)

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
        if self.run.chief and not (self.run.root / PICTURES).exists():
            translated = "ab" if options.model == "cyclegan" else "a"
            write_kept(self.run.path(PICTURES), data, translated)
        counts = f"{len(data.train_a)} + {len(data.train_b)} pictures"
        say(f"{options.steps} steps on {counts}, into {self.run.root}")

    def resume_command(self) -> str:
        return f"python -m training.{self.options.model} --run {self.run.root} --resume"

    def dry_run(self) -> None:
        """Prints what a run would be: options, layers, parameters, MACs."""
        options = self.options
        for name, value in dataclasses.asdict(options).items():
            print(f"{name:22} {value}")
        model = self.new_model()
        for network, channels in counted_networks(model).items():
            print(f"\n{'weights':72} {'shape':20} {'parameters':>12}")
            for weight in network.weights:
                shape = "x".join(map(str, weight.shape))
                print(f"{weight.name:72} {shape:20} {int(np.prod(weight.shape)):>12,}")
            macs = count_macs(network, options.crop_size, channels) / 1e9
            size = f"{macs:.2f} G MACs at {options.crop_size} px"
            print(f"{network.name}: {network.count_params():,} parameters, {size}")
