"""A discriminator that judges pictures by the feature maps of a fixed, pretrained network."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tf_i2i.models.layers import LeakyReLU


@keras.saving.register_keras_serializable(package="tf_i2i")
class ProjectedDiscriminator(keras.Model):
    """Random fixed projections of the feature maps, mixed across channels and scales, and a small
    patch discriminator for each scale (Sauer et al. 2021, "Projected GANs Converge Faster", section
    3.2). Because every scale is mixed at random, the generator can't please the discriminator in a
    few feature channels alone.

    Args:
        channels: of the feature maps, finest scale first.
        width: channels of each projection.
        seed: of the fixed projections.

    Shapes: float feature maps [N, H_i, W_i, channels_i], each half as large as the one before, to
    float32 logits [N, H_i, W_i, 1] for each. `training=True` also advances the spectral norms.
    """

    def __init__(self, channels: Sequence[int], width: int = 64, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.width, self.seed = tuple(channels), width, seed
        fixed = keras.initializers.HeNormal

        def projection(kernel_size: int, number: int):
            return keras.layers.Conv2D(
                width,
                kernel_size,
                padding="same",
                use_bias=False,
                kernel_initializer=fixed(seed=1000 * seed + number),
                trainable=False,
            )

        scales = range(len(self.channels))
        self.across_channels = [projection(1, scale) for scale in scales]
        self.across_scales = [projection(3, 100 + scale) for scale in scales]
        self.upsampling = keras.layers.UpSampling2D(2, interpolation="bilinear")
        self.heads = [
            [
                SpectralConv2D(width, 3, name=f"head{scale}_0"),
                LeakyReLU(0.2),
                SpectralConv2D(2 * width, 3, name=f"head{scale}_1"),
                LeakyReLU(0.2),
                SpectralConv2D(1, 1, name=f"head{scale}_2"),
            ]
            for scale in scales
        ]

    def call(self, features, training=False):
        logits, coarser = [], None
        for scale in reversed(range(len(self.channels))):
            x = self.across_channels[scale](features[scale])
            if coarser is not None:
                up = tf.cast(self.upsampling(coarser), x.dtype)
                x = x + up[:, : x.shape[1], : x.shape[2]]
            coarser = self.across_scales[scale](x)
            for layer in self.heads[scale]:
                is_spectral = isinstance(layer, SpectralConv2D)
                x = layer(x, training=training) if is_spectral else layer(x)
            logits.insert(0, tf.cast(x, tf.float32))
        return logits

    def get_config(self):
        config = {"channels": self.channels, "width": self.width, "seed": self.seed}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable(package="tf_i2i")
class SpectralConv2D(keras.layers.Layer):
    """A 'same' convolution whose kernel is divided by its largest singular value (Miyato et al. 2018,
    "Spectral Normalization for Generative Adversarial Networks", algorithm 1), [N, H, W, C] to
    [N, H, W, filters]. keras.layers.SpectralNormalization overwrites the kernel at each call, which
    two calls per step, and several replicas, can't share.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size

    def build(self, input_shape):
        sides = (self.kernel_size, self.kernel_size)
        self.kernel = self.add_weight(
            name="kernel", shape=(*sides, input_shape[-1], self.filters), initializer="he_normal"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.left = self.add_weight(
            name="left",
            shape=(1, self.filters),
            initializer=keras.initializers.RandomNormal(0.0, 1.0),
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.kernel, tf.float32)
        flat = tf.reshape(kernel, [-1, self.filters])
        left = tf.cast(self.left, tf.float32)
        right = tf.stop_gradient(tf.math.l2_normalize(left @ tf.transpose(flat)))
        left = tf.stop_gradient(tf.math.l2_normalize(right @ flat))
        if training:
            self.left.assign(left)
        sigma = tf.reduce_sum((right @ flat) * left)
        kernel = tf.cast(kernel / sigma, inputs.dtype)
        outputs = tf.nn.conv2d(inputs, kernel, 1, "SAME")
        return tf.nn.bias_add(outputs, tf.cast(self.bias, inputs.dtype))

    def get_config(self):
        config = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **config}
