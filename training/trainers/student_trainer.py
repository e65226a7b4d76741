"""The distillation run: the teacher's translations as labels, loop, student."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from contextlib import nullcontext

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.data.batches import batches
from tf_i2i.data.image_cache import ImageCache, load_images
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError
from tf_i2i.models.distillation_model import Distillation
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.model_builder import STUDENTS
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.precision import choose_precision, set_precision, with_loss_scale
from training.options.trainer_options import DistillOptions
from training.reporting.image_grid import labelled_grid
from training.runs.checkpoints import Checkpoints
from training.runs.finished_run import load_student, load_teacher, only_size, run_data
from training.runs.run_data import RunData
from training.runs.run_folder import RunFolder, newest_run, read_config, weights_finite, writing_to
from training.system.locks import RunLock
from training.trainers.devices import is_chief, make_repeatable, make_strategy, require_divisible
from training.trainers.loop import Pace, run_loop
from training.trainers.schedules import CosineDecay, rate_scale
from training.trainers.teacher_outputs import (
    changed_copies,
    copies_wanted,
    translate_all,
    translate_windows,
)

# The last steps run on fixed batch statistics, as the device will: the weights settle for what is
# exported.
_STATISTICS_SHARE = 0.8


_CRITIC_RATE = 4e-4


_LAMBDA_TRUTH = 4.0


def train_student(options: DistillOptions, data: RunData | None = None) -> int | None:
    """Distils one direction of a run into RUN/student/<direction>. Returns None, or 130 / 143 when
    interrupted.

    Raises:
        UserError: the run has no checkpoint, or the extra photos can't be used.
    """
    strategy = make_strategy()
    make_repeatable()
    run = RunFolder(options.run or newest_run(), is_chief())
    # A trainer that distils at its end holds the lock, and the pictures, already.
    with RunLock(run.root) if run.chief and data is None else nullcontext(), writing_to(run):
        return train_student_in(run, options, data or run_data(run.root, say), strategy)


def train_student_in(
    run: RunFolder, options: DistillOptions, data: RunData, strategy
) -> int | None:
    """The distillation itself, in a folder that nobody else writes to."""
    config = read_config(run.root)
    options = with_weights(options, config)
    require_divisible(options.batch_size, strategy)
    keras.utils.set_random_seed(options.seed)
    set_precision(choose_precision(options.precision)[0])
    teacher = load_teacher(run.root, options.direction)
    lesson = prepare_lesson(teacher, data, options, config)
    part = f"student/{options.direction}"
    distillation, status = fit_student(
        STUDENTS[options.student], lesson, options, run, part, strategy
    )
    if status:
        say(
            f"saved; continue with: python -m training.distill --run {run.root} --direction {options.direction} --resume"
        )
        return status
    keep_student(run, part, distillation, options)
    report_student(
        run, part, teacher, options, data.val_a if options.direction == "ab" else data.val_b
    )
    return None


def fit_student(
    design: Mapping, lesson: Lesson, options: DistillOptions, run: RunFolder, part: str, strategy
) -> tuple[Distillation, int | None]:
    """Trains a MobileGenerator of this design on a lesson. Returns the distillation, and 130 / 143
    when interrupted.

    design: arguments of MobileGenerator; part: folder inside the run for checkpoints and metrics.
    """
    precision, _ = choose_precision(options.precision)
    keras.utils.set_random_seed(options.seed)
    set_precision(precision)
    with strategy.scope():
        critic = PatchDiscriminator(ndf=32, layers=2) if options.lambda_adversarial > 0 else None
        distillation = Distillation(
            MobileGenerator(**design),
            critic,
            lambda_adversarial=options.lambda_adversarial,
            lambda_colour=options.lambda_colour,
            lambda_truth=options.lambda_truth,
        )
        scale = rate_scale()
        schedule = CosineDecay(options.learning_rate, options.steps, scale)
        distillation.compile(
            with_loss_scale(keras.optimizers.Adam(schedule), precision),
            with_loss_scale(keras.optimizers.Adam(_CRITIC_RATE, 0.5), precision),
        )
    checkpoints = Checkpoints(
        run.root / part / "checkpoints",
        tf.train.Checkpoint(model=distillation, rate_scale=scale),
        keep=1,
        chief=run.chief,
    )
    status = run_loop(
        distillation.train_step,
        lambda first_step, context: lesson.batches(options, first_step, context),
        Pace(
            options.steps, options.batch_size, options.steps, options.checkpoint_every, log_every=50
        ),
        later=(
            round(_STATISTICS_SHARE * options.steps),
            functools.partial(distillation.train_step, statistics=False),
        ),
        strategy=strategy,
        run=run,
        part=part,
        checkpoints=checkpoints,
        resume=options.resume,
        learning_rate=schedule,
        scale=scale,
        finite=lambda: weights_finite(distillation),
        on_nan=options.on_nan,
        origin=origin(options, lesson.labels),
        description=part.replace("/", " "),
    )
    return distillation, status


def with_weights(options: DistillOptions, config: dict) -> DistillOptions:
    """The options with the weights that depend on the kind of run.

    Raises:
        UserError: a weight that this run has no pictures for.
    """
    truth, colour = options.lambda_truth, options.lambda_colour
    in_pairs = config["model"] == "pix2pix"
    if truth and not in_pairs:
        raise UserError(
            f"--lambda-truth {truth:g}: --run {options.run} was not trained on pairs, no true translation is known"
        )
    truth = (_LAMBDA_TRUTH if in_pairs else 0.0) if truth is None else truth
    colour = 0.1 * config["options"].get("lambda_colour", 0.0) if colour is None else colour
    return dataclasses.replace(options, lambda_truth=truth, lambda_colour=colour)


def origin(options: DistillOptions, labels: ImageCache) -> str:
    """Names what a distillation learns, and how: a checkpoint of another teacher or with other
    options is not continued.
    """
    fixed = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name != "run" and not field.metadata["resumable"]
    }
    return hashlib.sha256(f"{labels.fingerprint} {sorted(fixed.items())}".encode()).hexdigest()


def keep_student(
    run: RunFolder, part: str, distillation: Distillation, options: DistillOptions
) -> None:
    """Writes the averaged student's weights and its network's description."""
    path = run.path(part, "student.weights.h5")
    temporary = path.with_name(f".{os.getpid()}.weights.h5")
    distillation.average.copy_to(distillation.student)
    distillation.student.save_weights(temporary)
    os.replace(temporary, path)
    run.write_config("student", options, part=part, network=distillation.student.get_config())


def report_student(
    run: RunFolder, part: str, teacher, options: DistillOptions, held_out: ImageCache
) -> None:
    """distillation.json and a sheet at 2x zoom: how near the folded student comes to its teacher on
    held-out photos.
    """
    from tf_i2i.metrics.image_metrics import psnr, ssim

    set_precision("float32")
    student, size = load_student(run.root, options.direction), only_size(run.root)
    rows, scores = [], []
    for i in range(min(len(held_out), 64)):
        image = held_out.image(i)
        image = (
            centre_square(image, size)
            if size
            else image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
        )
        theirs, ours = (
            to_uint8(net(to_float(image[None]), training=False))[0] for net in (teacher, student)
        )
        scores.append((psnr(theirs, ours), ssim(theirs, ours)))
        rows.append((image, theirs, ours))
    mean = np.mean(scores, axis=0)
    run.write_json(
        f"{part}/distillation.json",
        {
            "direction": options.direction,
            "held_out_photos": len(rows),
            "parameters": student.count_params(),
            "student_to_teacher_psnr_db": float(mean[0]),
            "student_to_teacher_ssim": float(mean[1]),
        },
    )
    side = min(96, *(min(row[0].shape[:2]) for row in rows[:6]))
    zoomed = [
        [np.kron(picture[:side, :side], np.ones((2, 2, 1), np.uint8)) for picture in row]
        for row in rows[:6]
    ]
    from tf_i2i.data.image_files import write_png

    columns = dict(
        zip(
            ("photo (2x)", "teacher", "student"),
            (np.stack(c) for c in zip(*zoomed, strict=True)),
            strict=True,
        )
    )
    write_png(run.path(part, "samples", "student-and-teacher.png"), labelled_grid(columns))
    say(
        f"student ({student.count_params():,} parameters) to teacher on {len(rows)} held-out photos: {mean[0]:.2f} dB, SSIM {mean[1]:.3f}"
    )


@dataclass(frozen=True)
class Lesson:
    """Attributes:
    inputs, labels: photos, and the teacher's translations of them, of equal shapes.
    others: in pairs the true translations (labels where none is known); else any pictures of the
        target domain.
    in_pairs: whether `others` belong to the photos one by one.
    crop_size: side of the crops in pixels.
    flip: mirror at random.
    """

    inputs: ImageCache
    labels: ImageCache
    others: ImageCache
    in_pairs: bool
    crop_size: int
    flip: bool

    def batches(
        self, options: DistillOptions, first_step: int, context: tf.distribute.InputContext
    ) -> tf.data.Dataset:
        """One worker's share of the batches from a step on: (photo, label, other), float32 [-1, 1]
        [N, S, S, 3] each.
        """
        share = {
            "flip": self.flip,
            "seed": options.seed,
            "first_step": first_step,
            "shard": (context.input_pipeline_id, context.num_input_pipelines),
            "replicas": context.num_replicas_in_sync,
        }
        if self.in_pairs:
            domains = [(self.inputs, self.labels, self.others)]
        else:
            domains = [(self.inputs, self.labels), (self.others,)]
        return batches(domains, self.crop_size, options.batch_size, **share)


def prepare_lesson(teacher, data: RunData, options: DistillOptions, config: dict) -> Lesson:
    """Has the teacher translate the run's photos and the extra ones. `config`: the run's
    config.json.

    Raises:
        UserError: the extra photos can't be used, or copies are asked for in a run on pairs.
    """
    photos, style = (
        (data.train_a, data.train_b) if options.direction == "ab" else (data.train_b, data.train_a)
    )
    pictures, run = [photos], config["options"]
    if options.extra:
        source = open_source(options.extra, "--extra")
        pictures.append(load_images(source, run["load_size"], option="--extra", warn=say))
    in_pairs = config["model"] == "pix2pix"
    if in_pairs:
        if options.label_copies:
            raise UserError(
                f"--label-copies {options.label_copies}: a run on pairs has none, true translations are of the photos"
            )
        mirrored = run["flip"] and options.label_views > 1
        inputs, labels = translate_windows(teacher, pictures, run["crop_size"], mirrored)
        style = with_labels_of_extras(style, labels)
    else:
        count = sum(len(cache) for cache in pictures)
        copies = (
            copies_wanted(options.student, count)
            if options.label_copies is None
            else options.label_copies
        )
        if copies:
            say(
                f"the student also learns from {copies * count:,} changed copies of {count:,} photos (--label-copies)"
            )
            pictures += [changed_copies(cache, copies, options.seed) for cache in pictures]
        inputs, labels = translate_all(teacher, pictures, options.label_views, options.seed)
    crop_size = min(run["crop_size"], int(inputs.shapes.min()) // 4 * 4)
    return Lesson(inputs, labels, style, in_pairs, crop_size, run["flip"])


def with_labels_of_extras(truths: ImageCache, labels: ImageCache) -> ImageCache:
    """True translations, and for the photos after them, of which none is known, the teacher's."""
    if len(labels) == len(truths):
        return truths
    return ImageCache.from_images(
        (name, (truths if i < len(truths) else labels).image(i))
        for i, name in enumerate(labels.names)
    )
