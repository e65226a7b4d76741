"""Pix2Pix's trainer."""

import dataclasses

import keras
import numpy as np

from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.pixels import centre_square, spread, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import ssim
from tf_i2i.models.model_builder import UNET_DEPTHS, unet_for
from training.options.trainer_options import Pix2PixOptions
from training.reporting.image_grid import labelled_grid
from training.trainers.teacher_trainer import TeacherTrainer, require_patches
from training.trainers.trainer import worker_share

# For your own pictures, and for the demo: what two cores train in minutes.
_SIZES = {"load_size": 286, "crop_size": 256, "ngf": 64, "ndf": 64, "student_steps": 3000}
_DEMO_SIZES = {"load_size": 143, "crop_size": 128, "ngf": 32, "ndf": 32, "student_steps": 1000}
_FROZEN_BN_SHARE = 0.5
_SAMPLE_ROWS = 6
_SCORED = 8


class Pix2PixTrainer(TeacherTrainer):
    options: Pix2PixOptions
    title = "Pix2Pix"
    demo_steps = 1500
    # Short enough to forget what came before the batch statistics were frozen.
    averaged_share = 0.2
    log_every = 1

    def check(self) -> None:
        options = self.options
        defaults = _DEMO_SIZES if self.is_demo else _SIZES
        missing = {name: v for name, v in defaults.items() if getattr(options, name) is None}
        options = dataclasses.replace(options, **missing)
        crop, load = options.crop_size, options.load_size
        generator = options.generator or unet_for(crop)
        if generator is None:
            raise UserError(
                f"--crop-size {crop}: a U-Net takes multiples of 64; choose one, or --generator "
                "resnet9"
            )
        multiple = 2 ** UNET_DEPTHS.get(generator, 2)
        if crop % multiple or crop > load:
            raise UserError(
                f"--crop-size {crop} must be a multiple of {multiple} for {generator} and at most "
                f"--load-size {load}"
            )
        require_patches(crop, options.discriminator_layers)
        upsampling = options.upsampling or ("transposed" if generator in UNET_DEPTHS else "resize")
        self.options = dataclasses.replace(options, generator=generator, upsampling=upsampling)

    @property
    def is_demo(self) -> bool:
        return not (self.options.input or self.options.pairs)

    @property
    def frozen_bn_share(self) -> float | None:
        """At a batch of 1 the innermost levels normalise by a handful of pixels of one picture; the
        moving statistics say little of these, and a generator that never trained on them can come
        out in wrong colours altogether.
        """
        if self.options.norm != "batch" or self.options.generator not in UNET_DEPTHS:
            return None
        return _FROZEN_BN_SHARE

    def optimizer(self, schedule) -> keras.optimizers.Optimizer:
        """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), on kernels
        alone.
        """
        options = self.options
        decay = options.weight_decay or None
        adam = keras.optimizers.Adam(schedule, options.beta1, options.beta2, weight_decay=decay)
        adam.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        return adam

    def batches(self, first_step, context):
        return augmented_batches(
            [(self.data.train_a, self.data.train_b)],
            self.options.crop_size,
            self.options.batch_size,
            flip=self.options.flip,
            seed=self.options.seed,
            **worker_share(first_step, context),
        )

    def sample(self) -> np.ndarray:
        """Input | output of the averaged generator | target."""
        rows = spread(len(self.data.val_a), _SAMPLE_ROWS)
        inputs, outputs, targets = map(np.stack, zip(*self._translated(rows), strict=True))
        return labelled_grid({"input": inputs, "output": outputs, "target": targets})

    def validation_score(self) -> float:
        """Mean SSIM of the averaged generator's outputs to true targets."""
        triples = self._translated(range(min(_SCORED, len(self.data.val_a))))
        return float(np.mean([ssim(output, target) for _, output, target in triples]))

    def _translated(self, indices) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(input, output, target) of validation pairs, uint8 [crop, crop, 3] each."""
        triples, generator = [], self.model.generator
        with self.model.average.applied():
            for i in indices:
                real_a, real_b = (
                    centre_square(cache.image(i), self.options.crop_size)
                    for cache in (self.data.val_a, self.data.val_b)
                )
                output = to_uint8(generator(to_float(real_a[None]), training=False))[0]
                triples.append((real_a, output, real_b))
        return triples
