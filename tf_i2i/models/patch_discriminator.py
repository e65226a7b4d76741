"""The PatchGAN discriminator of Pix2Pix and CycleGAN."""

import keras

from tf_i2i.models.layers import InstanceNormalization, LeakyReLU, chain, convolution


def least_side(layers: int) -> int:
    """Of images that a discriminator of so many layers gives at least one score, in pixels."""
    return 3 * 2**layers


@keras.saving.register_keras_serializable(package="tf_i2i")
class PatchDiscriminator(keras.Model):
    """Scores overlapping patches, 70x70 pixels with 3 layers (Isola et al. 2017, section 3.2.2 and
    appendix 6.1.2).

    Args:
        ndf: channels of the first convolution; each layer doubles them, up to 8 times `ndf`.
        layers: convolutions of stride 2: 1 scores patches of 16, 2 of 34, 3 of 70, 4 of 142 pixels.
        affine: normalization with a learned scale and offset in place of the convolutions' bias, as
            in the reference Pix2Pix. That normalizes its batches of one picture; here it is each
            picture of any batch, so that real and fake pairs can share one.

    Shapes: float images [N, H, W, C] to float32 logits [N, h, w, 1]; 256 px and 3 layers give
    30x30. With ndf 64 and 3 layers: 2.765 M parameters for 3 input channels, 2.769 M for a pair (6)
    and affine, as in the references.
    """

    def __init__(self, ndf: int = 64, layers: int = 3, affine: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.ndf, self.depth, self.affine = ndf, layers, affine
        pad = keras.layers.ZeroPadding2D  # Keras's 'same' pads one side only at stride 2
        self.sequence = [pad(1), convolution(ndf, 4, strides=2), LeakyReLU(0.2)]
        for i in range(1, layers + 1):
            strides = 2 if i < layers else 1
            self.sequence += [
                pad(1),
                convolution(ndf * min(2**i, 8), 4, strides=strides, use_bias=not affine),
                InstanceNormalization(affine),
                LeakyReLU(0.2),
            ]
        logits = keras.layers.Activation("linear", dtype="float32")
        self.sequence += [pad(1), convolution(1, 4), logits]

    def call(self, inputs, training=False):
        return chain(self.sequence, inputs)

    def get_config(self):
        config = {"ndf": self.ndf, "layers": self.depth, "affine": self.affine}
        return {**super().get_config(), **config}
