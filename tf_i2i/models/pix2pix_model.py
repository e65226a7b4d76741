"""Pix2Pix: paired image-to-image translation (Isola et al. 2017)."""

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import minimize, scale_loss
from tf_i2i.models.unet_generator import UNetGenerator


class Pix2Pix(keras.Model):
    """A generator, and a discriminator that scores its output together with the input.

    Args:
        generator: 3 channels to 3; a UNetGenerator gets seeds for its dropout, the paper's only
            noise.
        discriminator: takes 6 channels, input and output concatenated.
        crop_size: side of the training crops in pixels.
        lambda_l1: weight of the L1 distance to the target (paper: 100).
        gan_loss: "vanilla" (the paper's), "lsgan" or "hinge".
        ema_half_life: of the generator's averaged weights, in steps.
        seed: of the dropout.

    `train_step((real_a, real_b))` takes float32 [-1, 1] [N, crop_size, crop_size, 3] twice, inputs
    and their targets (the local share of the batch when run by a tf.distribute strategy), and
    returns the weighted losses G_GAN, G_L1 and D, and D_real and D_fake: the mean probability of
    being real that the discriminator assigns to each. With `update_bn` false the generator trains
    on batch normalization's moving statistics as they are.
    """

    def __init__(
        self,
        generator,
        discriminator,
        *,
        crop_size: int,
        lambda_l1: float,
        gan_loss: str = "vanilla",
        ema_half_life: float = 300.0,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.lambda_l1, self.gan_loss, self.seed = lambda_l1, gan_loss, seed
        for network, channels in ((generator, 3), (discriminator, 6)):
            if not network.built:
                network(tf.zeros((1, crop_size, crop_size, channels)), training=False)
        self.average = MovingAverage(generator, ema_half_life, statistics=True)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, generator_optimizer, discriminator_optimizer, **kwargs):
        super().compile(**kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    def train_step(self, data, update_bn: bool = True):
        real_a, real_b = data
        with tf.GradientTape() as tape:
            fake_b = self._generate(real_a, update_bn)
            generator_losses = {
                "G_GAN": losses.generator_adversarial(self._scores(real_a, fake_b), self.gan_loss),
                "G_L1": self.lambda_l1 * losses.l1(fake_b, real_b),
            }
            total = tf.add_n(list(generator_losses.values()))
            scaled = scale_loss(self.generator_optimizer, total)
        minimize(self.generator_optimizer, tape, scaled, self.generator.trainable_variables)

        with tf.GradientTape() as tape:
            scores = self._real_and_fake_scores(real_a, real_b, tf.stop_gradient(fake_b))
            loss_d = losses.discriminator_adversarial(*scores, self.gan_loss)
            scaled = scale_loss(self.discriminator_optimizer, loss_d)
        minimize(self.discriminator_optimizer, tape, scaled, self.discriminator.trainable_variables)

        self.average.update()
        self.step.assign_add(1)
        real, fake = (losses.probability_of_real(s, self.gan_loss) for s in scores)
        return {**generator_losses, "D": loss_d, "D_real": real, "D_fake": fake}

    def _generate(self, real_a, update_bn: bool):
        if not isinstance(self.generator, UNetGenerator):
            return self.generator(real_a, training=True)
        # Each decoder level adds its number to the second half; 64 keeps the runs' seeds apart.
        seed = tf.stack([tf.cast(self.step, tf.int32), tf.constant(64 * self.seed, tf.int32)])
        return self.generator(real_a, training=True, seed=seed, update_bn=update_bn)

    def _scores(self, real_a, b):
        return self.discriminator(tf.concat([real_a, b], -1), training=True)

    def _real_and_fake_scores(self, real_a, real_b, fake_b):
        """Scores of both kinds of pairs in one batch, in which each picture is normalized alone."""
        pairs = tf.concat([tf.concat([real_a, real_b], -1), tf.concat([real_a, fake_b], -1)], 0)
        return tf.split(self.discriminator(pairs, training=True), 2)
