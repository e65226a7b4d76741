"""Instance normalisation, behind one module because Keras 2.15 and Keras 3 offer different layers
for it.
"""

from __future__ import annotations

import keras
import tensorflow as tf

# Above this many images a kernel call an image costs more than the fused kernel saves.
_LARGEST_FUSED_BATCH = 8


@keras.saving.register_keras_serializable(package="tf_i2i")
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each image by its own mean and variance.

    Ulyanov et al. 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization",
    equation 5. Moments are taken in float32 whatever the compute type is: a bfloat16 sum over a map
    of 64x64 has lost half its digits. At inference all operations stay 4-D, so that the exported
    graph is one a GPU delegate takes whole (keras GroupNormalization goes through rank 5, which
    none takes). In training each image goes through the fused batch-normalisation kernel as a batch
    of its own: the same numbers in a third of the time.

    Args:
        affine: learn a scale (start 1) and an offset (start 0) a channel. CycleGAN's networks have
            none.
        epsilon: added to the variance.

    Shapes: [N, H, W, C] float to the same.
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.affine = affine
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = (input_shape[-1],)
        if self.affine:
            self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
            self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.built = True

    def call(self, inputs, training=False):
        batch = inputs.shape[0]
        if training and batch is not None and batch <= _LARGEST_FUSED_BATCH:
            return self._fused(inputs, batch)
        wide = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(wide, [1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(wide, mean), [1, 2], keepdims=True)
        outputs = (wide - mean) * tf.math.rsqrt(variance + self.epsilon)
        if self.affine:
            outputs = outputs * tf.cast(self.gamma, tf.float32) + tf.cast(self.beta, tf.float32)
        return tf.cast(outputs, inputs.dtype)

    def _fused(self, inputs, batch: int):
        channels = inputs.shape[-1]
        gamma = tf.cast(self.gamma, tf.float32) if self.affine else tf.ones([channels])
        beta = tf.cast(self.beta, tf.float32) if self.affine else tf.zeros([channels])
        images = [
            tf.raw_ops.FusedBatchNormV3(
                x=image,
                scale=gamma,
                offset=beta,
                mean=[],
                variance=[],
                epsilon=self.epsilon,
                is_training=True,
            ).y
            for image in (tf.split(inputs, batch, axis=0) if batch > 1 else [inputs])
        ]
        return tf.concat(images, axis=0) if batch > 1 else images[0]

    def get_config(self):
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}
