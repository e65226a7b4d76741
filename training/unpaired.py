"""The CycleGAN run: data, networks, loop, student."""

from __future__ import annotations

import dataclasses
import os
from contextlib import nullcontext

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.batches import unpaired_batches
from tf_i2i.errors import UserError
from tf_i2i.pixels import to_float, to_uint8
from tf_i2i.precision import choose_precision, set_precision, with_loss_scale
from training import distill
from training.checkpoints import Checkpoints
from training.cyclegan import CycleGANOptions
from training.data import RunData, load_unpaired
from training.devices import is_chief, make_repeatable, make_strategy, require_divisible
from training.loop import Pace, run_loop, say
from training.machine import describe_machine
from training.networks import build_cyclegan, count_macs
from training.resuming import open_run, require_same_data, weights_finite
from training.run_folder import RunFolder, continued_options
from training.run_lock import RunLock
from training.sample_grid import labelled_grid
from training.schedules import LinearDecay, rate_scale

_DEMO_STEPS = 1200
_SAMPLE_ROWS = 4
_SCORED = 8


def train(options: CycleGANOptions, given: frozenset[str] = frozenset()) -> int | None:
    """One run, start to end. Returns the exit status: None, or 130 / 143 after an interruption.

    given: names of the options on the command line; with --resume all others are the run's own.

    Raises:
        UserError: data, options or folder can't be used, or a loss diverged.
    """
    require_sizes(options)
    if options.dry_run:
        return dry_run(options)
    strategy = make_strategy()
    make_repeatable()
    run = open_run(options, is_chief())
    with RunLock(run.root) if run.chief else nullcontext():
        return train_in(run, options, given, strategy)


def train_in(run: RunFolder, options: CycleGANOptions, given: frozenset[str], strategy) -> int | None:
    """The run itself, in a folder that nobody else writes to."""
    options = continued_options(options, given, run) if options.resume else options
    data = load_unpaired(options, say)
    if options.resume:
        require_same_data(data, run)
    options = resolve(options, data, run)
    require_divisible(options.batch_size, strategy)
    precision, reason = choose_precision(options.precision)
    say(f"precision: {precision} ({reason})")

    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    with strategy.scope():
        gan = build_cyclegan(dataclasses.asdict(options), options.ema_half_life)
        scale = rate_scale()
        schedule = LinearDecay(options.learning_rate, options.steps, options.decay_fraction, scale)
        gan.compile(*(
            with_loss_scale(keras.optimizers.Adam(schedule, options.beta1, options.beta2), precision) for _ in range(2)
        ))  # fmt: skip
    checkpoints = Checkpoints(
        run.root / "checkpoints", tf.train.Checkpoint(model=gan, rate_scale=scale), options.keep, run.chief
    )
    run.write_config(
        "cyclegan", options, precision={"chosen": precision, "reason": reason}, data=data.facts(), machine=describe_machine(),
        parameters={net.name: net.count_params() for net in (gan.generator_ab, gan.discriminator_b)},
    )  # fmt: skip
    say(f"{options.steps} steps on {len(data.train_a)} + {len(data.train_b)} pictures, into {run.root}")

    def batches(first_step: int, context):
        return unpaired_batches(
            data.train_a, data.train_b, options.crop_size, options.batch_size, flip=options.flip, seed=options.seed,
            first_step=first_step, shard=(context.input_pipeline_id, context.num_input_pipelines),
            replicas=context.num_replicas_in_sync,
        )  # fmt: skip

    status = run_loop(
        gan.train_step, batches, Pace(options.steps, options.batch_size, options.sample_every, options.checkpoint_every),
        strategy=strategy, run=run, checkpoints=checkpoints, resume=options.resume, learning_rate=schedule, scale=scale,
        sample=lambda step: sample_pictures(gan, data, options.crop_size),
        score=lambda: validation_score(gan, data, options.crop_size), finite=lambda: weights_finite(gan),
        on_nan=options.on_nan, description="CycleGAN",
    )  # fmt: skip
    if status:
        say(f"saved; continue with: python -m training.cyclegan --run {run.root} --resume")
        return status
    return distil_students(options, run, data)


def distil_students(options: CycleGANOptions, run: RunFolder, data: RunData) -> int | None:
    """The students that the options ask for, one direction after the other."""
    if options.student == "none":
        say(f"no student asked for; later: python -m training.distill --run {run.root}")
        return None
    directions = ("ab", "ba") if options.student_direction == "both" else (options.student_direction,)
    for direction in directions:
        asked = distill.DistillOptions(
            run=str(run.root),
            direction=direction,
            steps=options.student_steps,
            seed=options.seed,
            resume=options.resume,
            checkpoint_every=options.checkpoint_every,
            on_nan=options.on_nan,
        )
        status = distill.distil(asked, data)
        if status:
            return status
    say(f"done; next: python -m export.tflite --run {run.root} --int8")
    return None


def require_sizes(options: CycleGANOptions) -> None:
    if options.crop_size % 4 or options.crop_size > options.load_size:
        raise UserError(
            f"--crop-size {options.crop_size} must be a multiple of 4 and at most --load-size {options.load_size}"
        )


def resolve(options: CycleGANOptions, data: RunData, run: RunFolder) -> CycleGANOptions:
    """Fills in what was left open: folder, steps, half-life."""
    larger = max(len(data.train_a), len(data.train_b))
    steps = options.steps
    if steps is None and options.epochs is None and options.domain_a is None:
        steps = _DEMO_STEPS
    if steps is None:
        steps = max(1, (options.epochs or 200) * larger // options.batch_size)
    half_life = options.ema_half_life
    if half_life is None:
        half_life = min(10_000.0, 0.3 * steps)
    return dataclasses.replace(options, run=str(run.root), steps=steps, ema_half_life=half_life)


def sample_pictures(gan, data: RunData, size: int) -> np.ndarray:
    """Validation pictures in both directions: input | translated | reconstructed, by the averaged generators."""
    columns: dict[str, np.ndarray] = {}
    with gan.average_ab.applied(), gan.average_ba.applied():
        for title, cache, forth, back in (
            ("A", data.val_a, gan.generator_ab, gan.generator_ba), ("B", data.val_b, gan.generator_ba, gan.generator_ab),
        ):  # fmt: skip
            real = np.stack([centre_crop(cache.image(i), size) for i in range(min(_SAMPLE_ROWS, len(cache)))])
            fake = np.concatenate([forth(to_float(image[None]), training=False) for image in real])
            again = np.concatenate([back(image[None], training=False) for image in fake])
            columns |= {f"{title}: input": real, "translated" + " " * len(columns): to_uint8(fake),
                        "reconstructed" + " " * len(columns): to_uint8(again)}  # fmt: skip
    rows = min(len(column) for column in columns.values())
    return labelled_grid({label: column[:rows] for label, column in columns.items()})


def validation_score(gan, data: RunData, size: int) -> float:
    """How good the averaged generators are on a few validation pictures; higher is better.

    With true translations: mean SSIM to them. Without: minus the mean absolute error of A to B to A and of B to A to B,
    which says little of the style but tells a run that fell apart from one that did not.
    """
    from tf_i2i.metrics import ssim

    count = min(_SCORED, len(data.val_a), len(data.val_b))
    crops_a, crops_b = ([centre_crop(cache.image(i), size) for i in range(count)] for cache in (data.val_a, data.val_b))
    with gan.average_ab.applied(), gan.average_ba.applied():
        fakes = [gan.generator_ab(to_float(crop[None]), training=False) for crop in crops_a]
        if data.paired:
            return float(np.mean([ssim(b, to_uint8(fake)[0]) for b, fake in zip(crops_b, fakes, strict=True)]))
        back_a = [gan.generator_ba(fake, training=False) for fake in fakes]
        back_b = [
            gan.generator_ab(gan.generator_ba(to_float(crop[None]), training=False), training=False) for crop in crops_b
        ]
    errors = [np.mean(np.abs(to_float(c) - b)) for c, b in zip(crops_a + crops_b, back_a + back_b, strict=True)]
    return -float(np.mean(errors))


def centre_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The middle size x size of uint8 [H, W, 3]."""
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def dry_run(options: CycleGANOptions) -> None:
    """Prints what a run would be: options, layers, parameters, MACs."""
    for name, value in dataclasses.asdict(options).items():
        print(f"{name:22} {value}")
    gan = build_cyclegan(dataclasses.asdict(options), ema_half_life=1.0)
    for network in (gan.generator_ab, gan.discriminator_b):
        print(f"\n{'weights':72} {'shape':20} {'parameters':>12}")
        for weight in network.weights:
            print(f"{weight.name:72} {'x'.join(map(str, weight.shape)):20} {int(np.prod(weight.shape)):>12,}")
        macs = count_macs(network, options.crop_size) / 1e9
        print(f"{network.name}: {network.count_params():,} parameters, {macs:.2f} G MACs at {options.crop_size} px")
