"""The distillation run: the teacher's translations as labels, loop, student."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from contextlib import nullcontext

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.batches import paired_batches
from tf_i2i.distillation import Distillation
from tf_i2i.image_cache import ImageCache, load_images
from tf_i2i.mobile_generator import MobileGenerator
from tf_i2i.patch_discriminator import PatchDiscriminator
from tf_i2i.pixels import to_float, to_uint8
from tf_i2i.precision import choose_precision, set_precision, with_loss_scale
from tf_i2i.sources import open_source
from training.checkpoints import Checkpoints
from training.data import RunData
from training.devices import is_chief, make_repeatable, make_strategy, require_divisible
from training.distill import DistillOptions
from training.labels import translate_all
from training.loop import Pace, run_loop, say
from training.restore import load_student, load_teacher, run_data
from training.resuming import weights_finite
from training.run_folder import RunFolder, newest_run, read_config
from training.run_lock import RunLock
from training.sample_grid import labelled_grid
from training.schedules import CosineDecay, rate_scale

# The last steps run on fixed batch statistics, as the device will: the weights settle for what is exported.
_STATISTICS_SHARE = 0.8
_CRITIC_RATE = 4e-4


def train_student(options: DistillOptions, data: RunData | None = None) -> int | None:
    """Distils one direction of a run into RUN/student/<direction>. Returns None, or 130 / 143 when interrupted.

    Raises:
        UserError: the run has no checkpoint, or the extra photos can't be used.
    """
    strategy = make_strategy()
    make_repeatable()
    run = RunFolder(options.run or newest_run(), is_chief())
    # A trainer that distils at its end holds the lock, and the pictures, already.
    with RunLock(run.root) if run.chief and data is None else nullcontext():
        return train_student_in(run, options, data or run_data(run.root, say), strategy)


def train_student_in(run: RunFolder, options: DistillOptions, data: RunData, strategy) -> int | None:
    """The distillation itself, in a folder that nobody else writes to."""
    config = read_config(run.root)
    if options.lambda_colour is None:
        options = dataclasses.replace(options, lambda_colour=0.1 * config["options"]["lambda_colour"])
    photos, style, held_out = data.train_a, data.train_b, data.val_a
    if options.direction == "ba":
        photos, style, held_out = data.train_b, data.train_a, data.val_b
    require_divisible(options.batch_size, strategy)
    precision, _ = choose_precision(options.precision)
    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    teacher = load_teacher(run.root, options.direction)
    pictures = [photos]
    if options.extra:
        source = open_source(options.extra, "--extra")
        pictures.append(load_images(source, config["options"]["load_size"], option="--extra", warn=say))
    inputs, labels = translate_all(teacher, pictures, options.label_views, options.seed)

    with strategy.scope():
        critic = PatchDiscriminator(ndf=32, layers=2) if options.lambda_adversarial > 0 else None
        distillation = Distillation(
            MobileGenerator(),
            critic,
            lambda_adversarial=options.lambda_adversarial,
            lambda_colour=options.lambda_colour,
        )
        scale = rate_scale()
        schedule = CosineDecay(options.learning_rate, options.steps, scale)
        distillation.compile(
            with_loss_scale(keras.optimizers.Adam(schedule), precision),
            with_loss_scale(keras.optimizers.Adam(_CRITIC_RATE, 0.5), precision),
        )
    part = f"student/{options.direction}"
    checkpoints = Checkpoints(
        run.root / part / "checkpoints",
        tf.train.Checkpoint(model=distillation, rate_scale=scale),
        keep=1,
        chief=run.chief,
    )
    settled = tf.constant(round(_STATISTICS_SHARE * options.steps), tf.int64)

    def step_function(batch):
        return tf.cond(
            distillation.step < settled,
            lambda: distillation.train_step(batch, statistics=True),
            lambda: distillation.train_step(batch, statistics=False),
        )

    crop = min(config["options"]["crop_size"], int(inputs.shapes.min()) // 4 * 4)

    def batches(first_step: int, context):
        return paired_batches(
            inputs, labels, style, crop, options.batch_size, flip=config["options"]["flip"], seed=options.seed,
            first_step=first_step, shard=(context.input_pipeline_id, context.num_input_pipelines),
            replicas=context.num_replicas_in_sync,
        )  # fmt: skip

    status = run_loop(
        step_function, batches, Pace(options.steps, options.batch_size, options.steps, options.checkpoint_every, log_every=50),
        strategy=strategy, run=run, part=part, checkpoints=checkpoints, resume=options.resume, learning_rate=schedule,
        scale=scale, finite=lambda: weights_finite(distillation), on_nan=options.on_nan,
        origin=origin(options, labels), description="student",
    )  # fmt: skip
    if status:
        say(
            f"saved; continue with: python -m training.distill --run {run.root} --direction {options.direction} --resume"
        )
        return status
    keep_student(run, part, distillation, options)
    report_student(run, part, teacher, options, held_out)
    return None


def origin(options: DistillOptions, labels: ImageCache) -> str:
    """Names what a distillation learns, and how: a checkpoint of another teacher or with other options is not continued."""
    fixed = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)
             if field.name != "run" and not field.metadata["resumable"]}  # fmt: skip
    return hashlib.sha256(f"{labels.fingerprint} {sorted(fixed.items())}".encode()).hexdigest()


def keep_student(run: RunFolder, part: str, distillation: Distillation, options: DistillOptions) -> None:
    """Writes the averaged student's weights and its network's description."""
    path = run.path(part, "student.weights.h5")
    temporary = path.with_name(f".{os.getpid()}.weights.h5")
    distillation.average.copy_to(distillation.student)
    distillation.student.save_weights(temporary)
    os.replace(temporary, path)
    run.write_config("student", options, part=part, network=distillation.student.get_config())


def report_student(run: RunFolder, part: str, teacher, options: DistillOptions, held_out: ImageCache) -> None:
    """distillation.json and a sheet at 2x zoom: how near the folded student comes to its teacher on held-out photos."""
    from tf_i2i.metrics import psnr, ssim

    set_precision("float32")
    student = load_student(run.root, options.direction)
    rows, scores = [], []
    for i in range(min(len(held_out), 64)):
        image = held_out.image(i)
        image = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
        theirs, ours = (to_uint8(net(to_float(image[None]), training=False))[0] for net in (teacher, student))
        scores.append((psnr(theirs, ours), ssim(theirs, ours)))
        rows.append((image, theirs, ours))
    mean = np.mean(scores, axis=0)
    run.write_json(f"{part}/distillation.json", {
        "direction": options.direction, "held_out_photos": len(rows), "parameters": student.count_params(),
        "student_to_teacher_psnr_db": float(mean[0]), "student_to_teacher_ssim": float(mean[1]),
    })  # fmt: skip
    side = min(96, *(min(row[0].shape[:2]) for row in rows[:6]))
    zoomed = [[np.kron(picture[:side, :side], np.ones((2, 2, 1), np.uint8)) for picture in row] for row in rows[:6]]
    from tf_i2i.images import write_png

    columns = dict(
        zip(("photo (2x)", "teacher", "student"), (np.stack(c) for c in zip(*zoomed, strict=True)), strict=True)
    )
    write_png(run.path(part, "samples", "student-and-teacher.png"), labelled_grid(columns))
    say(
        f"student ({student.count_params():,} parameters) to teacher on {len(rows)} held-out photos: {mean[0]:.2f} dB, SSIM {mean[1]:.3f}"
    )
