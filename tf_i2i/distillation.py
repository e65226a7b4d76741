"""Distillation: a student learns to do in one small, norm-free network what a large teacher does."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i import losses
from tf_i2i.moving_average import MovingAverage
from tf_i2i.precision import apply_scaled_gradients, scale_loss


@keras.saving.register_keras_serializable(package="tf_i2i")
class Distillation(keras.Model):
    """Regresses a student on the teacher's translations (Hinton et al. 2015 for the idea).

    The loss is L1 plus neighbour differences: a median, not a mean, so that where the teacher wavers the student draws
    a stroke or leaves it, but paints no half of one.

    Args:
        student: a generator; its batch-norm statistics are averaged while `training` and fixed afterwards.
        lambda_gradient: weight of the neighbour differences.
        ema_half_life: of the student's averaged weights, in steps.

    `train_step((photo, label), statistics)` takes float32 [-1, 1] [N, H, W, 3] twice; with `statistics` false the
    student already runs on its fixed statistics, as it will on the device.
    """

    def __init__(self, student, *, lambda_gradient: float = 1.0, ema_half_life: float = 100.0, **kwargs):
        super().__init__(**kwargs)
        if not student.built:
            student(tf.zeros((1, 32, 32, 3)), training=False)
        self.student = student
        self.lambda_gradient = lambda_gradient
        self.average = MovingAverage(student, ema_half_life)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.built = True

    def compile(self, optimizer, **kwargs):
        super().compile(**kwargs)
        self.optimizer = optimizer
        optimizer.build(self.student.trainable_variables)

    def call(self, inputs, training=False):
        return self.student(inputs, training=training)

    def train_step(self, data, statistics: bool = True):
        photo, label = data
        variables = self.student.trainable_variables
        with tf.GradientTape() as tape:
            output = self.student(photo, training=statistics)
            named = {
                "distill_l1": losses.l1(output, label),
                "distill_gradient": self.lambda_gradient * losses.gradient_difference(output, label),
            }
            total = tf.add_n(list(named.values()))
            scaled = scale_loss(self.optimizer, total / tf.distribute.get_strategy().num_replicas_in_sync)
        apply_scaled_gradients(self.optimizer, tape.gradient(scaled, variables), variables)
        self.average.update()
        self.step.assign_add(1)
        return {**named, "distill": total}
