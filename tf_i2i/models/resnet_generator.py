"""The ResNet generator of CycleGAN."""

import keras
import tensorflow as tf

from tf_i2i.models.layers import (
    InstanceNormalization,
    ReflectionPadding2D,
    chain,
    clipped,
    convolution,
    upsampling_layer,
)


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResNetGenerator(keras.Model):
    """Encoder, residual blocks, decoder (Johnson et al. 2016; Zhu et al. 2017, appendix 7.2).

    Args:
        blocks: residual blocks; 9 for 256 px and above, 6 for 128 px in the paper.
        ngf: channels of the first convolution; each downsampling doubles them.
        downsamplings: 2 in the paper; 1 keeps shapes and changes only color and texture.
        upsampling: "resize" (nearest neighbour and convolution) or "transposed" (the reference's).
        residual: the network draws a change of the photo, none at first, in place of a picture.
            Instance normalization takes away how bright and colorful a photo is; a network that
            must give that back learns spots so strong that they carry the statistics, and they
            show as dark spots (the droplets of Karras et al. 2020, "Analyzing and Improving the
            Image Quality of StyleGAN", section 2.1).

    Shapes: float RGB in [-1, 1] [N, H, W, 3] to float32 RGB in [-1, 1] [N, H, W, 3]; H and W are
    multiples of 2**downsamplings. With blocks 9 and ngf 64: 11.378 M parameters, as the reference.
    """

    def __init__(
        self,
        blocks: int = 9,
        ngf: int = 64,
        downsamplings: int = 2,
        upsampling: str = "resize",
        residual: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.blocks, self.ngf = blocks, ngf
        self.downsamplings, self.upsampling = downsamplings, upsampling
        self.residual = residual
        self.stride = 2**downsamplings
        channels = [ngf * 2**i for i in range(downsamplings + 1)]
        self.encoder = [ReflectionPadding2D(3), *_normalized(convolution(ngf, 7))]
        for filters in channels[1:]:
            # Keras's 'same' at stride 2 pads one side only, the reference both.
            pad = keras.layers.ZeroPadding2D(1)
            self.encoder += [pad, *_normalized(convolution(filters, 3, strides=2))]
        self.body = [ResidualBlock(channels[-1], name=f"block_{i}") for i in range(blocks)]
        self.decoder = []
        for filters in reversed(channels[:-1]):
            self.decoder += _normalized(upsampling_layer(upsampling, filters, kernel_size=3))
        head = convolution(3, 7)
        if residual:
            head = keras.layers.Conv2D(3, 7, kernel_initializer="zeros")
        out = keras.layers.Activation("linear" if residual else "tanh", dtype="float32")
        self.decoder += [ReflectionPadding2D(3), head, out]

    def call(self, inputs, training=False):
        outputs = chain([*self.encoder, *self.body, *self.decoder], inputs)
        return clipped(tf.cast(inputs, tf.float32) + outputs) if self.residual else outputs

    def get_config(self):
        names = ("blocks", "ngf", "downsamplings", "upsampling", "residual")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="tf_i2i")
class ResidualBlock(keras.layers.Layer):
    """Two mirrored 3x3 convolutions with instance normalization around an identity."""

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.branch = [
            ReflectionPadding2D(1),
            *_normalized(convolution(filters, 3)),
            ReflectionPadding2D(1),
            *_normalized(convolution(filters, 3))[:-1],
        ]

    def call(self, inputs, training=False):
        return inputs + chain(self.branch, inputs)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def _normalized(layer) -> list:
    return [layer, InstanceNormalization(), keras.layers.ReLU()]
