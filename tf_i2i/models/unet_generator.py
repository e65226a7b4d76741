"""The U-Net generator of Pix2Pix."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i.models.layers import (
    InstanceNormalization,
    LeakyReLU,
    ResizeConv2D,
    SeededDropout,
    normal_init,
)

NORMS = ("batch", "instance")


_DROPOUT = 0.5


_DROPPED_LEVELS = 3


@keras.saving.register_keras_serializable(package="tf_i2i")
class UNetGenerator(keras.Model):
    """Encoder and decoder with a skip connection at every size (Isola et al. 2017, section 3.2.1
    and appendix 6.1.1).

    The picture is halved `depth` times by 4x4 convolutions, so a picture of 2**depth pixels ends as
    one pixel, and comes back as often; each decoder level also sees the encoder's features of its
    size.

    At training=False no value is dropped and batch normalisation uses its moving statistics,
    instance normalisation those of the picture: samples, scores, labels of a student and exported
    files all take this one form (the reference code leaves dropout on and takes batch statistics,
    so its output changes from call to call).

    Args:
        depth: halvings; 8 for 256 px, 7 for 128 px, 6 for 64 px.
        ngf: channels of the first convolution; they double a level, up to 8 times.
        norm: "batch" or "instance", with a learnt scale and offset in both.
        upsampling: "transposed" (4x4, as the reference) or "resize" (nearest neighbour and 3x3
            convolution: no checkerboard, a quarter of the parameters fewer, twice the
                multiplications of the decoder).
        dropout: share dropped in the three decoder levels after the innermost.

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in (-1, 1) [N, H, W, 3]; H and W are
    multiples of 2**depth. Sides other than those of training reach kernel entries of the innermost
    levels that only ever saw
    padding: translate at the size of training. With depth 8, ngf 64 and transposed convolutions:
    54.414 M trainable parameters, as the reference.

    Example:
        UNetGenerator(depth=7, ngf=32)(tf.zeros([1, 128, 128, 3])).shape  # [1, 128, 128, 3]
    """

    def __init__(
        self,
        depth: int = 8,
        ngf: int = 64,
        norm: str = "batch",
        upsampling: str = "transposed",
        dropout: float = _DROPOUT,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {NORMS}, not {norm!r}")
        if upsampling not in ("resize", "transposed"):
            raise ValueError(f"upsampling must be 'resize' or 'transposed', not {upsampling!r}")
        if depth < 5:
            raise ValueError(f"depth must be at least 5, not {depth}")
        self.config = {
            "depth": depth,
            "ngf": ngf,
            "norm": norm,
            "upsampling": upsampling,
            "dropout": dropout,
        }
        self.stride = 2**depth
        channels = [ngf * min(2**i, 8) for i in range(depth)]
        innermost = depth - 1
        # The first level has no normalisation (colours count), nor the innermost: one pixel would
        # become its offset.
        self.encoder = [
            EncoderLevel(
                filters, norm if 0 < i < innermost else None, activate=i > 0, name=f"down_{i}"
            )
            for i, filters in enumerate(channels)
        ]
        self.decoder = [
            DecoderLevel(
                channels[i - 1],
                norm,
                upsampling,
                dropout if innermost - _DROPPED_LEVELS <= i < innermost else 0.0,
                name=f"up_{i}",
            )
            for i in range(innermost, 0, -1)
        ]
        self.head = _upsampling(3, upsampling, use_bias=True)
        self.out = keras.layers.Activation("tanh", dtype="float32")

    def call(self, inputs, training=False, seed=None, statistics=True):
        """seed: int32 [2], of this step's dropout masks; without it, and at inference, nothing is
        dropped.
        statistics: False trains on the moving statistics of batch normalisation as they are."""
        skips, x, taking = [], inputs, training and statistics
        for level in self.encoder:
            x = level(x, training=taking)
            skips.append(x)
        for number, level in enumerate(self.decoder):
            own = None if seed is None or not training else seed + tf.constant([0, number])
            x = level(x, training=taking, seed=own)
            x = tf.concat([skips[-2 - number], x], axis=-1)
        return self.out(_apply(self.head, tf.nn.relu(x), training))

    def get_config(self):
        return dict(self.config)


@keras.saving.register_keras_serializable(package="tf_i2i")
class EncoderLevel(keras.layers.Layer):
    """Leaky ReLU, 4x4 convolution of stride 2, normalisation: [N, H, W, C] to [N, H / 2, W / 2,
    filters].
    """

    def __init__(self, filters: int, norm: str | None, activate: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.config = {"filters": filters, "norm": norm, "activate": activate}
        self.activation = LeakyReLU(0.2) if activate else None
        # Sides are even, so 'same' pads 1 on each, as the reference does.
        self.convolution = keras.layers.Conv2D(
            filters, 4, strides=2, padding="same", use_bias=False, kernel_initializer=normal_init()
        )
        self.normalise = _normalisation(norm)

    def call(self, inputs, training=False):
        x = inputs if self.activation is None else self.activation(inputs)
        x = self.convolution(x)
        return x if self.normalise is None else self.normalise(x, training=training)

    def get_config(self):
        return {**super().get_config(), **self.config}


@keras.saving.register_keras_serializable(package="tf_i2i")
class DecoderLevel(keras.layers.Layer):
    """ReLU, doubling convolution, normalisation, dropout: [N, H, W, C] to [N, 2 H, 2 W, filters]."""

    def __init__(self, filters: int, norm: str, upsampling: str, dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.config = {
            "filters": filters,
            "norm": norm,
            "upsampling": upsampling,
            "dropout": dropout,
        }
        self.convolution = _upsampling(filters, upsampling, use_bias=False)
        self.normalise = _normalisation(norm)
        self.drop = SeededDropout(dropout)

    def call(self, inputs, training=False, seed=None):
        x = _apply(self.convolution, tf.nn.relu(inputs), training)
        return self.drop(self.normalise(x, training=training), seed=seed)

    def get_config(self):
        return {**super().get_config(), **self.config}


def _normalisation(norm: str | None):
    if norm is None:
        return None
    if norm == "instance":
        return InstanceNormalization(affine=True)
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-5, synchronized=True)


def _upsampling(filters: int, kind: str, use_bias: bool):
    if kind == "resize":
        return ResizeConv2D(filters, use_bias=use_bias)
    return keras.layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=normal_init()
    )


def _apply(layer, x, training):
    return layer(x, training=training) if isinstance(layer, ResizeConv2D) else layer(x)
