"""The PatchGAN discriminator of Pix2Pix and CycleGAN."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_i2i.layers import normal_init
from tf_i2i.normalization import InstanceNormalization


@keras.saving.register_keras_serializable(package="tf_i2i")
class PatchDiscriminator(keras.Model):
    """Judges overlapping patches, 70x70 pixels with 3 layers (Isola et al. 2017, section 3.2.2 and appendix 6.1.2).

    Args:
        ndf: channels of the first convolution; they double a layer, up to 8 times.
        layers: convolutions of stride 2: 1 judges patches of 16, 2 of 34, 3 of 70, 4 of 142 pixels.

    Shapes: float images [N, H, W, C] to float32 scores without activation [N, h, w, 1]; 256 px and 3 layers give
    30x30. With ndf 64, 3 layers, 3 channels in: 2.765 M parameters, as the reference.
    """

    def __init__(self, ndf: int = 64, layers: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.ndf, self.depth = ndf, layers
        self.sequence = [*_convolution(ndf, stride=2, normalise=False)]
        for i in range(1, layers + 1):
            self.sequence += _convolution(ndf * min(2**i, 8), stride=2 if i < layers else 1)
        self.sequence += [
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(1, 4, kernel_initializer=normal_init()),
            keras.layers.Activation("linear", dtype="float32"),
        ]

    def call(self, inputs, training=False):
        x = inputs
        for layer in self.sequence:
            x = layer(x, training=training) if isinstance(layer, InstanceNormalization) else layer(x)
        return x

    def get_config(self):
        return {"ndf": self.ndf, "layers": self.depth}


@keras.saving.register_keras_serializable(package="tf_i2i")
class LeakyReLU(keras.layers.Layer):
    """max(x, slope x). TensorFlow's own operation makes the graph optimiser of 2.15 give up on the whole training
    step (its fusion with the bias breaks the gradient's input); a maximum it leaves alone, and the gradient's
    operation is the fast one."""

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


def _convolution(filters: int, stride: int, normalise: bool = True) -> list:
    # Explicit padding of 1 with 'valid': Keras's 'same' pads a 4x4 kernel at stride 2 unlike the reference.
    layers = [
        keras.layers.ZeroPadding2D(1),
        keras.layers.Conv2D(filters, 4, strides=stride, kernel_initializer=normal_init()),
    ]
    if normalise:
        layers.append(InstanceNormalization())
    return [*layers, LeakyReLU(0.2)]
