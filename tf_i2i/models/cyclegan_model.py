"""CycleGAN: unpaired image-to-image translation (Zhu et al. 2017)."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.image_pool import ImagePool
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import apply_scaled_gradients, scale_loss


@keras.saving.register_keras_serializable(package="tf_i2i")
class CycleGAN(keras.Model):
    """Two generators (ab: A to B, ba: B to A) and two discriminators, trained together.

    Args:
        generator_ab, generator_ba, discriminator_a, discriminator_b: the networks.
        crop_size: side of the training crops in pixels.
        lambda_cycle: weight of both cycle losses (paper: 10).
        lambda_identity: weight of both identity losses, as a share of lambda_cycle (paper: 0.5).
        lambda_colour: weight of coarse chroma consistency in both directions; 0 turns it off.
        gan_loss: "lsgan", "vanilla" or "hinge".
        pool_size: images that each discriminator's history holds.
        ema_half_life: of the generators' averaged weights, in steps.
        seed: of the pools' coins.

    `train_step((real_a, real_b))` takes float32 [-1, 1] [N, crop_size, crop_size, 3] twice, the
    local share of the batch when run by a tf.distribute strategy, and returns the named losses
    (means over the local share). With a face loss it takes (real_a, real_b, boxes_a, boxes_b), the
    faces' places: see tf_i2i.pretrained.guidance_losses.

    guidance: a tf_i2i.pretrained.guidance_losses.Guidance whose losses the generators pay as well, or None; may be
    set at any time before the first step.
    """

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        *,
        crop_size: int,
        lambda_cycle: float = 10.0,
        lambda_identity: float = 0.5,
        lambda_colour: float = 30.0,
        gan_loss: str = "lsgan",
        pool_size: int = 50,
        ema_half_life: float = 300.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self.crop_size, self.seed = crop_size, seed
        self.lambda_cycle, self.lambda_identity, self.lambda_colour = (
            lambda_cycle,
            lambda_identity,
            lambda_colour,
        )
        self.gan_loss, self.pool_size, self.ema_half_life = gan_loss, pool_size, ema_half_life
        self.guidance = None
        image = (crop_size, crop_size, 3)
        for network in (generator_ab, generator_ba, discriminator_a, discriminator_b):
            if not network.built:
                network(tf.zeros((1, *image)), training=False)
        self.pool_a = ImagePool(pool_size, image, name="pool_a")
        self.pool_b = ImagePool(pool_size, image, name="pool_b")
        self.average_ab = MovingAverage(generator_ab, ema_half_life, name="average_ab")
        self.average_ba = MovingAverage(generator_ba, ema_half_life, name="average_ba")
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        """One optimizer for both generators, one for both discriminators."""
        super().compile(**kwargs)
        self.generator_optimizer, self.discriminator_optimizer = (
            generator_optimizer,
            discriminator_optimizer,
        )
        generator_optimizer.build(self.generator_variables)
        discriminator_optimizer.build(self.discriminator_variables)

    @property
    def generator_variables(self):
        return self.generator_ab.trainable_variables + self.generator_ba.trainable_variables

    @property
    def discriminator_variables(self):
        return self.discriminator_a.trainable_variables + self.discriminator_b.trainable_variables

    def call(self, inputs, training=False):
        """Translates A to B."""
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
            scaled = scale_loss(self.generator_optimizer, losses.share_of_global_mean(total))
        gradients = tape.gradient(scaled, self.generator_variables)

        seed = tf.cast(tf.stack([self.step, 2 * self.seed]), tf.int32)
        pooled_a = self.pool_a.swap(fake_a, seed)
        pooled_b = self.pool_b.swap(fake_b, seed + tf.constant([0, 1 << 20]))

        with tf.GradientTape() as tape:
            discriminator_losses = {
                "D_A": self._discriminator_loss(self.discriminator_a, real_a, pooled_a),
                "D_B": self._discriminator_loss(self.discriminator_b, real_b, pooled_b),
            }
            total_d = tf.add_n(list(discriminator_losses.values()))
            scaled = scale_loss(self.discriminator_optimizer, losses.share_of_global_mean(total_d))
        discriminator_gradients = tape.gradient(scaled, self.discriminator_variables)

        apply_scaled_gradients(self.generator_optimizer, gradients, self.generator_variables)
        apply_scaled_gradients(
            self.discriminator_optimizer, discriminator_gradients, self.discriminator_variables
        )
        self.average_ab.update()
        self.average_ba.update()
        self.step.assign_add(1)
        return {**generator_losses, **discriminator_losses, "G": total}

    def _generator_losses(self, real_a, real_b):
        """Losses as they are weighted in the sum (equation 3 of the paper, and section 5.2 for the
        identity).
        """
        count = real_a.shape[0]
        # Translation and identity in one batch: instance normalisation keeps images apart, and the
        # kernels run fuller.
        if self.lambda_identity > 0:
            fake_b, same_b = _split(
                self.generator_ab(tf.concat([real_a, real_b], 0), training=True), count
            )
            fake_a, same_a = _split(
                self.generator_ba(tf.concat([real_b, real_a], 0), training=True), count
            )
        else:
            fake_b = self.generator_ab(real_a, training=True)
            fake_a = self.generator_ba(real_b, training=True)
        rec_a = self.generator_ba(fake_b, training=True)
        rec_b = self.generator_ab(fake_a, training=True)

        named = {
            "G_A": losses.generator_adversarial(
                self.discriminator_b(fake_b, training=True), self.gan_loss
            ),
            "G_B": losses.generator_adversarial(
                self.discriminator_a(fake_a, training=True), self.gan_loss
            ),
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

    def _discriminator_loss(self, discriminator, real, fake):
        scores = discriminator(tf.concat([real, tf.stop_gradient(fake)], 0), training=True)
        return losses.discriminator_adversarial(*_split(scores, real.shape[0]), self.gan_loss)


def _split(batch, count: int):
    return batch[:count], batch[count:]
