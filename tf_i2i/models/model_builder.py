"""Networks as options name them."""

from __future__ import annotations

from collections.abc import Mapping

GENERATOR_BLOCKS = {"resnet9": (9, 2), "resnet6": (6, 2), "shallow": (3, 1)}


# Arguments of MobileGenerator, chosen by `python -m export.search`: the quickest, and the best
# within half of the time that a public int8 cartoon network takes.
STUDENTS = {"mobile": {}, "mobile-hq": {"stem": 48, "width": 96, "drawing": 6}}


UNET_DEPTHS = {"unet256": 8, "unet128": 7, "unet64": 6}


def build_cyclegan(options: Mapping, ema_half_life: float):
    """A built CycleGAN from options by name (the dataclass as a dict, or config.json's)."""
    from tf_i2i.models.cyclegan_model import CycleGAN
    from tf_i2i.models.patch_discriminator import PatchDiscriminator
    from tf_i2i.models.resnet_generator import ResNetGenerator

    blocks, downsamplings = GENERATOR_BLOCKS[options["generator"]]

    def generator(name: str):
        return ResNetGenerator(
            blocks, options["ngf"], downsamplings, options["upsampling"], name=name
        )

    def discriminator(name: str):
        return PatchDiscriminator(options["ndf"], options["discriminator_layers"], name=name)

    return CycleGAN(
        generator("generator_ab"),
        generator("generator_ba"),
        discriminator("discriminator_a"),
        discriminator("discriminator_b"),
        crop_size=options["crop_size"],
        lambda_cycle=options["lambda_cycle"],
        lambda_identity=options["lambda_identity"],
        lambda_colour=options["lambda_colour"],
        gan_loss=options["gan_loss"],
        pool_size=options["pool_size"],
        ema_half_life=ema_half_life,
        seed=options["seed"],
    )


def build_pix2pix(options: Mapping, ema_half_life: float):
    """A built Pix2Pix, likewise."""
    from tf_i2i.models.patch_discriminator import PatchDiscriminator
    from tf_i2i.models.pix2pix_model import Pix2Pix
    from tf_i2i.models.resnet_generator import ResNetGenerator
    from tf_i2i.models.unet_generator import UNetGenerator

    kind, ngf, upsampling = options["generator"], options["ngf"], options["upsampling"]
    if kind in UNET_DEPTHS:
        generator = UNetGenerator(
            UNET_DEPTHS[kind], ngf, options["norm"], upsampling, name="generator"
        )
    else:
        generator = ResNetGenerator(
            GENERATOR_BLOCKS[kind][0], ngf, upsampling=upsampling, name="generator"
        )
    discriminator = PatchDiscriminator(
        options["ndf"], options["discriminator_layers"], affine=True, name="discriminator"
    )
    return Pix2Pix(
        generator,
        discriminator,
        crop_size=options["crop_size"],
        lambda_l1=options["lambda_l1"],
        gan_loss=options["gan_loss"],
        ema_half_life=ema_half_life,
        seed=options["seed"],
    )


def build_model(kind: str, options: Mapping, ema_half_life: float):
    """The model that config.json calls `kind`, "cyclegan" or "pix2pix"."""
    return {"cyclegan": build_cyclegan, "pix2pix": build_pix2pix}[kind](options, ema_half_life)


def counted_networks(model) -> dict:
    """One network of each shape that a model trains -> its input channels: what a log counts."""
    if hasattr(model, "generator_ab"):
        return {model.generator_ab: 3, model.discriminator_b: 3}
    return {model.generator: 3, model.discriminator: 6}


def translator_names(kind: str, direction: str) -> tuple[str, str]:
    """Attributes of a model: the generator of a direction, and its moving average. Pix2Pix has ab,
    input to target.
    """
    return (
        ("generator", "average")
        if kind == "pix2pix"
        else (f"generator_{direction}", f"average_{direction}")
    )


def unet_for(crop_size: int) -> str | None:
    """The deepest U-Net that a crop can be halved for, as an option's value; None where none fits."""
    return next((name for name, depth in UNET_DEPTHS.items() if crop_size % 2**depth == 0), None)


def count_macs(network, size: int, channels: int = 3) -> int:
    """Multiply-accumulate operations of the convolutions for one image of size x size."""
    import tensorflow as tf

    function = tf.function(lambda x: network(x, training=False))
    graph = function.get_concrete_function(
        tf.TensorSpec([1, size, size, channels], tf.float32)
    ).graph
    return sum(_operation_macs(operation) for operation in graph.get_operations())


def _operation_macs(operation) -> int:
    import numpy as np

    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"):
        return 0
    height, width, inputs, last = operation.inputs[1].shape.as_list()
    # A transposed convolution spends its kernel on each input pixel, the others on each output
    # pixel.
    pixels = (
        operation.inputs[2] if operation.type == "Conv2DBackpropInput" else operation.outputs[0]
    )
    return int(np.prod(pixels.shape.as_list()[1:3])) * height * width * inputs * last
