"""One-sided style training: the phone network itself, from photos and paintings that are not pairs."""

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import minimize, scale_loss
from tf_i2i.models.projected_discriminator import augment, draw_augmentation, replica_share

# Standard deviation, for pictures in [-1, 1]: 3 levels of 255.
_NOISE = 3 / 127.5
# Pixels, a multiple of the student's stride.
_MARGIN = 8
# Pixels that a photo is moved by at most, share of its side that it is scaled by, and pixels at its
# edges that are out of view then, in crops of less than 48 a quarter.
_SHIFT, _ZOOM, _EDGE = 4.0, 0.03, 12


class OneSided(keras.Model):
    """One generator and a discriminator in a pretrained feature space, without a way back: what keeps
    the photo's content is the distance of its deep features (as the contrast of patches does in Park
    et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation").

    Args:
        student: the generator that is exported.
        discriminator: a ProjectedDiscriminator.
        lambda_content: weight of the distance of photo and output in the two coarser feature maps.
        lambda_structure: weight of the difference of local structure, whatever its contrast.
        lambda_colour: weight of coarse chroma consistency.
        lambda_luminance: weight of coarse luminance consistency.
        lambda_stability: weight of the change of the output by noise as of a camera's sensor and by
            motion, less the motion, as a share of the noise. What hangs on single pixels, or on where
            the network's grid lies, is grit on stills and flicker in videos; and in flat areas, where
            there is nothing else to paint by, a mesh.
        lambda_face_tone: weight of the consistency of faces' luminance and chroma: light and dark
            of a face are content, not style.
        ema_half_life: of the student's averaged weights, in steps.
        seed: of the augmentation.

    Attributes:
        guidance: a tf_i2i.pretrained.guidance_losses.Guidance whose losses are added, or None. May
            be set at any time before the first step.

    `train_step((photo, style))` takes float32 [-1, 1] [N, S, S, 3] twice (and the places of the
    photos' faces, float32 [N, 4], where they have any), the local share of the
    batch when run by a tf.distribute strategy, and returns the named losses (means over the local
    share). With `update_bn` false the student uses its moving statistics, as it will on the device.
    """

    def __init__(
        self,
        student,
        discriminator,
        *,
        crop_size: int,
        lambda_content: float,
        lambda_structure: float,
        lambda_colour: float,
        lambda_luminance: float,
        lambda_stability: float,
        lambda_face_tone: float,
        ema_half_life: float,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.student, self.discriminator = student, discriminator
        self.lambda_content, self.lambda_colour = lambda_content, lambda_colour
        self.lambda_structure, self.lambda_luminance = lambda_structure, lambda_luminance
        self.lambda_stability, self.seed = lambda_stability, seed
        self.lambda_face_tone, self.guidance = lambda_face_tone, None
        image = tf.zeros((1, crop_size, crop_size, 3))
        student(image, training=False)
        discriminator(discriminator.see(image), training=False)
        self.average = MovingAverage(student, ema_half_life, statistics=True)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_optimizer.build(self.student.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        """As at inference, where photos are mirrored without end at their edges: no output that
        counts is near the zeros around the student's input.
        """
        sides = [_MARGIN, _MARGIN]
        padded = tf.pad(inputs, [[0, 0], sides, sides, [0, 0]], "REFLECT")
        return self.student(padded, training=training)[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    def train_step(self, data, update_bn: bool = True):
        photo, style, *boxes = data
        return self._step(photo, photo, style, boxes, update_bn)

    def _step(self, photo, content, style, boxes, update_bn: bool):
        """content: the picture that the output keeps to."""
        count, seed = photo.shape[0], tf.cast(tf.stack([self.step, 3 * self.seed]), tf.int32)
        # Content and output are augmented alike, so that their features can be compared.
        discriminator = self.discriminator
        own = draw_augmentation(count, discriminator.probability, seed)
        other = draw_augmentation(count, discriminator.probability, seed + tf.constant([0, 1]))
        pictures, parameters = tf.concat([content, style], 0), tf.concat([own, other], 0)
        known = discriminator.see(augment(pictures, parameters))
        with tf.GradientTape() as tape:
            output, instability = self._output_and_instability(photo, update_bn, seed)
            seen = discriminator.see(augment(output, own))
            luminance, chroma = losses.coarse_colour(content, output)
            structure = losses.structure_difference(content, output)
            named = {
                "style": discriminator.generator_loss(seen),
                "content": self.lambda_content * self._content(known[0], seen[0]),
                "structure": self.lambda_structure * structure,
                "colour": self.lambda_colour * chroma,
                "luminance": self.lambda_luminance * luminance,
            }
            if self.lambda_stability:
                named["stability"] = self.lambda_stability * instability
            if boxes and self.lambda_face_tone:
                face = losses.face_tone(photo, output, *boxes)
                named["face_tone"] = self.lambda_face_tone * face
            if self.guidance is not None:
                jitter = tf.stack([tf.cast(self.step, tf.int32), 0])
                for name, loss in self.guidance.parts.items():
                    named[name] = loss(photo, output, boxes[0] if boxes else None, jitter)
            total = tf.add_n(list(named.values()))
            scaled = scale_loss(self.generator_optimizer, total)
        minimize(self.generator_optimizer, tape, scaled, self.student.trainable_variables)

        both = tf.nest.map_structure(
            lambda real, fake: tf.concat([real[count:], fake], 0), known, seen
        )
        with tf.GradientTape() as tape:
            minimised, whole = discriminator.discriminator_loss(both)
            scaled = scale_loss(self.discriminator_optimizer, minimised)
        minimize(self.discriminator_optimizer, tape, scaled, discriminator.trainable_variables)

        self.average.update()
        self.step.assign_add(1)
        return {
            **named,
            "D": whole,
            "D_lead": tf.reduce_mean(discriminator.lead),
            "augmentation": tf.identity(discriminator.probability),
            "G": total,
        }

    def _output_and_instability(self, photo, update_bn: bool, seed):
        if not self.lambda_stability:
            return self(photo, training=update_bn), None
        # Of every second picture: enough to learn from, and a quarter of the generator's time saved.
        count = photo.shape[0]
        noise = _NOISE * replica_share(photo.shape, tf.random.stateless_normal, seed)[::2]
        motion = tf.random.stateless_uniform([3], seed + tf.constant([0, 2]), -1.0, 1.0)
        # Mirrored at the edges of the view, as photos are at theirs: what is beyond changes as well.
        edge = min(_EDGE, photo.shape[1] // 4)
        view, sides = slice(edge, -edge), [edge, edge]
        seen = (moved(photo[::2], motion) + noise)[:, view, view]
        disturbed = tf.pad(seen, [[0, 0], sides, sides, [0, 0]], "REFLECT")
        outputs = self(tf.concat([photo, disturbed], 0), training=update_bn)
        output, disturbed = outputs[:count], outputs[count:]
        change = (moved(output[::2], motion) - disturbed)[:, view, view]
        # Root mean squares, as few pixels that change much are what flickers; of each picture, and
        # over the deviation of the noise, not of what was drawn of it, so that replicas agree with
        # one device.
        square = tf.reduce_mean(tf.square(change), [1, 2, 3])
        return output, tf.reduce_mean(tf.sqrt(square + 1e-6)) / _NOISE

    def _content(self, known, seen):
        """Of strides 16 and 8: what is where; finer maps would hold the brushwork back."""
        count = seen[0].shape[0]
        distances = [losses.feature_distance(known[i][:count], seen[i]) for i in (2, 1)]
        return distances[0] + 0.5 * distances[1]


def moved(pictures, motion):
    """Shifted and scaled, as the next frame of a video is: float32 [N, S, S, C].

    motion: float32 [3] in [-1, 1]: shares of 4 pixels, down and right, and of a factor of 1.03.
    """
    side = pictures.shape[1]
    rows, columns = (_resampling(side, _SHIFT * motion[i], 1.0 + _ZOOM * motion[2]) for i in (0, 1))
    return tf.einsum("ai,nijc,bj->nabc", rows, pictures, columns)


def _resampling(side: int, shift, scale):
    """The matrix, float32 [side, side], of cubic convolution along one axis (Keys 1981, "Cubic
    Convolution Interpolation for Digital Image Processing", equation 15).
    """
    pixels = tf.range(side, dtype=tf.float32)
    places = scale * (pixels - 0.5 * (side - 1)) + 0.5 * (side - 1) + shift
    places = tf.clip_by_value(places, 0.0, side - 1.0)
    d = tf.abs(places[:, None] - pixels)
    near, far = (1.5 * d - 2.5) * d * d + 1.0, ((2.5 - 0.5 * d) * d - 4.0) * d + 2.0
    return tf.where(d < 1.0, near, tf.where(d < 2.0, far, 0.0))


class TaughtOneSided(OneSided):
    """Keeps to a teacher's translations of the photos instead of the photos themselves: their content,
    structure and colours are the teacher's, their brushwork is what the discriminator asks for. A mean
    or median of a teacher's translations, which the distance of pixels leads to, has none.

    `train_step((photo, teacher_output, style))`: float32 [-1, 1] [N, S, S, 3] each.
    """

    def train_step(self, data, update_bn: bool = True):
        photo, teacher_output, style = data
        return self._step(photo, teacher_output, style, [], update_bn)
