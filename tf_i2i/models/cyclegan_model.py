"""CycleGAN: unpaired image-to-image translation (Zhu et al. 2017)."""

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.image_pool import ImagePool
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import minimize, scale_loss
from tf_i2i.models.projected_discriminator import ProjectedDiscriminator


class CycleGAN(keras.Model):
    """Two generators (ab: A to B, ba: B to A) and two discriminators, trained together.

    Args:
        generator_ab, generator_ba, discriminator_a, discriminator_b: the networks; discriminators
            judge patches of the pictures, or are ProjectedDiscriminators both.
        crop_size: side of the training crops in pixels.
        lambda_cycle: weight of both cycle losses (paper: 10).
        lambda_identity: weight of both identity losses, as a share of lambda_cycle (paper: 0.5).
        lambda_colour: weight of coarse chroma consistency in both directions; 0 turns it off.
        gan_loss: of patch discriminators (projected ones have their own): "lsgan", "vanilla" or "hinge".
        pool_size: images in each discriminator's history.
        ema_half_life: of the generators' averaged weights, in steps.
        seed: of the pools' random choices, and of the augmentation.

    Attributes:
        guidance: a tf_i2i.pretrained.guidance_losses.Guidance whose losses are added to the
            generators', or None. May be set at any time before the first step.

    `train_step((real_a, real_b))` takes float32 [-1, 1] [N, crop_size, crop_size, 3] twice, the
    local share of the batch when run by a tf.distribute strategy, and returns the named losses
    (means over the local share). With a face loss it takes (real_a, real_b, boxes_a, boxes_b), the
    boxes of the faces.
    """

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        *,
        crop_size: int,
        lambda_cycle: float,
        lambda_identity: float,
        lambda_colour: float,
        gan_loss: str = "lsgan",
        pool_size: int = 50,
        ema_half_life: float = 300.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.lambda_cycle, self.lambda_identity = lambda_cycle, lambda_identity
        self.lambda_colour, self.gan_loss, self.seed = lambda_colour, gan_loss, seed
        self.guidance = None
        image = (crop_size, crop_size, 3)
        for network in (generator_ab, generator_ba):
            if not network.built:
                network(tf.zeros((1, *image)), training=False)
        self.projected = isinstance(discriminator_b, ProjectedDiscriminator)
        for network in (discriminator_a, discriminator_b):
            if not network.built:
                picture = tf.zeros((1, *image))
                network(network.see(picture) if self.projected else picture, training=False)
        self.pool_a = ImagePool(pool_size, image, name="pool_a")
        self.pool_b = ImagePool(pool_size, image, name="pool_b")
        self.average_ab = MovingAverage(generator_ab, ema_half_life, name="average_ab")
        self.average_ba = MovingAverage(generator_ba, ema_half_life, name="average_ba")
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        """Set one optimizer for both generators and one for both discriminators."""
        super().compile(**kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_optimizer.build(self.generator_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    @property
    def generator_variables(self):
        return self.generator_ab.trainable_variables + self.generator_ba.trainable_variables

    @property
    def discriminator_variables(self):
        return self.discriminator_a.trainable_variables + self.discriminator_b.trainable_variables

    def call(self, inputs, training=False):
        """Translate A to B."""
        return self.generator_ab(inputs, training=training)

    def train_step(self, data):
        real_a, real_b, *boxes = data
        with tf.GradientTape() as tape:
            fake_a, fake_b, generator_losses = self._generator_losses(real_a, real_b)
            if self.guidance is not None:
                generator_losses |= self.guidance.losses(
                    real_a, fake_b, real_b, fake_a, *boxes, step=self.generator_optimizer.iterations
                )
            total = tf.add_n(list(generator_losses.values()))
            scaled = scale_loss(self.generator_optimizer, total)
        minimize(self.generator_optimizer, tape, scaled, self.generator_variables)

        seed = tf.cast(tf.stack([self.step, 2 * self.seed]), tf.int32)
        pooled_a = self.pool_a.swap(fake_a, seed)
        pooled_b = self.pool_b.swap(fake_b, seed + tf.constant([0, 1 << 20]))
        with tf.GradientTape() as tape:
            loss_a = self._discriminator_loss(self.discriminator_a, real_a, pooled_a)
            loss_b = self._discriminator_loss(self.discriminator_b, real_b, pooled_b)
            scaled = scale_loss(self.discriminator_optimizer, loss_a + loss_b)
        minimize(self.discriminator_optimizer, tape, scaled, self.discriminator_variables)

        self.average_ab.update()
        self.average_ba.update()
        self.step.assign_add(1)
        return {**generator_losses, "D_A": loss_a, "D_B": loss_b, "G": total}

    def _generator_losses(self, real_a, real_b):
        """(fake_a, fake_b, the weighted losses of equation 3 of the paper and of section 5.2)."""
        ab, ba = self.generator_ab, self.generator_ba
        if self.lambda_identity > 0:
            # Translation and identity share a batch: instance normalization keeps the images apart,
            # and larger batches use the kernels better.
            fake_b, same_b = tf.split(ab(tf.concat([real_a, real_b], 0), training=True), 2)
            fake_a, same_a = tf.split(ba(tf.concat([real_b, real_a], 0), training=True), 2)
        else:
            fake_b, fake_a = ab(real_a, training=True), ba(real_b, training=True)
        rec_a, rec_b = ba(fake_b, training=True), ab(fake_a, training=True)
        named = {
            "G_A": self._style_loss(self.discriminator_b, fake_b),
            "G_B": self._style_loss(self.discriminator_a, fake_a),
            "cycle_A": self.lambda_cycle * losses.l1(real_a, rec_a),
            "cycle_B": self.lambda_cycle * losses.l1(real_b, rec_b),
        }
        if self.lambda_identity > 0:
            weight = self.lambda_cycle * self.lambda_identity
            named["idt_A"] = weight * losses.l1(real_b, same_b)
            named["idt_B"] = weight * losses.l1(real_a, same_a)
        if self.lambda_colour > 0:
            named["colour_A"] = self.lambda_colour * losses.coarse_chroma(real_a, fake_b)
            named["colour_B"] = self.lambda_colour * losses.coarse_chroma(real_b, fake_a)
        return fake_a, fake_b, named

    def _style_loss(self, discriminator, fake):
        if self.projected:
            return discriminator.generator_loss(discriminator.see_augmented(fake, self._seed(1)))
        return losses.generator_adversarial(discriminator(fake, training=True), self.gan_loss)

    def _discriminator_loss(self, discriminator, real, fake):
        both = tf.concat([real, tf.stop_gradient(fake)], 0)
        if self.projected:
            return discriminator.discriminator_loss(
                discriminator.see_augmented(both, self._seed(2))
            )[0]
        scores = tf.split(discriminator(both, training=True), 2)
        return losses.discriminator_adversarial(*scores, self.gan_loss)

    def _seed(self, number: int):
        """int32 [2], of this step's augmentation."""
        return tf.cast(tf.stack([self.step, 2 * self.seed + (number << 21)]), tf.int32)
