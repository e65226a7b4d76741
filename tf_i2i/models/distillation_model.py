"""Distillation: a small, norm-free student learns to reproduce a large teacher's translations."""

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.precision import minimize, scale_loss


class Distillation(keras.Model):
    """Regresses a student on the teacher's translations (Hinton et al. 2015) by L1 plus neighbour
    differences. L1 leads to a median, not a mean: where the teacher wavers the student draws a
    stroke or omits it, but does not draw it half.

    Args:
        student: a generator; its batch-norm statistics follow the data while `update_bn` is true.
        lambda_colour: weight of coarse chroma consistency of photo and output, against the false
            colors that the teacher's instance normalization causes.
        lambda_truth: weight of L1 and neighbour differences to `real`, where that is the photo's
            true translation.
        lambda_gradient: weight of the neighbour differences.
        ema_half_life: of the student's averaged weights, in steps.

    `train_step((photo, teacher_output, real))` takes float32 [-1, 1] [N, H, W, 3] each: an input,
    the teacher's translation of it, and any picture of the target domain (with lambda_truth: the
    photo's true translation). With `update_bn` false the student uses its moving statistics, as it
    will on the device.
    """

    def __init__(
        self,
        student,
        *,
        lambda_colour: float,
        lambda_truth: float,
        lambda_gradient: float = 1.0,
        ema_half_life: float = 100.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not student.built:
            student(tf.zeros((1, 32, 32, 3)), training=False)
        self.student = student
        self.lambda_colour, self.lambda_truth = lambda_colour, lambda_truth
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

    def train_step(self, data, update_bn: bool = True):
        photo, teacher_output, real = data
        with tf.GradientTape() as tape:
            output = self.student(photo, training=update_bn)
            l1, gradient = self._distances(output, teacher_output)
            named = {"distill_l1": l1, "distill_gradient": gradient}
            if self.lambda_truth > 0:
                named["distill_truth"] = self.lambda_truth * sum(self._distances(output, real))
            if self.lambda_colour > 0:
                named["distill_colour"] = self.lambda_colour * losses.coarse_chroma(photo, output)
            total = tf.add_n(list(named.values()))
            scaled = scale_loss(self.optimizer, total)
        minimize(self.optimizer, tape, scaled, self.student.trainable_variables)

        self.average.update()
        self.step.assign_add(1)
        return {**named, "distill": total}

    def _distances(self, output, wanted):
        gradient = self.lambda_gradient * losses.gradient_difference(output, wanted)
        return losses.l1(output, wanted), gradient
