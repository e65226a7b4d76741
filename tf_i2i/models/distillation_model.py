"""Distillation: a student learns to do in one small, norm-free network what a large teacher does."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import apply_scaled_gradients, scale_loss


@keras.saving.register_keras_serializable(package="tf_i2i")
class Distillation(keras.Model):
    """Regresses a student on the teacher's translations (Hinton et al. 2015 for the idea), with a
    critic's help.

    The loss is L1 plus neighbour differences: a median, not a mean, so that where the teacher
    wavers the student draws a stroke or leaves it, but paints no half of one. Regression alone
    leaves soft edges; a discriminator of small patches, which compares with real pictures of the
    target domain, asks for crisp ones (Isola et al. 2017, section 3.2, for the division of labour:
    L1 for what lies where, the patches for how it looks).

    Args:
        student: a generator; its batch-norm statistics are averaged while `training` and fixed
            afterwards.
        discriminator: a PatchDiscriminator, or None for regression alone.
        lambda_gradient: weight of the neighbour differences.
        lambda_adversarial: weight of the student's lsgan loss.
        lambda_truth: weight of L1 and neighbour differences to `real`, where that is the photo's
            true translation.
        lambda_colour: weight of coarse chroma consistency of photo and output: the teacher's false
            colours, which its instance normalisation brings, shall not be learnt.
        ema_half_life: of the student's averaged weights, in steps.

    `train_step((photo, label, real))` takes float32 [-1, 1] [N, H, W, 3] each: an input, the
    teacher's translation of it, and any picture of the target domain (with lambda_truth: the
    photo's own translation). With `statistics` false the student already runs on its fixed
    statistics, as it will on the device.
    """

    def __init__(
        self,
        student,
        discriminator=None,
        *,
        lambda_gradient: float = 1.0,
        lambda_adversarial: float = 0.0,
        lambda_colour: float = 0.0,
        lambda_truth: float = 0.0,
        ema_half_life: float = 100.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for network in (student, discriminator):
            if network is not None and not network.built:
                network(tf.zeros((1, 32, 32, 3)), training=False)
        self.student, self.discriminator = student, discriminator
        self.lambda_gradient, self.lambda_adversarial = lambda_gradient, lambda_adversarial
        self.lambda_colour, self.lambda_truth = lambda_colour, lambda_truth
        self.average = MovingAverage(student, ema_half_life)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, optimizer, discriminator_optimizer=None, **kwargs):
        super().compile(**kwargs)
        self.optimizer, self.discriminator_optimizer = optimizer, discriminator_optimizer
        optimizer.build(self.student.trainable_variables)
        if self.discriminator is not None:
            discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        return self.student(inputs, training=training)

    def train_step(self, data, update_bn: bool = True):
        photo, label, real = data
        variables = self.student.trainable_variables
        with tf.GradientTape() as tape:
            output = self.student(photo, training=update_bn)
            named = {
                "distill_l1": losses.l1(output, label),
                "distill_gradient": self.lambda_gradient
                * losses.gradient_difference(output, label),
            }
            if self.lambda_truth > 0:
                to_truth = losses.l1(
                    output, real
                ) + self.lambda_gradient * losses.gradient_difference(output, real)
                named["distill_truth"] = self.lambda_truth * to_truth
            if self.lambda_colour > 0:
                named["distill_colour"] = self.lambda_colour * losses.coarse_chroma(photo, output)
            if self.discriminator is not None:
                scores = self.discriminator(output, training=True)
                named["distill_adversarial"] = (
                    self.lambda_adversarial * losses.generator_adversarial(scores)
                )
            total = tf.add_n(list(named.values()))
            scaled = scale_loss(self.optimizer, losses.share_of_global_mean(total))
        gradients = tape.gradient(scaled, variables)
        if self.discriminator is not None:
            named["D"] = self._discriminator_step(real, output)
        apply_scaled_gradients(self.optimizer, gradients, variables)
        self.average.update()
        self.step.assign_add(1)
        return {**named, "distill": total}

    def _discriminator_step(self, real, fake):
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            scores = self.discriminator(tf.concat([real, tf.stop_gradient(fake)], 0), training=True)
            count = real.shape[0]
            loss = losses.discriminator_adversarial(scores[:count], scores[count:])
            scaled = scale_loss(self.discriminator_optimizer, losses.share_of_global_mean(loss))
        apply_scaled_gradients(
            self.discriminator_optimizer, tape.gradient(scaled, variables), variables
        )
        return loss
