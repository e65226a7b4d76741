"""Layers that the generators and discriminators share."""

import functools
from collections.abc import Iterable

import keras
import tensorflow as tf


class NormalInit(keras.initializers.Initializer):
    """N(0, 0.02), the reference's; a new object per layer, since a shared one repeats its values.
    Draws its seed when weights are made, as Keras 2 does: Keras 3 draws when it is constructed, so
    that several networks would start with other weights.
    """

    def __call__(self, shape, dtype=None, **options):
        return self._normal(shape, dtype, **options)

    @functools.cached_property
    def _normal(self):
        return keras.initializers.RandomNormal(0.0, 0.02)


def convolution(filters: int, kernel_size: int, **options) -> keras.layers.Conv2D:
    """A Conv2D initialized as the reference does; `options` are Keras's."""
    return keras.layers.Conv2D(filters, kernel_size, kernel_initializer=NormalInit(), **options)


def upsampling_layer(kind: str, filters: int, kernel_size: int, use_bias: bool = True):
    """Doubles height and width, [N, H, W, C] to [N, 2H, 2W, filters], by a `ResizeConv2D` ("resize")
    or the reference's transposed convolution ("transposed"), which alone takes a kernel_size.
    """
    if kind == "resize":
        return ResizeConv2D(filters, use_bias=use_bias)
    if kind != "transposed":
        raise ValueError(f"upsampling must be 'resize' or 'transposed', not {kind!r}")
    options = {"strides": 2, "padding": "same", "kernel_initializer": NormalInit()}
    return keras.layers.Conv2DTranspose(filters, kernel_size, use_bias=use_bias, **options)


def chain(layers: Iterable, inputs):
    """The layers' output, each applied to that of the one before."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


@tf.custom_gradient
def clipped(x):
    """[-1, 1], with a gradient outside for steps that lead back in: a pixel that became black or
    white is not lost to training.
    """

    def gradient(upstream):
        leads_out = tf.logical_or(
            tf.logical_and(x > 1.0, upstream < 0.0), tf.logical_and(x < -1.0, upstream > 0.0)
        )
        return tf.where(leads_out, tf.zeros_like(upstream), upstream)

    return tf.clip_by_value(x, -1.0, 1.0), gradient


@keras.saving.register_keras_serializable(package="tf_i2i")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors `padding` rows and columns outward, without repeating the edge: [N, H, W, C] to
    [N, H + 2 padding, W + 2 padding, C]. H and W must be larger than `padding`.

    In training the mirror is made of slices: TensorFlow's MirrorPad takes twice as long on a CPU.
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
    """Doubles height and width by nearest neighbour, then convolves 3x3 with mirrored edges:
    [N, H, W, C] to [N, 2H, 2W, filters].

    Leaves no checkerboard, unlike a transposed convolution (Odena et al. 2016). In training the
    convolution comes first: each of the four output phases sees only 2x2 distinct input pixels, so
    the 3x3 kernel folds into four of 2x2, for the same numbers with 16 instead of 36
    multiplications. At inference the plain form is kept, which every device runtime supports.
    """

    def __init__(self, filters: int, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias

    def build(self, input_shape):
        shape = (3, 3, input_shape[-1], self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=NormalInit())
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def call(self, inputs, training=False):
        edges, dtype = [[0, 0], [1, 1], [1, 1], [0, 0]], inputs.dtype
        kernel = tf.cast(self.kernel, dtype)
        bias = tf.cast(self.bias, dtype) if self.use_bias else tf.zeros([self.filters], dtype)
        height, width = inputs.shape[1:3]
        if not training or height is None or width is None:
            doubled = tf.image.resize(inputs, tf.shape(inputs)[1:3] * 2, method="nearest")
            doubled = tf.pad(tf.cast(doubled, dtype), edges, "REFLECT")
            return tf.nn.bias_add(tf.nn.conv2d(doubled, kernel, 1, "VALID"), bias)
        # Mirroring the doubled map by 1 repeats the edge pixel of the small one.
        padded = tf.pad(inputs, edges, "SYMMETRIC")
        phases = tf.nn.conv2d(padded, _phase_kernels(self.kernel, dtype), 1, "VALID")
        phases = tf.nn.bias_add(phases, tf.tile(bias, [4]))
        # Channels are split before rows and columns are sliced: the gradient of a slice fills its
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
    """max(x, slope x). With TensorFlow's own operation the graph optimizer of 2.15 gives up on the
    whole training step (its fusion with the bias breaks the gradient's input).
    """

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
    """[3, 3, I, O] to [2, 2, I, 4 O]: the 3x3 kernel for even and odd output rows and columns."""

    def fold(k, axis):
        a, b, c = tf.unstack(k, axis=axis)
        return tf.stack([a, b + c], axis=axis), tf.stack([a + b, c], axis=axis)

    folded = [both for row in fold(kernel, 0) for both in fold(row, 1)]
    return tf.cast(tf.concat(folded, axis=-1), dtype)


def _mirrored(image, padding: int, axis: int):
    """`image` with `padding` mirrored rows (axis 1) or columns (axis 2) at both ends. The gradient is
    explicit because TensorFlow's own fills a map of zeros for every slice and adds them up.
    """

    def cut(x, start, size):
        begin, extent = [0] * 4, [-1] * 4
        begin[axis], extent[axis] = start, size
        return tf.slice(x, begin, extent)

    def flipped(x):
        return tf.reverse(x, [axis]) if padding > 1 else x

    @tf.custom_gradient
    def mirror(x):
        side = x.shape[axis]

        def gradient(upstream):
            first = cut(upstream, padding, 1)  # the edge itself is not mirrored
            near = cut(upstream, padding + 1, padding) + flipped(cut(upstream, 0, padding))
            middle = cut(upstream, 2 * padding + 1, side - 2 * padding - 2)
            far = cut(upstream, side - 1, padding) + flipped(cut(upstream, side + padding, padding))
            last = cut(upstream, side + padding - 1, 1)
            return tf.concat([first, near, middle, far, last], axis)

        before, after = flipped(cut(x, 1, padding)), flipped(cut(x, side - 1 - padding, padding))
        return tf.concat([before, x, after], axis), gradient

    return mirror(image)


# For larger batches one kernel call per image costs more than the fused kernel saves.
_MAX_FUSED_BATCH = 8


@keras.saving.register_keras_serializable(package="tf_i2i")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes each channel of each image by its own mean and variance (Ulyanov et al. 2016,
    "Instance Normalization: The Missing Ingredient for Fast Stylization", equation 5).

    Moments are float32 whatever the compute type: a bfloat16 sum over a 64x64 map has lost half its
    digits. At inference all operations stay 4-D, so that a GPU delegate takes the whole exported
    graph (keras GroupNormalization goes through rank 5, which none takes). In training each image
    is a batch of its own for the fused batch-normalization kernel: the same numbers in a third of
    the time.

    Args:
        affine: learn a scale and an offset per channel; CycleGAN's networks do not.
        epsilon: added to the variance.
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape):
        channels = (input_shape[-1],)
        if self.affine:
            self.gamma = self.add_weight(name="gamma", shape=channels, initializer="ones")
            self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        self.built = True

    def call(self, inputs, training=False):
        batch, channels = inputs.shape[0], inputs.shape[-1]
        gamma = tf.cast(self.gamma, tf.float32) if self.affine else tf.ones([channels])
        beta = tf.cast(self.beta, tf.float32) if self.affine else tf.zeros([channels])
        if training and batch is not None and batch <= _MAX_FUSED_BATCH:
            options = {"mean": [], "variance": [], "epsilon": self.epsilon, "is_training": True}
            fused = functools.partial(
                tf.raw_ops.FusedBatchNormV3, scale=gamma, offset=beta, **options
            )
            return tf.concat([fused(x=image).y for image in tf.split(inputs, batch)], axis=0)
        wide = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(wide, [1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.math.squared_difference(wide, mean), [1, 2], keepdims=True)
        outputs = (wide - mean) * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast(outputs * gamma + beta if self.affine else outputs, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tf_i2i")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's own by the fused kernel, which Keras 3 has given up: a tenth of a training step. The
    synchronized form, for several replicas, has none.
    """

    def call(self, inputs, training=False):
        if self.synchronized:
            return super().call(inputs, training=training)
        training = bool(training and self.trainable)
        statistics = [] if training else self.moving_mean, [] if training else self.moving_variance
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=statistics[0],
            variance=statistics[1],
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            for moving, new in (self.moving_mean, mean), (self.moving_variance, variance):
                moving.assign(self.momentum * moving + (1.0 - self.momentum) * new)
        return outputs


@keras.saving.register_keras_serializable(package="tf_i2i")
class SeededDropout(keras.layers.Layer):
    """Inverted dropout (Srivastava et al. 2014, section 10) whose mask depends only on the seed and
    an image's index in the global batch. Replicas so draw what one device would, and an exact
    resume needs no state, unlike that of Keras's own layer.

    Args:
        rate: share that is dropped, 0 to under 1.

    `call(inputs, seed)` takes float [N, ...] and an int32 [2] seed; None drops nothing.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, seed=None):
        if seed is None or self.rate == 0:
            return inputs
        context, shape = tf.distribute.get_replica_context(), tf.shape(inputs)
        count = shape[0]
        whole = tf.concat([[count * context.num_replicas_in_sync], shape[1:]], 0)
        first = context.replica_id_in_sync_group * count
        kept = tf.random.stateless_uniform(whole, seed)[first : first + count] >= self.rate
        return tf.where(kept, inputs / (1.0 - self.rate), tf.zeros_like(inputs))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
