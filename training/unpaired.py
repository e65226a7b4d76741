"""The CycleGAN run: data, networks, loop, student."""

from __future__ import annotations

import dataclasses
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.batches import unpaired_batches
from tf_i2i.errors import UserError
from tf_i2i.pixels import to_float, to_uint8
from tf_i2i.precision import choose_precision, set_precision, with_loss_scale
from training import distill
from training.cyclegan import CycleGANOptions
from training.data import RunData, load_unpaired
from training.loop import linear_decay, make_strategy, run_loop
from training.machine import describe_machine
from training.networks import build_cyclegan, count_macs
from training.run_folder import RunFolder, continued_options, default_run
from training.sample_grid import labelled_grid

_DEMO_STEPS = 1200
_SAMPLE_ROWS = 4


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def train(options: CycleGANOptions) -> int | None:
    """One run, start to end. Returns the exit status: None, or 130 / 143 after an interruption.

    Raises:
        UserError: data, options or folder can't be used, or a loss diverged.
    """
    if options.crop_size % 4 or options.crop_size > options.load_size:
        raise UserError(
            f"--crop-size {options.crop_size} must be a multiple of 4 and at most --load-size {options.load_size}"
        )
    if options.dry_run:
        return dry_run(options)
    run = open_run(options)
    options = continued_options(options, run) if options.resume else options
    data = load_unpaired(options, log)
    options = resolve(options, data, run)
    precision, reason = choose_precision(options.precision)
    log(f"precision: {precision} ({reason})")

    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    strategy = make_strategy()
    if options.batch_size % strategy.num_replicas_in_sync:
        raise UserError(
            f"--batch-size {options.batch_size} must be a multiple of the {strategy.num_replicas_in_sync} devices"
        )
    with strategy.scope():
        gan = build_cyclegan(dataclasses.asdict(options), options.ema_half_life)
        schedule = linear_decay(options.learning_rate, options.steps, options.decay_fraction)
        gan.compile(*(
            with_loss_scale(keras.optimizers.Adam(schedule, options.beta1, options.beta2), precision) for _ in range(2)
        ))  # fmt: skip
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(model=gan), str(run.path("checkpoints", "x").parent), max_to_keep=2
    )
    first_step = 0
    if options.resume and manager.latest_checkpoint:
        tf.train.Checkpoint(model=gan).restore(manager.latest_checkpoint).assert_existing_objects_matched()
        first_step = int(gan.step.numpy())
        log(f"resuming {run.root} at step {first_step}")
    run.write_config(
        "cyclegan", options, precision={"chosen": precision, "reason": reason}, data=data.facts(), machine=describe_machine(),
        parameters={net.name: net.count_params() for net in (gan.generator_ab, gan.discriminator_b)},
    )  # fmt: skip
    log(f"{options.steps} steps on {len(data.train_a)} + {len(data.train_b)} pictures, into {run.root}")

    status = run_loop(
        gan.train_step,
        unpaired_batches(
            data.train_a, data.train_b, options.crop_size, options.batch_size,
            flip=options.flip, seed=options.seed, first_step=first_step,
        ),
        strategy=strategy, run=run, first_step=first_step, total_steps=options.steps, batch_size=options.batch_size,
        learning_rate=lambda step: float(schedule(step)),
        save=lambda step: manager.save(checkpoint_number=step),
        sample=lambda step: sample_pictures(gan, data, options.crop_size),
        sample_every=options.sample_every, checkpoint_every=options.checkpoint_every, description="CycleGAN",
    )  # fmt: skip
    if status:
        log(f"saved; continue with: python -m training.cyclegan --run {run.root} --resume")
        return status
    return distil_students(options, run, data)


def distil_students(options: CycleGANOptions, run: RunFolder, data: RunData) -> int | None:
    """The students that the options ask for, one direction after the other."""
    if options.student == "none":
        log(f"no student asked for; later: python -m training.distill --run {run.root}")
        return None
    directions = ("ab", "ba") if options.student_direction == "both" else (options.student_direction,)
    for direction in directions:
        asked = distill.DistillOptions(
            run=str(run.root),
            direction=direction,
            steps=options.student_steps,
            seed=options.seed,
            resume=options.resume,
        )
        status = distill.distil(asked, data)
        if status:
            return status
    log(f"done; next: python -m export.tflite --run {run.root} --int8")
    return None


def open_run(options: CycleGANOptions) -> RunFolder:
    """The run's folder: new, or with --resume one that holds a run."""
    if options.resume and not options.run:
        raise UserError("--resume needs --run DIR, the run to continue")
    run = RunFolder(options.run or default_run("cyclegan"))
    if run.checkpoint() and not options.resume:
        raise UserError(f"--run {run.root} holds a run already; continue it with --resume or name another folder")
    return run


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
