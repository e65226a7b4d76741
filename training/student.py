"""The distillation run: the teacher's translations as labels, loop, student."""

from __future__ import annotations

import dataclasses
import os
import sys

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
from training.data import RunData
from training.distill import DistillOptions
from training.labels import translate_all
from training.loop import make_strategy, run_loop
from training.restore import load_student, load_teacher, run_data
from training.run_folder import RunFolder, newest_run, read_config
from training.sample_grid import labelled_grid

# The last steps run on fixed batch statistics, as the device will: the weights settle for what is exported.
_STATISTICS_SHARE = 0.8
_CRITIC_RATE = 4e-4


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def train_student(options: DistillOptions, data: RunData | None = None) -> int | None:
    """Distils one direction of a run into RUN/student/<direction>. Returns None, or 130 / 143 when interrupted.

    Raises:
        UserError: the run has no checkpoint, or the extra photos can't be used.
    """
    run = RunFolder(options.run or newest_run())
    config = read_config(run.root)
    if options.lambda_colour is None:
        options = dataclasses.replace(options, lambda_colour=0.1 * config["options"]["lambda_colour"])
    data = data or run_data(run.root, log)
    photos, style, held_out = data.train_a, data.train_b, data.val_a
    if options.direction == "ba":
        photos, style, held_out = data.train_b, data.train_a, data.val_b
    precision, _ = choose_precision(options.precision)
    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    teacher = load_teacher(run.root, options.direction)
    pictures = [photos]
    if options.extra:
        source = open_source(options.extra, "--extra")
        pictures.append(load_images(source, config["options"]["load_size"], option="--extra", warn=log))
    inputs, labels = translate_all(teacher, pictures, options.label_views, options.seed)

    strategy = make_strategy()
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, options.steps)
    with strategy.scope():
        critic = PatchDiscriminator(ndf=32, layers=2) if options.lambda_adversarial > 0 else None
        distillation = Distillation(
            MobileGenerator(),
            critic,
            lambda_adversarial=options.lambda_adversarial,
            lambda_colour=options.lambda_colour,
        )
        distillation.compile(
            with_loss_scale(keras.optimizers.Adam(schedule), precision),
            with_loss_scale(keras.optimizers.Adam(_CRITIC_RATE, 0.5), precision),
        )
    part = f"student/{options.direction}"
    folder = run.path(part, "checkpoints", "x").parent
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=distillation), str(folder), max_to_keep=1)
    first_step = 0
    if options.resume and manager.latest_checkpoint:
        tf.train.Checkpoint(model=distillation).restore(manager.latest_checkpoint)
        first_step = int(distillation.step.numpy())

    settled = tf.constant(round(_STATISTICS_SHARE * options.steps), tf.int64)

    def step_function(batch):
        return tf.cond(
            distillation.step < settled,
            lambda: distillation.train_step(batch, statistics=True),
            lambda: distillation.train_step(batch, statistics=False),
        )

    crop = min(config["options"]["crop_size"], int(inputs.shapes.min()) // 4 * 4)
    status = run_loop(
        step_function,
        paired_batches(inputs, labels, style, crop, options.batch_size, flip=config["options"]["flip"], seed=options.seed,
                       first_step=first_step),
        strategy=strategy, run=run, part=part, first_step=first_step, total_steps=options.steps,
        batch_size=options.batch_size, learning_rate=lambda step: float(schedule(step)),
        save=lambda step: manager.save(checkpoint_number=step),
        sample=None, sample_every=options.steps, checkpoint_every=500, log_every=50, description="student",
    )  # fmt: skip
    if status:
        log(
            f"saved; continue with: python -m training.distill --run {run.root} --direction {options.direction} --resume"
        )
        return status
    keep_student(run, part, distillation, options)
    report_student(run, part, teacher, options, held_out)
    return None


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
    log(
        f"student ({student.count_params():,} parameters) to teacher on {len(rows)} held-out photos: {mean[0]:.2f} dB, SSIM {mean[1]:.3f}"
    )
