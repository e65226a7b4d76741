"""Pix2Pix: paired image-to-image translation (Isola et al. 2017)."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import apply_scaled_gradients, scale_loss
from tf_i2i.models.unet_generator import UNetGenerator


@keras.saving.register_keras_serializable(package="tf_i2i")
class Pix2Pix(keras.Model):
    """A generator and a discriminator that judges its output together with the input.

    Args:
        generator: 3 channels to 3; a UNetGenerator gets seeds for its dropout, the paper's only
            noise.
        discriminator: takes a pair, 6 channels: input and output one after the other.
        crop_size: side of the training crops in pixels.
        lambda_l1: weight of the distance to the true target (paper: 100).
        gan_loss: "vanilla" (the paper's), "lsgan" or "hinge".
        ema_half_life: of the generator's averaged weights, in steps.
        seed: of the dropout.

    `train_step((real_a, real_b))` takes float32 [-1, 1] [N, crop_size, crop_size, 3] twice, inputs
    and their true targets (the local share of the batch when run by a tf.distribute strategy), and
    returns the losses G_GAN, G_L1 and D as they are weighted, and D_real and D_fake: the mean
    probability of being real that the discriminator gives to either.
    """

    def __init__(
        self,
        generator,
        discriminator,
        *,
        crop_size: int,
        lambda_l1: float = 100.0,
        gan_loss: str = "vanilla",
        ema_half_life: float = 300.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.crop_size, self.lambda_l1, self.gan_loss = crop_size, lambda_l1, gan_loss
        self.ema_half_life, self.seed = ema_half_life, seed
        for network, channels in ((generator, 3), (discriminator, 6)):
            if not network.built:
                network(tf.zeros((1, crop_size, crop_size, channels)), training=False)
        self.average = MovingAverage(generator, ema_half_life, statistics=True)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer, self.discriminator_optimizer = (
            generator_optimizer,
            discriminator_optimizer,
        )
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def train_step(self, data, update_bn: bool = True):
        real_a, real_b = data
        with tf.GradientTape() as tape:
            fake_b = self._translated(real_a, update_bn)
            generator_losses = {
                "G_GAN": losses.generator_adversarial(self._scores(real_a, fake_b), self.gan_loss),
                "G_L1": self.lambda_l1 * losses.l1(fake_b, real_b),
            }
            total = tf.add_n(list(generator_losses.values()))
            scaled = scale_loss(self.generator_optimizer, losses.share_of_global_mean(total))
        gradients = tape.gradient(scaled, self.generator.trainable_variables)

        with tf.GradientTape() as tape:
            real_scores, fake_scores = self._scores_of_both(
                real_a, real_b, tf.stop_gradient(fake_b)
            )
            loss_d = losses.discriminator_adversarial(real_scores, fake_scores, self.gan_loss)
            scaled = scale_loss(self.discriminator_optimizer, losses.share_of_global_mean(loss_d))
        discriminator_gradients = tape.gradient(scaled, self.discriminator.trainable_variables)

        apply_scaled_gradients(
            self.generator_optimizer, gradients, self.generator.trainable_variables
        )
        apply_scaled_gradients(
            self.discriminator_optimizer,
            discriminator_gradients,
            self.discriminator.trainable_variables,
        )
        self.average.update()
        self.step.assign_add(1)
        return {
            **generator_losses,
            "D": loss_d,
            "D_real": losses.probability_of_real(real_scores, self.gan_loss),
            "D_fake": losses.probability_of_real(fake_scores, self.gan_loss),
        }

    def _translated(self, real_a, statistics: bool):
        if not isinstance(self.generator, UNetGenerator):
            return self.generator(real_a, training=True)
        # A level adds its number to the second half, so the run's seed keeps clear of it.
        seed = tf.stack([tf.cast(self.step, tf.int32), tf.constant(64 * self.seed, tf.int32)])
        return self.generator(real_a, training=True, seed=seed, statistics=statistics)

    def _scores(self, real_a, b):
        return self.discriminator(tf.concat([real_a, b], -1), training=True)

    def _scores_of_both(self, real_a, real_b, fake_b):
        """Scores of the true and of the generated pairs, in one batch: each picture is normalised
        by itself.
        """
        pairs = tf.concat([tf.concat([real_a, real_b], -1), tf.concat([real_a, fake_b], -1)], 0)
        return tf.split(self.discriminator(pairs, training=True), 2)
