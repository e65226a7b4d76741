"""Learning rates by step. Each can also be called with a plain int.

Not those of keras.optimizers.schedules: these compute the same values, but graph optimisation
rounds the last bit otherwise in a fifth of the steps, and runs must resume to the same bits.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import keras
import tensorflow as tf


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The reference schedule: constant, then linear to 0 over the last share of the steps.

    Args:
        initial: rate of the first step.
        total_steps: step at which it reaches 0.
        decay_fraction: share of the steps with decay.
        scale: tf.Variable that multiplies every rate (a loop lowers it after a divergence), or
            None.
        restarts: steps at which it has reached 0 before, and begins anew.
    """

    def __init__(
        self,
        initial: float,
        total_steps: int,
        decay_fraction: float,
        scale=None,
        restarts: Sequence[int] = (),
    ):
        self.initial, self.total_steps = initial, total_steps
        self.decay_fraction, self.scale, self.restarts = decay_fraction, scale, tuple(restarts)

    def __call__(self, step):
        step, bounds = tf.cast(step, tf.float32), [*self.restarts, self.total_steps]
        done = step / float(bounds[0])
        for start, end in pairwise(bounds):
            done = tf.where(step >= start, (step - start) / float(end - start), done)
        rate = (1.0 - done) / max(self.decay_fraction, 1e-9)
        rate = self.initial * tf.clip_by_value(rate, 0.0, 1.0)
        return rate if self.scale is None else rate * self.scale

    def get_config(self):
        names = ("initial", "total_steps", "decay_fraction", "restarts")
        return {name: getattr(self, name) for name in names}


class CosineDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine from `initial` to 0 (Loshchilov and Hutter 2017, equation 5, one period).
    Arguments as LinearDecay's.
    """

    def __init__(self, initial: float, total_steps: int, scale=None):
        self.initial, self.total_steps, self.scale = initial, total_steps, scale

    def __call__(self, step):
        done = tf.clip_by_value(tf.cast(step, tf.float32) / float(self.total_steps), 0.0, 1.0)
        rate = self.initial * 0.5 * (1.0 + tf.cos(math.pi * done))
        return rate if self.scale is None else rate * self.scale

    def get_config(self):
        return {"initial": self.initial, "total_steps": self.total_steps}
