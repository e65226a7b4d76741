"""Pix2Pix's side of a run: what it does its own way."""

from __future__ import annotations

import dataclasses
import functools

import keras
import numpy as np

from tf_i2i.data.batches import batches
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import ssim
from tf_i2i.models.model_builder import UNET_DEPTHS, unet_for
from training.options.trainer_options import Pix2PixOptions
from training.reporting.image_grid import labelled_grid
from training.runs.run_data import RunData, load_paired
from training.trainers import trainer as teacher_run

# For pictures of one's own, and for the demo: what two cores get through in minutes.
_SIZES = {"load_size": 286, "crop_size": 256, "ngf": 64, "ndf": 64, "student_steps": 3000}


_DEMO_SIZES = {"load_size": 143, "crop_size": 128, "ngf": 32, "ndf": 32, "student_steps": 1000}


_DEMO_STEPS = 1500


_STATISTICS_SHARE = 0.5


# Half-life of the average, as a share of the steps: short enough to forget what came before the
# statistics were fixed.
_AVERAGED_SHARE = 0.2


_SAMPLE_ROWS = 6


_SCORED = 8


def train(options: Pix2PixOptions, given: frozenset[str] = frozenset()) -> int | None:
    """One run, start to end: see teacher_run.train."""
    return teacher_run.train(PIX2PIX, options, given)


def with_sizes(options: Pix2PixOptions) -> Pix2PixOptions:
    """Fills in sizes, networks and what follows from them.

    Raises:
        UserError: sizes that do not go together.
    """
    defaults = _SIZES if options.input or options.pairs else _DEMO_SIZES
    options = dataclasses.replace(
        options, **{k: v for k, v in defaults.items() if getattr(options, k) is None}
    )
    crop = options.crop_size
    generator = options.generator or unet_for(crop)
    if generator is None:
        raise UserError(
            f"--crop-size {crop}: a U-Net takes multiples of 64; choose one, or --generator resnet9"
        )
    multiple = 2 ** UNET_DEPTHS.get(generator, 2)
    if crop % multiple or crop > options.load_size:
        raise UserError(
            f"--crop-size {crop} must be a multiple of {multiple} for {generator} and at most --load-size {options.load_size}"
        )
    upsampling = options.upsampling or ("transposed" if generator in UNET_DEPTHS else "resize")
    return dataclasses.replace(options, generator=generator, upsampling=upsampling)


def resolve(options: Pix2PixOptions, data: RunData) -> Pix2PixOptions:
    """Fills in what the number of pairs decides: steps, half-life."""
    demo_steps = None if options.input or options.pairs else _DEMO_STEPS
    length = teacher_run.resolved_length(options, len(data.train_a), demo_steps, _AVERAGED_SHARE)
    return dataclasses.replace(options, **length)


def make_optimizer(options: Pix2PixOptions, schedule) -> keras.optimizers.Optimizer:
    """Adam; the weight decay is apart from the gradients (Loshchilov and Hutter 2019, algorithm 2),
    on kernels alone.
    """
    adam = keras.optimizers.Adam(
        schedule, options.beta1, options.beta2, weight_decay=options.weight_decay or None
    )
    adam.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return adam


def later_step(gan, options: Pix2PixOptions):
    """With batch normalisation, the later steps train on the moving statistics as they stand, as
    inference does.

    At a batch of 1 the innermost levels normalise by a handful of pixels of one picture; the moving
    statistics say little of these, and a generator that never trained on them can come out in wrong
    colours altogether.
    """
    if options.norm != "batch" or options.generator not in UNET_DEPTHS:
        return None
    return round(_STATISTICS_SHARE * options.steps), functools.partial(
        gan.train_step, statistics=False
    )


def make_batches(options: Pix2PixOptions, data: RunData, **share):
    return batches(
        [(data.train_a, data.train_b)],
        options.crop_size,
        options.batch_size,
        flip=options.flip,
        seed=options.seed,
        **share,
    )


def sample_pictures(gan, data: RunData, options: Pix2PixOptions) -> np.ndarray:
    """Validation pictures: input | output of the averaged generator | target."""
    chosen = (
        np.linspace(0, len(data.val_a) - 1, min(_SAMPLE_ROWS, len(data.val_a))).round().astype(int)
    )
    inputs, targets = (
        np.stack([centre_square(cache.image(i), options.crop_size) for i in chosen])
        for cache in (data.val_a, data.val_b)
    )
    with gan.average.applied():
        outputs = np.concatenate(
            [gan.generator(to_float(image[None]), training=False) for image in inputs]
        )
    return labelled_grid({"input": inputs, "output": to_uint8(outputs), "target": targets})


def validation_score(gan, data: RunData, options: Pix2PixOptions) -> float:
    """Mean SSIM of the averaged generator's outputs to a few true targets."""
    found = []
    with gan.average.applied():
        for i in range(min(_SCORED, len(data.val_a))):
            real_a, real_b = (
                centre_square(cache.image(i), options.crop_size)
                for cache in (data.val_a, data.val_b)
            )
            found.append(
                ssim(to_uint8(gan.generator(to_float(real_a[None]), training=False))[0], real_b)
            )
    return float(np.mean(found))


PIX2PIX = teacher_run.Kind(
    model="pix2pix",
    title="Pix2Pix",
    check=with_sizes,
    load=load_paired,
    resolve=resolve,
    optimizer=make_optimizer,
    batches=make_batches,
    sample=sample_pictures,
    score=validation_score,
    directions=lambda options: ("ab",),
    later=later_step,
    log_every=1,
)
