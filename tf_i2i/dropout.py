"""Dropout whose masks are a function of a seed, so that a run that starts again at a step draws the
same ones.
"""

from __future__ import annotations

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_i2i")
class SeededDropout(keras.layers.Layer):
    """Sets a share of the values to 0 and scales the others up (Srivastava et al. 2014, section 10,
    inverted).

    Keras's own layer keeps a generator whose state is no weight: an exact resume would need it.
    Here the mask of an image depends on (seed, its place in the global batch) alone, so that
    replicas draw what one device would.

    Args:
        rate: share that is dropped, 0 to under 1.

    `call(inputs, seed)` takes float [N, ...] and an int32 [2] seed, or None: then nothing is
    dropped.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, seed=None):
        if seed is None or self.rate == 0:
            return inputs
        context = tf.distribute.get_replica_context()
        count, shape = tf.shape(inputs)[0], tf.shape(inputs)[1:]
        whole = tf.concat([[count * context.num_replicas_in_sync], shape], 0)
        first = context.replica_id_in_sync_group * count
        kept = tf.random.stateless_uniform(whole, seed)[first : first + count] >= self.rate
        return tf.where(kept, inputs / (1.0 - self.rate), tf.zeros_like(inputs))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
