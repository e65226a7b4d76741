"""The U-Net generator of Pix2Pix."""

import keras
import tensorflow as tf

from tf_i2i.models.layers import (
    InstanceNormalization,
    LeakyReLU,
    SeededDropout,
    convolution,
    upsampling_layer,
)

NORMS = ("batch", "instance")
_DROPOUT_LEVELS = 3


@keras.saving.register_keras_serializable(package="tf_i2i")
class UNetGenerator(keras.Model):
    """Encoder and decoder with a skip connection at every size (Isola et al. 2017, section 3.2.1
    and appendix 6.1.1).

    4x4 convolutions halve the picture `depth` times, so that 2**depth pixels become one. At
    training=False nothing is dropped and batch normalization uses its moving statistics, in samples,
    scores, teacher outputs and exported files alike (the reference keeps dropout and batch
    statistics, so its output changes from call to call).

    Args:
        depth: halvings; 8 for 256 px, 7 for 128 px, 6 for 64 px.
        ngf: channels of the first convolution; each level doubles them, up to 8 times `ngf`.
        norm: "batch" or "instance", both with a learned scale and offset.
        upsampling: "transposed" (4x4, as the reference) or "resize" (nearest neighbour and 3x3
            convolution: no checkerboard, 28 % fewer parameters, twice the decoder's MACs).
        dropout: share dropped in the three decoder levels after the innermost.

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in (-1, 1) [N, H, W, 3]; H and W are
    multiples of 2**depth. Use the size of training: at others, the innermost levels use kernel
    entries that have only ever seen padding. With depth 8, ngf 64 and transposed convolutions:
    54.414 M trainable parameters, as the reference.
    """

    def __init__(
        self,
        depth: int = 8,
        ngf: int = 64,
        norm: str = "batch",
        upsampling: str = "transposed",
        dropout: float = 0.5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if depth < 5:
            raise ValueError(f"depth must be at least 5, not {depth}")
        self.config = dict(depth=depth, ngf=ngf, norm=norm, upsampling=upsampling, dropout=dropout)
        self.stride = 2**depth
        channels = [ngf * min(2**i, 8) for i in range(depth)]
        innermost = depth - 1
        # No normalization in the first level, whose colors matter, nor in the innermost, where it
        # would turn the one pixel into its offset.
        self.encoder, self.decoder = [], []
        for i, filters in enumerate(channels):
            level_norm = norm if 0 < i < innermost else None
            self.encoder.append(EncoderLevel(filters, level_norm, i > 0, name=f"down_{i}"))
        for i in range(innermost, 0, -1):
            rate = dropout if innermost - _DROPOUT_LEVELS <= i < innermost else 0.0
            level = DecoderLevel(channels[i - 1], norm, upsampling, rate, name=f"up_{i}")
            self.decoder.append(level)
        self.head = upsampling_layer(upsampling, 3, kernel_size=4)
        self.out = keras.layers.Activation("tanh", dtype="float32")

    def call(self, inputs, training=False, seed=None, update_bn=True):
        """seed: int32 [2], of this step's dropout masks; None, and inference, drop nothing.
        update_bn: False trains with batch normalization's moving statistics as they are.
        """
        skips, x, level_training = [], inputs, training and update_bn
        for level in self.encoder:
            x = level(x, training=level_training)
            skips.append(x)
        for number, level in enumerate(self.decoder):
            dropout = None if seed is None or not training else seed + tf.constant([0, number])
            x = level(x, training=level_training, seed=dropout)
            x = tf.concat([skips[-2 - number], x], axis=-1)
        return self.out(self.head(tf.nn.relu(x)))

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="tf_i2i")
class EncoderLevel(keras.layers.Layer):
    """Leaky ReLU, strided convolution, normalization: [N, H, W, C] to [N, H / 2, W / 2, filters]."""

    def __init__(self, filters: int, norm: str | None, activate: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.config = {"filters": filters, "norm": norm, "activate": activate}
        self.activation = LeakyReLU(0.2) if activate else None
        # Sides are even, so 'same' pads 1 on each, as the reference does.
        self.convolution = convolution(filters, 4, strides=2, padding="same", use_bias=False)
        self.normalise = None if norm is None else _normalization(norm)

    def call(self, inputs, training=False):
        x = inputs if self.activation is None else self.activation(inputs)
        x = self.convolution(x)
        return x if self.normalise is None else self.normalise(x)

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="tf_i2i")
class DecoderLevel(keras.layers.Layer):
    """ReLU, doubling convolution, normalization, dropout: [N, H, W, C] to [N, 2H, 2W, filters]."""

    def __init__(self, filters: int, norm: str, upsampling: str, dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.config = dict(filters=filters, norm=norm, upsampling=upsampling, dropout=dropout)
        self.convolution = upsampling_layer(upsampling, filters, kernel_size=4, use_bias=False)
        self.normalise = _normalization(norm)
        self.drop = SeededDropout(dropout)

    def call(self, inputs, training=False, seed=None):
        return self.drop(self.normalise(self.convolution(tf.nn.relu(inputs))), seed=seed)

    def get_config(self):
        return {**super().get_config(), **self.config}


def _normalization(norm: str):
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {NORMS}, not {norm!r}")
    if norm == "instance":
        return InstanceNormalization(affine=True)
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-5, synchronized=True)
