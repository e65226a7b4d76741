"""The trainer of phone networks without a teacher."""

import dataclasses
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import tensorflow as tf

from tf_i2i.command_line import command
from tf_i2i.console import say
from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.files import replacing
from tf_i2i.metrics.fid_kid import squared_mmd
from training.options.trainer_options import COLOURS, LOOKS, OneSidedOptions
from training.reporting.image_grid import labelled_grid
from training.runs.saved_state import save_weights
from training.trainers.guidance_builder import detected_faces, guide, require_guidance
from training.trainers.run_trainer import RunTrainer
from training.trainers.trainer import worker_share

PART = "student/ab"
_SAMPLE_ROWS, _SCORED, _STYLE_SCORED = 4, 16, 96
_FROZEN_BN_SHARE = 0.8
_MINUTES = 8.0
# Under this share what looks like a face is mostly foliage.
_MIN_FACES = 0.1


class OneSidedTrainer(RunTrainer):
    options: OneSidedOptions
    title = "one-sided"
    demo_steps = 300
    averaged_share = 0.1
    discriminator_rate = 1 / 3
    # While all scores are inside of the hinge the last bias has a gradient of 0, whose rounding errors
    # would otherwise become steps of full size, others on each number of workers.
    discriminator_epsilon = 1e-5
    frozen_bn_share = _FROZEN_BN_SHARE
    has_features = True
    _style: np.ndarray | None = None

    def check(self) -> None:
        options = self.options
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        crop = options.crop_size or (256 if on_gpu else 128)
        if crop % 32 or crop > options.load_size:
            raise UserError(
                f"--crop-size {crop} must be a multiple of 32 and at most --load-size "
                f"{options.load_size}"
            )
        require_guidance(options)
        named = {**LOOKS[options.look], "lambda_colour": COLOURS[options.colours]}
        given = {name: getattr(options, name) for name in named}
        weights = {name: named[name] if v is None else v for name, v in given.items()}
        has_length = options.steps or options.epochs or options.minutes
        minutes = options.minutes if has_length or self.is_demo else _MINUTES
        self.options = dataclasses.replace(options, crop_size=crop, minutes=minutes, **weights)

    @property
    def is_demo(self) -> bool:
        return self.options.domain_a is None

    def load_data(self) -> None:
        super().load_data()
        if self.options.lambda_face_tone and not self.options.lambda_face:  # which finds them too
            boxes = detected_faces(self.data.train_a, "--domain-a")
            if np.mean(boxes[:, 2] > 0) >= _MIN_FACES:
                self.data = dataclasses.replace(self.data, face_boxes=(boxes, None))

    def build(self) -> keras.Model:
        model = super().build()
        self.data, self.guidance_s = guide(model, self.options, self.data, "a")
        return model

    def batches(self, first_step, context):
        options = self.options
        return augmented_batches(
            [(self.data.train_a,), (self.data.train_b,)],
            options.crop_size,
            options.batch_size,
            flip=options.flip,
            seed=options.seed,
            zoom=options.zoom,
            boxes=self.data.face_boxes,
            **worker_share(first_step, context),
        )

    def sample(self) -> np.ndarray:
        photos = self._photos(_SAMPLE_ROWS)
        return labelled_grid({"photo": np.stack(photos), "translated": self._translated(photos)})

    def validation_score(self) -> float:
        """Minus the distance (KID) from translated validation photos to the style's pictures."""
        if self._style is None:
            self._style = self._statistics(self._style_crops())
        return -squared_mmd(self._statistics(self._translated(self._photos(_SCORED))), self._style)

    def finish(self) -> None:
        """Writes the averaged network where distilled students are, for all that follow them."""
        student = self.model.student
        self.model.average.copy_to(student)
        with replacing(self.run.path(PART, "student.weights.h5"), suffix=".weights.h5") as partial:
            save_weights(student, partial)
        self.run.write_config("student", self.options, part=PART, network=student.get_config())
        say(f"done; next: {command('export.tflite', run=self.run.root, int8=True)}")

    def _style_crops(self) -> list[np.ndarray]:
        """Squares of all sizes, brought to one: those of a few pictures, or of one, differ too."""
        random, style, crops = np.random.default_rng(0), self.data.train_b, []
        for i in range(_STYLE_SCORED):
            image = style.image(
                i * len(style) // _STYLE_SCORED if len(style) > _STYLE_SCORED else i % len(style)
            )
            shorter = min(image.shape[:2])
            side = int(random.integers(shorter // 2, shorter + 1))
            top, left = (int(random.integers(0, n - side + 1)) for n in image.shape[:2])
            window = image[top : top + side, left : left + side]
            sides = (self.options.crop_size,) * 2
            crops.append(cv2.resize(window, sides, interpolation=cv2.INTER_AREA))
        return crops

    def _photos(self, count: int) -> list[np.ndarray]:
        """Squares of one size."""
        cache, side = self.data.val_a, self.options.load_size // 4 * 4
        return [centre_square(cache.image(i), side) for i in range(min(count, len(cache)))]

    def _translated(self, photos: list[np.ndarray]) -> np.ndarray:
        """As export.stylize does: beyond its edges a photo is mirrored."""
        student = self.model.student
        margin = -(-student.halo // student.stride) * student.stride
        translate = tf.function(lambda image: student(image, training=False))
        sides = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        with self.model.average.applied():
            padded = [np.pad(to_float(photo[None]), sides, mode="reflect") for photo in photos]
            outputs = np.concatenate([translate(photo) for photo in padded])
        return to_uint8(outputs[:, margin:-margin, margin:-margin])

    def _statistics(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Means and deviations of the feature maps, float64 [N, D], each part scaled to length 1."""

        @tf.function(reduce_retracing=True)
        def pooled(batch):
            parts = [
                tf.nn.moments(maps, [1, 2]) for maps in self.model.discriminator.features(batch)
            ]
            vectors = [v for mean, variance in parts for v in (mean, tf.sqrt(variance))]
            return tf.concat([tf.math.l2_normalize(v, -1) for v in vectors], -1)

        return np.concatenate([pooled(to_float(image[None])) for image in images]).astype(
            np.float64
        )
