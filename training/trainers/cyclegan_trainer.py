"""CycleGAN's side of a run: what it does its own way."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from tf_i2i.data.batches import batches
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.errors import UserError
from training.options.trainer_options import CycleGANOptions
from training.reporting.image_grid import labelled_grid
from training.runs.run_data import RunData, load_unpaired
from training.trainers import trainer as teacher_run
from training.trainers.guidance_builder import guide, require_guidance

_DEMO_STEPS = 1200


_SAMPLE_ROWS = 4


_SCORED = 8


def train(options: CycleGANOptions, given: frozenset[str] = frozenset()) -> int | None:
    """One run, start to end: see teacher_run.train."""
    return teacher_run.train(CYCLEGAN, options, given)


def require_sizes(options: CycleGANOptions) -> CycleGANOptions:
    """Raises UserError for options that do not go together."""
    if options.crop_size % 4 or options.crop_size > options.load_size:
        raise UserError(
            f"--crop-size {options.crop_size} must be a multiple of 4 and at most --load-size {options.load_size}"
        )
    require_guidance(options)
    return options


def resolve(options: CycleGANOptions, data: RunData) -> CycleGANOptions:
    """Fills in what was left open: steps, half-life."""
    larger = max(len(data.train_a), len(data.train_b))
    demo_steps = _DEMO_STEPS if options.domain_a is None else None
    return dataclasses.replace(options, **teacher_run.resolved_length(options, larger, demo_steps))


def make_batches(options: CycleGANOptions, data: RunData, **share):
    return batches(
        [(data.train_a,), (data.train_b,)],
        options.crop_size,
        options.batch_size,
        flip=options.flip,
        seed=options.seed,
        boxes=data.face_boxes,
        **share,
    )


def make_optimizer(options: CycleGANOptions, schedule) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(schedule, options.beta1, options.beta2)


def directions(options: CycleGANOptions) -> tuple[str, ...]:
    return ("ab", "ba") if options.student_direction == "both" else (options.student_direction,)


def sample_pictures(gan, data: RunData, options: CycleGANOptions) -> np.ndarray:
    """Validation pictures in both directions: input | translated | reconstructed, by the averaged
    generators.
    """
    columns: dict[str, np.ndarray] = {}
    with gan.average_ab.applied(), gan.average_ba.applied():
        for title, cache, forth, back in (
            ("A", data.val_a, gan.generator_ab, gan.generator_ba),
            ("B", data.val_b, gan.generator_ba, gan.generator_ab),
        ):
            real = np.stack(
                [
                    centre_square(cache.image(i), options.crop_size)
                    for i in range(min(_SAMPLE_ROWS, len(cache)))
                ]
            )
            fake = np.concatenate([forth(to_float(image[None]), training=False) for image in real])
            again = np.concatenate([back(image[None], training=False) for image in fake])
            columns |= {
                f"{title}: input": real,
                "translated" + " " * len(columns): to_uint8(fake),
                "reconstructed" + " " * len(columns): to_uint8(again),
            }
    rows = min(len(column) for column in columns.values())
    return labelled_grid({label: column[:rows] for label, column in columns.items()})


def validation_score(gan, data: RunData, options: CycleGANOptions) -> float:
    """How good the averaged generators are on a few validation pictures; higher is better.

    With true translations: mean SSIM to them. Without: minus the mean absolute error of A to B to A
    and of B to A to B, which says little of the style but tells a run that fell apart from one that
    did not.
    """
    from tf_i2i.metrics.image_metrics import ssim

    count = min(_SCORED, len(data.val_a), len(data.val_b))
    crops_a, crops_b = (
        [centre_square(cache.image(i), options.crop_size) for i in range(count)]
        for cache in (data.val_a, data.val_b)
    )
    with gan.average_ab.applied(), gan.average_ba.applied():
        fakes = [gan.generator_ab(to_float(crop[None]), training=False) for crop in crops_a]
        if data.paired:
            return float(
                np.mean(
                    [ssim(b, to_uint8(fake)[0]) for b, fake in zip(crops_b, fakes, strict=True)]
                )
            )
        back_a = [gan.generator_ba(fake, training=False) for fake in fakes]
        back_b = [
            gan.generator_ab(gan.generator_ba(to_float(crop[None]), training=False), training=False)
            for crop in crops_b
        ]
    errors = [
        np.mean(np.abs(to_float(c) - b))
        for c, b in zip(crops_a + crops_b, back_a + back_b, strict=True)
    ]
    return -float(np.mean(errors))


CYCLEGAN = teacher_run.Kind(
    model="cyclegan",
    title="CycleGAN",
    check=require_sizes,
    load=load_unpaired,
    resolve=resolve,
    optimizer=make_optimizer,
    batches=make_batches,
    sample=sample_pictures,
    score=validation_score,
    directions=directions,
    guide=guide,
)
