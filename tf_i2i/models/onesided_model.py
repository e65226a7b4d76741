"""One-sided style training: the phone network itself, from photos and paintings that are not pairs."""

from collections.abc import Callable

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import minimize, scale_loss
from tf_i2i.models.projected_discriminator import augment, draw_augmentation, replica_share

# The lead of the discriminator of a scale is how often the signs of its scores are right, paintings
# and outputs alike: 0 is a guess, 1 never wrong (of the paintings alone, as r_t of Karras et al.
# 2020, section 3.1, it would stay high for good once the discriminator waits). While their mean is
# above the target, more pictures are augmented; above the limit one waits for the generator.
_LEAD_TARGET, _LEAD_LIMIT = 0.55, 0.65
_LEAD_MEMORY, _PROBABILITY_STEP, _MAX_PROBABILITY = 0.98, 0.002, 0.3
# Standard deviation, for pictures in [-1, 1]: 3 levels of 255.
_NOISE = 3 / 127.5
# Pixels, a multiple of the student's stride.
_MARGIN = 8


class OneSided(keras.Model):
    """One generator and a discriminator in a pretrained feature space, without a way back: what keeps
    the photo's content is the distance of its deep features (as the contrast of patches does in Park
    et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation").

    Args:
        student: the generator that is exported.
        discriminator: feature maps to a list of logits, one per scale.
        features: images [-1, 1] to feature maps, finest first; of fixed weights, and not a Keras
            layer: neither trained nor saved.
        lambda_content: weight of the distance of photo and output in the two coarser feature maps.
        lambda_structure: weight of the difference of local structure, whatever its contrast.
        lambda_colour: weight of coarse chroma consistency.
        lambda_luminance: weight of coarse luminance consistency.
        lambda_stability: weight of the change of the output by noise as of a camera's sensor, as a
            share of the noise. What hangs on single pixels is grit on stills and flicker in videos;
            and in flat areas, where there is nothing else to paint by, a mesh.
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
        features: Callable,
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
        self.student, self.discriminator, self.features = student, discriminator, features
        self.lambda_content, self.lambda_colour = lambda_content, lambda_colour
        self.lambda_structure, self.lambda_luminance = lambda_structure, lambda_luminance
        self.lambda_stability, self.seed = lambda_stability, seed
        self.lambda_face_tone, self.guidance = lambda_face_tone, None
        image = tf.zeros((1, crop_size, crop_size, 3))
        student(image, training=False)
        discriminator(features(image), training=False)
        self.average = MovingAverage(student, ema_half_life, statistics=True)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        mean = {"trainable": False, "aggregation": tf.VariableAggregation.MEAN}
        self.lead = tf.Variable(
            tf.zeros([2 * len(discriminator.channels) - 1]), name="lead", **mean
        )
        self.probability = tf.Variable(0.2, name="probability", **mean)
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
        count, seed = photo.shape[0], tf.cast(tf.stack([self.step, 2 * self.seed]), tf.int32)
        # Photo and output are augmented alike, so that their features can be compared.
        own = draw_augmentation(count, self.probability, seed)
        other = draw_augmentation(count, self.probability, seed + tf.constant([0, 1]))
        pictures, parameters = tf.concat([photo, style], 0), tf.concat([own, other], 0)
        known = self._seen(augment(pictures, parameters))
        with tf.GradientTape() as tape:
            output, noise_gain = self._output_and_noise_gain(photo, update_bn, seed)
            seen = self._seen(augment(output, own))
            scores = self._scores(seen, training=False)
            luminance, chroma = losses.coarse_colour(photo, output)
            structure = losses.structure_difference(photo, output)
            named = {
                "style": self._style(scores),
                "content": self.lambda_content * self._content(known[0], seen[0]),
                "structure": self.lambda_structure * structure,
                "colour": self.lambda_colour * chroma,
                "luminance": self.lambda_luminance * luminance,
            }
            if self.lambda_stability:
                named["stability"] = self.lambda_stability * noise_gain
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

        learns = tf.cast(self.lead < _LEAD_LIMIT, tf.float32)
        with tf.GradientTape() as tape:
            both = tf.nest.map_structure(
                lambda real, fake: tf.concat([real[count:], tf.stop_gradient(fake)], 0), known, seen
            )
            scores = [tf.split(s, 2) for s in self._scores(both, training=True)]
            each = tf.stack([losses.discriminator_adversarial(*pair, "hinge") for pair in scores])
            scaled = scale_loss(self.discriminator_optimizer, tf.reduce_sum(learns * each))
        variables = self.discriminator.trainable_variables
        minimize(self.discriminator_optimizer, tape, scaled, variables)

        self._follow(scores)
        self.average.update()
        self.step.assign_add(1)
        return {
            **named,
            "D": tf.reduce_sum(each),
            "D_lead": tf.reduce_mean(self.lead),
            "augmentation": tf.identity(self.probability),
            "G": total,
        }

    def _seen(self, pictures) -> list[list]:
        """Feature maps of the pictures, and of the same at half size: there the fine maps, which know
        textures, see larger strokes. Coarser maps of the whole picture see what it shows instead.
        """
        half = tf.nn.avg_pool2d(pictures, 2, 2, "VALID")
        return [list(self.features(each)) for each in (pictures, half)]

    def _scores(self, seen, training: bool) -> list:
        """Of three scales at full size, and of the two finer ones at half size."""
        whole, half = (self.discriminator(maps, training=training) for maps in seen)
        return [*whole, *half[:-1]]

    def _style(self, scores):
        """A scale counts less the further its discriminator leads: what it asks for is then rather
        what paintings show than how they are painted.
        """
        weights = 1.0 - self.lead
        return tf.add_n(
            [
                w * losses.generator_adversarial(s, "hinge")
                for w, s in zip(tf.unstack(weights), scores, strict=True)
            ]
        )

    def _output_and_noise_gain(self, photo, update_bn: bool, seed):
        if not self.lambda_stability:
            return self(photo, training=update_bn), None
        # Of half the pictures: enough to learn from, and a quarter of the generator's time saved.
        count = photo.shape[0]
        noisy_count = (count + 1) // 2
        noise = _NOISE * replica_share(photo.shape, tf.random.stateless_normal, seed)[:noisy_count]
        outputs = self(tf.concat([photo, photo[:noisy_count] + noise], 0), training=update_bn)
        output, noisy = outputs[:count], outputs[count:]
        return output, losses.l1(output[:noisy_count], noisy) / tf.reduce_mean(tf.abs(noise))

    def _content(self, known, seen):
        """Of strides 16 and 8: what is where; finer maps would hold the brushwork back."""
        count = seen[0].shape[0]
        distances = [losses.feature_distance(known[i][:count], seen[i]) for i in (2, 1)]
        return distances[0] + 0.5 * distances[1]

    def _follow(self, scores) -> None:
        """Adapts the augmentation to the discriminator's lead."""
        signs = [tf.reduce_mean(tf.sign(real) - tf.sign(fake)) / 2.0 for real, fake in scores]
        self.lead.assign(_LEAD_MEMORY * self.lead + (1.0 - _LEAD_MEMORY) * tf.stack(signs))
        change = _PROBABILITY_STEP * tf.sign(tf.reduce_mean(self.lead) - _LEAD_TARGET)
        self.probability.assign(tf.clip_by_value(self.probability + change, 0.0, _MAX_PROBABILITY))
