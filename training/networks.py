"""Networks as options name them."""

from __future__ import annotations

from collections.abc import Mapping

GENERATOR_BLOCKS = {"resnet9": (9, 2), "resnet6": (6, 2), "shallow": (3, 1)}


def build_cyclegan(options: Mapping, ema_half_life: float):
    """A built CycleGAN from options by name (the dataclass as a dict, or config.json's)."""
    from tf_i2i.cyclegan import CycleGAN
    from tf_i2i.patch_discriminator import PatchDiscriminator
    from tf_i2i.resnet_generator import ResNetGenerator

    blocks, downsamplings = GENERATOR_BLOCKS[options["generator"]]

    def generator(name: str):
        return ResNetGenerator(blocks, options["ngf"], downsamplings, options["upsampling"], name=name)

    def discriminator(name: str):
        return PatchDiscriminator(options["ndf"], options["discriminator_layers"], name=name)

    return CycleGAN(
        generator("generator_ab"), generator("generator_ba"), discriminator("discriminator_a"), discriminator("discriminator_b"),
        crop_size=options["crop_size"], lambda_cycle=options["lambda_cycle"], lambda_identity=options["lambda_identity"],
        lambda_colour=options["lambda_colour"], gan_loss=options["gan_loss"], pool_size=options["pool_size"],
        ema_half_life=ema_half_life, seed=options["seed"],
    )  # fmt: skip


def count_macs(network, size: int, channels: int = 3) -> int:
    """Multiply-accumulate operations of the convolutions for one image of size x size."""
    import tensorflow as tf

    function = tf.function(lambda x: network(x, training=False))
    graph = function.get_concrete_function(tf.TensorSpec([1, size, size, channels], tf.float32)).graph
    return sum(_operation_macs(operation) for operation in graph.get_operations())


def _operation_macs(operation) -> int:
    import numpy as np

    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"):
        return 0
    height, width, inputs, last = operation.inputs[1].shape.as_list()
    # A transposed convolution spends its kernel on each input pixel, the others on each output pixel.
    pixels = operation.inputs[2] if operation.type == "Conv2DBackpropInput" else operation.outputs[0]
    return int(np.prod(pixels.shape.as_list()[1:3])) * height * width * inputs * last
