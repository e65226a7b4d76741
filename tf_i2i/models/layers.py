"""Layers that the generators and discriminators share."""

from __future__ import annotations

import keras
import tensorflow as tf


def normal_init() -> keras.initializers.Initializer:
    """N(0, 0.02), the reference start of every convolution. A new object a layer: a shared one
    without a seed would give all of them the same weights."""
    return keras.initializers.RandomNormal(0.0, 0.02)


@keras.saving.register_keras_serializable(package="tf_i2i")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors `padding` rows and columns outward, without repeating the border: [N, H, W, C] to
    [N, H + 2 padding, W + 2 padding, C]. H and W must be larger than `padding`.

    In training the mirror is made of slices: TensorFlow's own MirrorPad takes twice as long on a
    CPU.
    """

    def __init__(self, padding: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs, training=False):
        p = self.padding
        sides = inputs.shape[1:3]
        if not training or None in sides or min(sides) < 2 * p + 2:
            return tf.pad(inputs, [[0, 0], [p, p], [p, p], [0, 0]], "REFLECT")
        return _mirrored(_mirrored(inputs, p, 1), p, 2)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResizeConv2D(keras.layers.Layer):
    """Doubles height and width by nearest neighbour, then convolves 3x3 with mirrored borders.

    Odena et al. 2016, "Deconvolution and Checkerboard Artifacts": no checkerboard, unlike a
    transposed convolution, at the same parameter count.

    In training it is computed before the doubling. Each of the four output phases sees only 2x2
    distinct input pixels, so the 3x3 kernel folds into four of 2x2: the same numbers for 16 instead
    of 36 multiplications. At inference the plain form is kept, which every device runtime knows.

    Shapes: [N, H, W, C] to [N, 2H, 2W, filters].
    """

    def __init__(self, filters: int, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias

    def build(self, input_shape):
        shape = (3, 3, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal_init())
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def call(self, inputs, training=False):
        # Mirroring the doubled map by 1 repeats the border pixel of the small one.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        kernel = tf.cast(self.kernel, inputs.dtype)
        bias = (
            tf.cast(self.bias, inputs.dtype)
            if self.use_bias
            else tf.zeros([self.filters], inputs.dtype)
        )
        height, width = inputs.shape[1], inputs.shape[2]
        if not training or height is None or width is None:
            size = tf.shape(inputs)[1:3] * 2
            doubled = tf.image.resize(inputs, size, method="nearest")
            doubled = tf.pad(
                tf.cast(doubled, inputs.dtype), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"
            )
            return tf.nn.bias_add(tf.nn.conv2d(doubled, kernel, 1, "VALID"), bias)
        phases = tf.nn.bias_add(
            tf.nn.conv2d(padded, _phase_kernels(self.kernel, inputs.dtype), 1, "VALID"),
            tf.tile(bias, [4]),
        )
        # Channels are split before the rows and columns are cut: the gradient of a cut fills its
        # whole source.
        quads = [
            tf.slice(phase, [0, i // 2, i % 2, 0], [-1, height, width, -1])
            for i, phase in enumerate(tf.split(phases, 4, axis=-1))
        ]
        return tf.nn.depth_to_space(tf.concat(quads, axis=-1), 2)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable(package="tf_i2i")
class LeakyReLU(keras.layers.Layer):
    """max(x, slope x). TensorFlow's own operation makes the graph optimiser of 2.15 give up on the
    whole training step (its fusion with the bias breaks the gradient's input); a maximum it leaves
    alone, and the gradient's operation is the fast one."""

    def __init__(self, slope: float, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, inputs):
        @tf.custom_gradient
        def leaky(x):
            def gradient(upstream):
                return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=x, alpha=self.slope)

            return tf.maximum(x, self.slope * x), gradient

        return leaky(inputs)

    def get_config(self):
        return {**super().get_config(), "slope": self.slope}


def _phase_kernels(kernel, dtype):
    """[3, 3, I, O] to [2, 2, I, 4 O]: what the 3x3 kernel becomes for the even and odd output rows
    and columns.
    """

    def fold(k, axis):
        a, b, c = tf.unstack(k, axis=axis)
        return tf.stack([a, b + c], axis=axis), tf.stack([a + b, c], axis=axis)

    return tf.cast(
        tf.concat([both for row in fold(kernel, 0) for both in fold(row, 1)], axis=-1), dtype
    )


def _mirrored(image, padding: int, axis: int):
    """`image` with `padding` mirrored rows (axis 1) or columns (axis 2) on both ends; its side is
    at least 2 padding + 2.

    The gradient is written out: TensorFlow's own fills a whole map with zeros for each of the
    slices and adds them up.
    """

    def cut(x, start, size):
        begin, extent = [0] * 4, [-1] * 4
        begin[axis], extent[axis] = start, size
        return tf.slice(x, begin, extent)

    def turned(x):
        return tf.reverse(x, [axis]) if padding > 1 else x

    @tf.custom_gradient
    def mirror(x):
        side = x.shape[axis]

        def gradient(upstream):
            first = cut(upstream, padding, 1)  # the border itself is not mirrored
            near = cut(upstream, padding + 1, padding) + turned(cut(upstream, 0, padding))
            middle = cut(upstream, 2 * padding + 1, side - 2 * padding - 2)
            far = cut(upstream, side - 1, padding) + turned(cut(upstream, side + padding, padding))
            last = cut(upstream, side + padding - 1, 1)
            return tf.concat([first, near, middle, far, last], axis)

        before, after = turned(cut(x, 1, padding)), turned(cut(x, side - 1 - padding, padding))
        return tf.concat([before, x, after], axis), gradient

    return mirror(image)


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
