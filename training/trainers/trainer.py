"""A teacher's run, the same for every kind of model: data, networks, loop, student."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.models.model_builder import build_model, count_macs, counted_networks
from tf_i2i.models.precision import choose_precision, set_precision, with_loss_scale
from training.options.trainer_options import DistillOptions
from training.runs.checkpoints import Checkpoints
from training.runs.run_data import RunData
from training.runs.run_folder import (
    RunFolder,
    continued_options,
    open_run,
    require_same_data,
    weights_finite,
    writing_to,
)
from training.runs.run_split import FILE as SPLIT_FILE
from training.runs.run_split import read_split
from training.system.locks import RunLock
from training.system.machine import describe_machine
from training.trainers.devices import is_chief, make_repeatable, make_strategy, require_divisible
from training.trainers.loop import Pace, run_loop
from training.trainers.schedules import LinearDecay, rate_scale
from training.trainers.student_trainer import train_student


@dataclasses.dataclass(frozen=True)
class Kind:
    """What one kind of teacher does its own way. `options` is its options dataclass.

    Attributes:
        model: as in config.json and in the command's name: "cyclegan".
        title: as people write it.
        check(options): the options with sizes filled in; raises UserError for those that do not go
            together.
        load(options, log, stored_split): the pictures; stored_split: that of a run that goes on,
            else None.
        resolve(options, data): the options with nothing left open, but for the folder.
        optimizer(options, schedule): a new Adam, one for the generators and one for the
            discriminators.
        batches(options, data, first_step=, shard=, replicas=): one worker's batches of real_a,
            real_b.
        sample(model, data, options): uint8 [H, W, 3] of validation pictures.
        score(model, data, options): of the validation pictures, higher is better.
        directions(options): those that students are distilled of.
        guide(model, options, data): gives the model its pretrained guidance; the data with what
            that needs, and the seconds a step that each part of it takes, by name.
        later(model, options): None, or (steps, the step function after so many); before, it is
            model.train_step.
        log_every: steps between lines of metrics.jsonl.
    """

    model: str
    title: str
    check: Callable[[Any], Any]
    load: Callable[[Any, Callable], RunData]
    resolve: Callable[[Any, RunData], Any]
    optimizer: Callable[[Any, Any], keras.optimizers.Optimizer]
    batches: Callable[..., tf.data.Dataset]
    sample: Callable[[Any, RunData, Any], np.ndarray]
    score: Callable[[Any, RunData, Any], float]
    directions: Callable[[Any], tuple[str, ...]]
    guide: Callable[[Any, Any, RunData], tuple[RunData, dict[str, float]]] = (
        lambda model, options, data: (data, {})
    )
    later: Callable[[Any, Any], tuple[int, Callable] | None] = lambda model, options: None
    log_every: int = 20


def train(kind: Kind, options, given: frozenset[str] = frozenset()) -> int | None:
    """One run, start to end. Returns the exit status: None, or 130 / 143 after an interruption.

    given: names of the options on the command line; with --resume all others are the run's own.

    Raises:
        UserError: data, options or folder can't be used, or a loss diverged.
    """
    if options.dry_run:
        return dry_run(kind, kind.check(options))
    options = options if options.resume else kind.check(options)
    strategy = make_strategy()
    make_repeatable()
    run = open_run(options, is_chief(), kind.model)
    with RunLock(run.root) if run.chief else nullcontext(), writing_to(run):
        return train_in(run, kind, options, given, strategy)


def train_in(run: RunFolder, kind: Kind, options, given: frozenset[str], strategy) -> int | None:
    """The run itself, in a folder that nobody else writes to."""
    options = kind.check(continued_options(options, given, run)) if options.resume else options
    data = kind.load(options, say, read_split(run.root) if options.resume else None)
    if options.resume:
        require_same_data(data, run)
    elif data.split:
        run.write_json(SPLIT_FILE, data.split)
    options = dataclasses.replace(kind.resolve(options, data), run=str(run.root))
    require_divisible(options.batch_size, strategy)
    precision, reason = choose_precision(options.precision)
    say(f"precision: {precision} ({reason})")

    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    with strategy.scope():
        model = build_model(kind.model, dataclasses.asdict(options), options.ema_half_life)
        scale = rate_scale()
        schedule = LinearDecay(options.learning_rate, options.steps, options.decay_fraction, scale)
        model.compile(
            *(with_loss_scale(kind.optimizer(options, schedule), precision) for _ in range(2))
        )
        data, costs = kind.guide(model, options, data)
    checkpoints = Checkpoints(
        run.root / "checkpoints",
        tf.train.Checkpoint(model=model, rate_scale=scale),
        options.keep,
        run.chief,
    )
    run.write_config(
        kind.model,
        options,
        precision={"chosen": precision, "reason": reason},
        data=data.facts(),
        machine=describe_machine(),
        parameters={net.name: net.count_params() for net in counted_networks(model)},
        guidance_step_s=costs,
    )
    say(
        f"{options.steps} steps on {len(data.train_a)} + {len(data.train_b)} pictures, into {run.root}"
    )

    def batches(first_step: int, context):
        return kind.batches(
            options,
            data,
            first_step=first_step,
            shard=(context.input_pipeline_id, context.num_input_pipelines),
            replicas=context.num_replicas_in_sync,
        )

    status = run_loop(
        model.train_step,
        batches,
        Pace(
            options.steps,
            options.batch_size,
            options.sample_every,
            options.checkpoint_every,
            kind.log_every,
        ),
        later=kind.later(model, options),
        strategy=strategy,
        run=run,
        checkpoints=checkpoints,
        resume=options.resume,
        learning_rate=schedule,
        scale=scale,
        sample=lambda step: kind.sample(model, data, options),
        score=lambda: kind.score(model, data, options),
        finite=lambda: weights_finite(model),
        on_nan=options.on_nan,
        costs=costs,
        description=kind.title,
    )
    if status:
        say(f"saved; continue with: python -m training.{kind.model} --run {run.root} --resume")
        return status
    return distil_students(kind, options, run, data)


def distil_students(kind: Kind, options, run: RunFolder, data: RunData) -> int | None:
    """The students that the options ask for, one direction after the other."""
    if options.student == "none":
        say(f"no student asked for; later: python -m training.distill --run {run.root}")
        return None
    for direction in kind.directions(options):
        asked = DistillOptions(
            run=str(run.root),
            direction=direction,
            student=options.student,
            steps=options.student_steps,
            seed=options.seed,
            resume=options.resume,
            checkpoint_every=options.checkpoint_every,
            on_nan=options.on_nan,
        )
        status = train_student(asked, data)
        if status:
            return status
    say(f"done; next: python -m export.tflite --run {run.root} --int8")
    return None


def resolved_length(
    options, pictures: int, demo_steps: int | None = None, averaged_share: float = 0.3
) -> dict:
    """The steps as resolved, and the half-life that goes with them, by option name.

    pictures: what an epoch shows; demo_steps: the default with demo data, None with other data;
    averaged_share: default half-life, as a share of the steps.
    """
    steps = options.steps
    if steps is None and options.epochs is None:
        steps = demo_steps
    if steps is None:
        steps = max(1, (options.epochs or 200) * pictures // options.batch_size)
    half_life = (
        min(10_000.0, averaged_share * steps)
        if options.ema_half_life is None
        else options.ema_half_life
    )
    return {"steps": steps, "ema_half_life": half_life}


def dry_run(kind: Kind, options) -> None:
    """Prints what a run would be: options, layers, parameters, MACs."""
    for name, value in dataclasses.asdict(options).items():
        print(f"{name:22} {value}")
    model = build_model(kind.model, dataclasses.asdict(options), ema_half_life=1.0)
    for network, channels in counted_networks(model).items():
        print(f"\n{'weights':72} {'shape':20} {'parameters':>12}")
        for weight in network.weights:
            print(
                f"{weight.name:72} {'x'.join(map(str, weight.shape)):20} {int(np.prod(weight.shape)):>12,}"
            )
        macs = count_macs(network, options.crop_size, channels) / 1e9
        print(
            f"{network.name}: {network.count_params():,} parameters, {macs:.2f} G MACs at {options.crop_size} px"
        )
