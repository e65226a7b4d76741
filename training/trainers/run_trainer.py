"""A run of its own: its folder, its pictures, how long it trains, its record."""

import abc
import dataclasses

import keras
import numpy as np

from tf_i2i.command_line import command, flag_of, require_effect
from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.model_builder import build_model, count_macs, counted_networks
from tf_i2i.models.precision import choose_precision, with_loss_scale
from tf_i2i.pretrained.feature_space import load_feature_space
from training.options.trainer_options import TrainerOptions
from training.runs.checkpoints import Saved
from training.runs.kept_pictures import FILE as PICTURES
from training.runs.kept_pictures import write_kept
from training.runs.run_data import load_data
from training.runs.run_folder import (
    RunFolder,
    continued_options,
    open_run,
    read_config,
    require_same_data,
)
from training.runs.run_split import FILE as SPLIT_FILE
from training.runs.run_split import read_split
from training.system.machine import describe_machine
from training.trainers.devices import is_chief
from training.trainers.schedules import LinearDecay
from training.trainers.start_weights import carry_over, with_networks_of
from training.trainers.trainer import Trainer

_LENGTHS = ("steps", "epochs", "minutes")
_EPOCHS, _MAX_HALF_LIFE = 200, 10_000.0


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
        # For each time that the run was resumed with another length: steps and half-life before, and
        # how it was extended.
        self._lengths: list[dict] = []
        self._steps_before: int | None = None

    @abc.abstractmethod
    def check(self) -> None:
        """Fills in sizes in the options. Raises UserError for options that do not go together."""

    @property
    @abc.abstractmethod
    def is_demo(self) -> bool:
        """Whether the options name no data."""

    def train(self) -> int | None:
        self.prepare()
        return self.dry_run() if self.options.dry_run else super().train()

    def prepare(self) -> None:
        """Completes the options of a new run. Raises UserError for those that do not go together."""
        lengths = [flag_of(name) for name in _LENGTHS if name in self._given]
        if len(lengths) > 1:
            raise UserError(f"{' and '.join(lengths)}: each says how long to train; give one")
        if "extend" in self._given and not (self.options.resume and lengths):
            fix = "give these as well, or leave it out"
            raise UserError(f"--extend is about --resume with other --steps or --epochs; {fix}")
        if self.options.resume:
            return  # the run's own options complete them
        if self.options.start_from:
            self.options = with_networks_of(self.options, self._given)
        self.check()

    def open_run(self) -> RunFolder:
        return open_run(self.options, is_chief())

    def load_data(self) -> None:
        stored_split, config = None, None
        if self.options.resume:
            config = read_config(self.run.root)
            if "minutes" in self._given and self.options.minutes != config["options"].get(
                "minutes"
            ):
                raise UserError("--minutes: a run that is resumed takes --steps or --epochs")
            self.options = continued_options(self.options, self._given, self.run)
            if {"steps", "epochs"} & self._given:  # they replace what is recorded
                others = {name: None for name in _LENGTHS if name not in self._given}
                self.options = dataclasses.replace(self.options, **others)
            require_effect(self.options, self._given)
            self.check()
            if self.options.split:
                stored_split = read_split(self.run.root)
        self.data = load_data(self.options, say, stored_split)
        if config:
            require_same_data(self.data, self.run)
        elif self.data.split:
            self.run.write_json(SPLIT_FILE, self.data.split)
        self.options = dataclasses.replace(self.options, run=str(self.run.root))
        if self.options.steps is None and not self.options.minutes:
            self.options = dataclasses.replace(self.options, steps=self._default_steps())
        if config:
            self._continue(config)
        self.sample_every, self.keep = self.options.sample_every, self.options.keep

    def _default_steps(self) -> int:
        if self.options.epochs is None and self.is_demo:
            return self.demo_steps
        epochs = self.options.epochs or _EPOCHS
        return max(1, epochs * self._pictures // self.options.batch_size)

    @property
    def _pictures(self) -> int:
        return max(len(self.data.train_a), len(self.data.train_b))

    def _continue(self, config: dict) -> None:
        """Brings what depends on the length from the recorded one to that of the options."""
        options, before = self.options, config["options"].get("steps")
        self._lengths = list(config.get("lengths", []))
        if options.steps is None or before is None or options.steps == before:
            return
        default, self._steps_before = self._half_life(before), before
        half_life = config["options"].get("ema_half_life")
        one = {"steps": before, "ema_half_life": half_life, "extend": options.extend}
        self._lengths.append(one)
        if self.restarts and options.steps <= self.restarts[-1]:
            begins = f"the learning rate begins anew after step {self.restarts[-1]}"
            raise UserError(f"{self.named_length}: with --extend append {begins}; name more")
        if options.ema_half_life != default or "ema_half_life" in self._given:
            kept = f"{options.ema_half_life:g} steps, as it was given"
            say(f"half-life of the averaged weights: {kept}")
            return
        now = self._half_life(options.steps)
        say(f"half-life of the averaged weights: {now:g} steps in place of {default:g}")
        self.options = dataclasses.replace(options, ema_half_life=now)

    @property
    def restarts(self) -> tuple[int, ...]:
        return tuple(one["steps"] for one in self._lengths if one["extend"] == "append")

    @property
    def named_length(self) -> str:
        epochs = self.options.epochs
        return f"--epochs {epochs}" if "epochs" in self._given else super().named_length

    def steps_before(self, saved: Saved) -> int | None:
        return self._steps_before

    def _half_life(self, steps: int) -> float:
        """The default, by the steps of the last part."""
        return min(_MAX_HALF_LIFE, self.averaged_share * (steps - max(self.restarts, default=0)))

    def set_length(self, steps: int) -> None:
        if self.options.ema_half_life is None:
            half_life = self._half_life(steps)
            self.options = dataclasses.replace(self.options, ema_half_life=half_life)
        super().set_length(steps)

    def start(self) -> None:
        if self.options.start_from:
            with self.strategy.scope():
                carry_over(self.options, self.model)

    def new_model(self) -> keras.Model:
        """Built, but not compiled."""
        features = load_feature_space(self.options.features) if self.has_features else None
        return build_model(self.options.model, dataclasses.asdict(self.options), features)

    def build(self) -> keras.Model:
        model, rate = self.new_model(), self.options.learning_rate
        length = self.options.steps, self.restarts
        self.schedule = self.decay(*length)
        schedules = self.schedule, self.decay(*length, self.discriminator_rate * rate)
        optimizers = [self.optimizer(new) for new in schedules]
        optimizers[1].epsilon = self.discriminator_epsilon
        model.compile(*(with_loss_scale(new, self.precision) for new in optimizers))
        return model

    def decay(self, steps, restarts=(), rate: float | None = None) -> LinearDecay:
        options = self.options
        rate = options.learning_rate if rate is None else rate
        return LinearDecay(rate, steps, options.decay_fraction, self.rate_scale, restarts)

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
            lengths=self._lengths,
            parameters={net.name: net.count_params() for net in counted_networks(self.model)},
            guidance_step_s=self.guidance_s,
        )
        if self.run.chief and not (self.run.root / PICTURES).exists():
            translated = "ab" if options.model == "cyclegan" else "a"
            write_kept(self.run.path(PICTURES), data, translated)
        counts = f"{len(data.train_a)} + {len(data.train_b)} pictures"
        steps = "1 step" if options.steps == 1 else f"{options.steps} steps"
        say(f"{steps} on {counts}, into {self.run.root}")

    def resume_command(self, **more) -> str:
        module = f"training.{self.options.model}"
        return command(module, run=self.run.root, resume=True, **more)

    def dry_run(self) -> None:
        """Prints what a run would be: options, pictures, layers, parameters, MACs. Writes nothing."""
        self.run = open_run(self.options, chief=False)
        RunTrainer.load_data(self)  # without what subclasses find in the pictures
        if self.options.steps:
            self.set_length(self.options.steps)
        for name, value in self._resolved().items():
            print(f"{name:22} {value}")
        facts = self.data.facts()
        for name, count in facts["counts"].items():
            described = facts.get(name.replace("train", "domain"), f"split, {self.options.split}")
            print(f"{name:22} {count} pictures: {described}")
        options, model = self.options, self.new_model()
        for network, channels in counted_networks(model).items():
            print(f"\n{'weights':72} {'shape':20} {'parameters':>12}")
            for weight in network.weights:
                shape = "x".join(map(str, weight.shape))
                print(f"{weight.name:72} {shape:20} {int(np.prod(weight.shape)):>12,}")
            macs = count_macs(network, options.crop_size, channels) / 1e9
            size = f"{macs:.2f} G MACs at {options.crop_size} px"
            print(f"{network.name}: {network.count_params():,} parameters, {size}")

    def _resolved(self) -> dict:
        """The options as words, "-" for what has no effect here."""
        options = self.options
        precision, reason = choose_precision(options.precision)
        shown = dataclasses.asdict(options) | {"precision": f"{precision} ({reason})"}
        if options.steps:
            epochs = options.steps * options.batch_size / self._pictures
            shown["epochs"] = options.epochs or f"{epochs:.4g}"
        else:
            minutes = f"as many as fit into {options.minutes:g} minutes, by the pace at the start"
            shown |= {"steps": minutes, "epochs": "by the steps"}
            if options.ema_half_life is None:
                shown["ema_half_life"] = f"{self.averaged_share:g} x steps"
        for network in ("face", "segmentation"):
            if getattr(options, f"lambda_{network}", 0):
                own = [n for n, v in shown.items() if n.startswith(network) and v in (None, ())]
                shown |= dict.fromkeys(own, "the network's")
        return {name: "-" if value in (None, ()) else value for name, value in shown.items()}
