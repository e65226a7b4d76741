"""Layers that the generators and discriminators share."""

from __future__ import annotations

import keras
import tensorflow as tf


def normal_init() -> keras.initializers.Initializer:
    """N(0, 0.02), the reference start of every convolution. A new object a layer: a shared one without a seed
    would give all of them the same weights."""
    return keras.initializers.RandomNormal(0.0, 0.02)


@keras.saving.register_keras_serializable(package="tf_i2i")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors `padding` rows and columns outward, without repeating the border: [N, H, W, C] to
    [N, H + 2 padding, W + 2 padding, C]. H and W must be larger than `padding`.

    In training the mirror is made of slices: TensorFlow's own MirrorPad takes twice as long on a CPU.
    """

    def __init__(self, padding: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs, training=False):
        p = self.padding
        if not training:
            return tf.pad(inputs, [[0, 0], [p, p], [p, p], [0, 0]], "REFLECT")
        top, bottom = inputs[:, 1 : p + 1], inputs[:, -p - 1 : -1]
        if p > 1:
            top, bottom = tf.reverse(top, [1]), tf.reverse(bottom, [1])
        tall = tf.concat([top, inputs, bottom], axis=1)
        left, right = tall[:, :, 1 : p + 1], tall[:, :, -p - 1 : -1]
        if p > 1:
            left, right = tf.reverse(left, [2]), tf.reverse(right, [2])
        return tf.concat([left, tall, right], axis=2)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResizeConv2D(keras.layers.Layer):
    """Doubles height and width by nearest neighbour, then convolves 3x3 with mirrored borders.

    Odena et al. 2016, "Deconvolution and Checkerboard Artifacts": no checkerboard, unlike a transposed
    convolution, at the same parameter count.

    In training it is computed before the doubling. Each of the four output phases sees only 2x2 distinct
    input pixels, so the 3x3 kernel folds into four of 2x2: the same numbers for 16 instead of 36
    multiplications. At inference the plain form is kept, which every device runtime knows.

    Shapes: [N, H, W, C] to [N, 2H, 2W, filters].
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape):
        shape = (3, 3, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal_init())
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def call(self, inputs, training=False):
        # Mirroring the doubled map by 1 repeats the border pixel of the small one.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        kernel = tf.cast(self.kernel, inputs.dtype)
        bias = tf.cast(self.bias, inputs.dtype)
        height, width = inputs.shape[1], inputs.shape[2]
        if not training or height is None or width is None:
            size = tf.shape(inputs)[1:3] * 2
            doubled = tf.image.resize(inputs, size, method="nearest")
            doubled = tf.pad(tf.cast(doubled, inputs.dtype), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
            return tf.nn.bias_add(tf.nn.conv2d(doubled, kernel, 1, "VALID"), bias)
        phases = tf.nn.bias_add(
            tf.nn.conv2d(padded, _phase_kernels(self.kernel, inputs.dtype), 1, "VALID"), tf.tile(bias, [4])
        )
        quads = [
            phases[:, y : y + height, x : x + width, (2 * y + x) * self.filters : (2 * y + x + 1) * self.filters]
            for y in (0, 1)
            for x in (0, 1)
        ]
        return tf.nn.depth_to_space(tf.concat(quads, axis=-1), 2)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def _phase_kernels(kernel, dtype):
    """[3, 3, I, O] to [2, 2, I, 4 O]: what the 3x3 kernel becomes for the even and odd output rows and columns."""

    def fold(k, axis):
        a, b, c = tf.unstack(k, axis=axis)
        return tf.stack([a, b + c], axis=axis), tf.stack([a + b, c], axis=axis)

    return tf.cast(tf.concat([both for row in fold(kernel, 0) for both in fold(row, 1)], axis=-1), dtype)
