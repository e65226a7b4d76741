"""The PatchGAN discriminator of Pix2Pix and CycleGAN."""

from __future__ import annotations

import keras

from tf_i2i.models.layers import InstanceNormalization, LeakyReLU, normal_init


@keras.saving.register_keras_serializable(package="tf_i2i")
class PatchDiscriminator(keras.Model):
    """Judges overlapping patches, 70x70 pixels with 3 layers (Isola et al. 2017, section 3.2.2 and
    appendix 6.1.2).

    Args:
        ndf: channels of the first convolution; they double a layer, up to 8 times.
        layers: convolutions of stride 2: 1 judges patches of 16, 2 of 34, 3 of 70, 4 of 142 pixels.
        affine: normalisation with a learnt scale and offset in place of the convolutions' bias, as
            the reference Pix2Pix has it. That normalises a batch, which in its recipe is one
            picture; here it is each picture in any batch, so that real and fake pairs can go
            through together.

    Shapes: float images [N, H, W, C] to float32 scores without activation [N, h, w, 1]; 256 px and
    3 layers give 30x30. With ndf 64, 3 layers: 2.765 M parameters for 3 channels in, 2.769 M for a
    pair (6) and affine, as the references.
    """

    def __init__(self, ndf: int = 64, layers: int = 3, affine: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.ndf, self.depth, self.affine = ndf, layers, affine
        self.sequence = [*_convolution(ndf, stride=2, normalise=False)]
        for i in range(1, layers + 1):
            self.sequence += _convolution(
                ndf * min(2**i, 8), stride=2 if i < layers else 1, affine=affine
            )
        self.sequence += [
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(1, 4, kernel_initializer=normal_init()),
            keras.layers.Activation("linear", dtype="float32"),
        ]

    def call(self, inputs, training=False):
        x = inputs
        for layer in self.sequence:
            x = (
                layer(x, training=training)
                if isinstance(layer, InstanceNormalization)
                else layer(x)
            )
        return x

    def get_config(self):
        return {"ndf": self.ndf, "layers": self.depth, "affine": self.affine}


def _convolution(filters: int, stride: int, normalise: bool = True, affine: bool = False) -> list:
    # Explicit padding of 1 with 'valid': Keras's 'same' pads a 4x4 kernel at stride 2 unlike the
    # reference.
    layers = [
        keras.layers.ZeroPadding2D(1),
        keras.layers.Conv2D(
            filters,
            4,
            strides=stride,
            use_bias=not (normalise and affine),
            kernel_initializer=normal_init(),
        ),
    ]
    if normalise:
        layers.append(InstanceNormalization(affine=affine))
    return [*layers, LeakyReLU(0.2)]
