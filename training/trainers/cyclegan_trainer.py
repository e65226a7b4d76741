"""CycleGAN's trainer."""

import keras
import numpy as np

from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import ssim
from training.options.trainer_options import CycleGANOptions
from training.reporting.image_grid import labelled_grid
from training.trainers.guidance_builder import guide, require_guidance
from training.trainers.teacher_trainer import TeacherTrainer, require_patches
from training.trainers.trainer import worker_share

_SAMPLE_ROWS = 4
_SCORED = 8


class CycleGANTrainer(TeacherTrainer):
    options: CycleGANOptions
    title = "CycleGAN"
    demo_steps = 1200

    @property
    def averaged_share(self) -> float:
        return 0.1 if self.has_features else 0.3

    def check(self) -> None:
        crop, load = self.options.crop_size, self.options.load_size
        if crop % 4 or crop > load:
            raise UserError(
                f"--crop-size {crop} must be a multiple of 4 and at most --load-size {load}"
            )
        if self.has_features and crop % 32:
            raise UserError(f"--crop-size {crop}: with --discriminator projected a multiple of 32")
        if not self.has_features:
            require_patches(crop, self.options.discriminator_layers)
        require_guidance(self.options)
        self.options = self.options.resolved()

    @property
    def is_demo(self) -> bool:
        return self.options.domain_a is None

    @property
    def has_features(self) -> bool:
        return self.options.discriminator == "projected"

    def build(self) -> keras.Model:
        model = super().build()
        self.data, self.guidance_s = guide(model, self.options, self.data)
        return model

    def batches(self, first_step, context):
        return augmented_batches(
            [(self.data.train_a,), (self.data.train_b,)],
            self.options.crop_size,
            self.options.batch_size,
            flip=self.options.flip,
            seed=self.options.seed,
            boxes=self.data.face_boxes,
            **worker_share(first_step, context),
        )

    @property
    def directions(self) -> tuple[str, ...]:
        direction = self.options.student_direction
        return ("ab", "ba") if direction == "both" else (direction,)

    def sample(self) -> np.ndarray:
        """Both directions by the averaged generators: input | translated | reconstructed."""
        ab, ba = self.model.generator_ab, self.model.generator_ba
        rows = min(_SAMPLE_ROWS, len(self.data.val_a), len(self.data.val_b))
        columns: dict[str, np.ndarray] = {}
        with self.model.average_ab.applied(), self.model.average_ba.applied():
            for domain, forth, back in (("A", ab, ba), ("B", ba, ab)):
                real = np.stack(self._crops(domain, rows))
                fake = np.concatenate(
                    [forth(to_float(crop[None]), training=False) for crop in real]
                )
                again = np.concatenate([back(image[None], training=False) for image in fake])
                padding = " " * len(columns)  # labels are keys
                columns[f"{domain}: input"] = real
                columns["translated" + padding] = to_uint8(fake)
                columns["reconstructed" + padding] = to_uint8(again)
        return labelled_grid(columns)

    def validation_score(self) -> float:
        """With true translations: mean SSIM to them. Without: minus the mean absolute error of the
        reconstructions, which says little of the style but tells a run that fell apart.
        """
        count = min(_SCORED, len(self.data.val_a), len(self.data.val_b))
        reals_a, reals_b = self._crops("A", count), self._crops("B", count)
        model = self.model
        with model.average_ab.applied(), model.average_ba.applied():
            fakes = [model.generator_ab(to_float(real[None]), training=False) for real in reals_a]
            if self.data.paired:
                pairs = zip(reals_b, fakes, strict=True)
                return float(np.mean([ssim(real, to_uint8(fake)[0]) for real, fake in pairs]))
            back_a = [model.generator_ba(fake, training=False) for fake in fakes]
            fakes = [model.generator_ba(to_float(real[None]), training=False) for real in reals_b]
            back_b = [model.generator_ab(fake, training=False) for fake in fakes]
        pairs = zip(reals_a + reals_b, back_a + back_b, strict=True)
        return -float(np.mean([np.mean(np.abs(to_float(real) - back)) for real, back in pairs]))

    def _crops(self, domain: str, count: int) -> list[np.ndarray]:
        cache = self.data.val_a if domain == "A" else self.data.val_b
        return [centre_square(cache.image(i), self.options.crop_size) for i in range(count)]
