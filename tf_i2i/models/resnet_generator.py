"""The ResNet generator of CycleGAN."""

from __future__ import annotations

import keras

from tf_i2i.models.layers import (
    InstanceNormalization,
    ReflectionPadding2D,
    ResizeConv2D,
    normal_init,
)


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResNetGenerator(keras.Model):
    """Encoder, residual blocks, decoder (Johnson et al. 2016; Zhu et al. 2017, appendix 7.2).

    Args:
        blocks: residual blocks; 9 for 256 px and above, 6 for 128 px in the paper.
        ngf: channels of the first convolution; they double with each downsampling.
        downsamplings: 2 in the paper; 1 keeps shapes and touches colour and texture only.
        upsampling: "resize" (nearest neighbour and convolution) or "transposed" (as the reference
            code).

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in (-1, 1) [N, H, W, 3]; H and W are
    multiples of 2**downsamplings. With blocks 9 and ngf 64: 11.378 M parameters, as the reference.

    Example:
        ResNetGenerator(blocks=6, ngf=32)(tf.zeros([1, 128, 128, 3])).shape  # [1, 128, 128, 3]
    """

    def __init__(
        self,
        blocks: int = 9,
        ngf: int = 64,
        downsamplings: int = 2,
        upsampling: str = "resize",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if upsampling not in ("resize", "transposed"):
            raise ValueError(f"upsampling must be 'resize' or 'transposed', not {upsampling!r}")
        self.blocks, self.ngf, self.downsamplings, self.upsampling = (
            blocks,
            ngf,
            downsamplings,
            upsampling,
        )
        self.stride = 2**downsamplings
        channels = [ngf * 2**i for i in range(downsamplings + 1)]
        self.encoder = [ReflectionPadding2D(3), *_convolution(ngf, 7)]
        for filters in channels[1:]:
            # Explicit zero padding: Keras's 'same' at stride 2 pads one side only, the reference
            # both.
            self.encoder += [keras.layers.ZeroPadding2D(1), *_convolution(filters, 3, stride=2)]
        self.body = [ResidualBlock(channels[-1], name=f"block_{i}") for i in range(blocks)]
        self.decoder = []
        for filters in reversed(channels[:-1]):
            self.decoder += [
                _upsampling(filters, upsampling),
                InstanceNormalization(),
                keras.layers.ReLU(),
            ]
        self.decoder += [
            ReflectionPadding2D(3),
            keras.layers.Conv2D(3, 7, kernel_initializer=normal_init()),
            keras.layers.Activation("tanh", dtype="float32"),
        ]

    def call(self, inputs, training=False):
        x = inputs
        for layer in [*self.encoder, *self.body, *self.decoder]:
            x = _apply(layer, x, training)
        return x

    def get_config(self):
        return {
            "blocks": self.blocks,
            "ngf": self.ngf,
            "downsamplings": self.downsamplings,
            "upsampling": self.upsampling,
        }


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResidualBlock(keras.layers.Layer):
    """Two mirrored 3x3 convolutions with instance normalisation around an identity: [N, H, W,
    filters] to the same.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.branch = [
            ReflectionPadding2D(1),
            *_convolution(filters, 3),
            ReflectionPadding2D(1),
            *_convolution(filters, 3)[:-1],
        ]

    def call(self, inputs, training=False):
        x = inputs
        for layer in self.branch:
            x = _apply(layer, x, training)
        return inputs + x

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def _convolution(filters: int, kernel_size: int, stride: int = 1) -> list:
    return [
        keras.layers.Conv2D(filters, kernel_size, strides=stride, kernel_initializer=normal_init()),
        InstanceNormalization(),
        keras.layers.ReLU(),
    ]


def _upsampling(filters: int, kind: str):
    if kind == "resize":
        return ResizeConv2D(filters)
    return keras.layers.Conv2DTranspose(
        filters, 3, strides=2, padding="same", kernel_initializer=normal_init()
    )


def _apply(layer, x, training):
    """Keras hands `training` on only to layers that take it; ours choose their faster form by it."""
    own = (InstanceNormalization, ReflectionPadding2D, ResizeConv2D, ResidualBlock)
    return layer(x, training=training) if isinstance(layer, own) else layer(x)
