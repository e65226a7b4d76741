"""From the names in options to models and networks. TensorFlow and the models are imported inside
functions, because command lines read the tables of names.
"""

import math
from collections.abc import Mapping

# Residual blocks and downsamplings of a ResNetGenerator.
GENERATOR_BLOCKS = {"resnet9": (9, 2), "resnet6": (6, 2), "shallow": (3, 1)}

# Arguments of MobileGenerator, chosen by `python -m export.search`: the fastest, and the best
# within half of the time that a public int8 cartoon network takes.
STUDENTS = {"mobile": {}, "mobile-hq": {"stem": 48, "width": 96, "drawing": 6}}

# Likewise, of training.onesided.
_ANTIALIASED = {True: {"antialias": True, "down": 4}, False: {"antialias": False, "down": 3}}
_STEADY = {"residual": True, "smoothing": 4, **_ANTIALIASED[True]}
ONESIDED_NETWORKS = {
    "mobile": {"width": 96, "blocks": 3, **_STEADY},
    "mobile-hq": {**STUDENTS["mobile-hq"], "blocks": 4, **_STEADY},
}

UNET_DEPTHS = {"unet256": 8, "unet128": 7, "unet64": 6}


def build_model(model: str, options: Mapping, features=None):
    """The built model that config.json calls `model`, from the resolved options by name.

    features: a tf_i2i.pretrained.feature_space.FeatureSpace, for projected discriminators.
    """
    # A dry run, which averages nothing, has no half-life.
    options = {**options, "ema_half_life": options["ema_half_life"] or 0.0}
    if model == "onesided":
        return build_onesided(options, features)
    if model == "cyclegan":
        return _build_cyclegan(options, features)
    return _build_pix2pix(options)


def _build_cyclegan(options: Mapping, features=None):
    from tf_i2i.models.cyclegan_model import CycleGAN
    from tf_i2i.models.patch_discriminator import PatchDiscriminator
    from tf_i2i.models.projected_discriminator import ProjectedDiscriminator
    from tf_i2i.models.resnet_generator import ResNetGenerator

    blocks, downsamplings = GENERATOR_BLOCKS[options["generator"]]
    generator = (blocks, options["ngf"], downsamplings, options["upsampling"])
    generator += (options["residual"],)
    new, discriminator = PatchDiscriminator, (options["ndf"], options["discriminator_layers"])
    if features is not None:
        new = ProjectedDiscriminator
        discriminator = (features, *discriminator, options["gan_loss"], options["seed"])
    names = ("crop_size", "lambda_cycle", "lambda_identity", "lambda_colour", "gan_loss")
    names += ("pool_size", "ema_half_life", "seed")
    return CycleGAN(
        ResNetGenerator(*generator, name="generator_ab"),
        ResNetGenerator(*generator, name="generator_ba"),
        new(*discriminator, name="discriminator_a"),
        new(*discriminator, name="discriminator_b"),
        **{name: options[name] for name in names},
    )


def _build_pix2pix(options: Mapping):
    from tf_i2i.models.patch_discriminator import PatchDiscriminator
    from tf_i2i.models.pix2pix_model import Pix2Pix
    from tf_i2i.models.resnet_generator import ResNetGenerator
    from tf_i2i.models.unet_generator import UNetGenerator

    name, ngf = options["generator"], options["ngf"]
    named = {"upsampling": options["upsampling"], "name": "generator"}
    if name in UNET_DEPTHS:
        generator = UNetGenerator(UNET_DEPTHS[name], ngf, options["norm"], **named)
    else:
        generator = ResNetGenerator(GENERATOR_BLOCKS[name][0], ngf, **named)
    patches = (options["ndf"], options["discriminator_layers"])
    discriminator = PatchDiscriminator(*patches, affine=True, name="discriminator")
    names = ("crop_size", "lambda_l1", "gan_loss", "ema_half_life", "seed")
    return Pix2Pix(generator, discriminator, **{name: options[name] for name in names})


def build_onesided(options: Mapping, features, taught: bool = False, design=None):
    """As `build_model`. taught: it will keep to a teacher's translations; design: arguments of
    MobileGenerator in place of those of options["network"].
    """
    from tf_i2i.models.mobile_generator import MobileGenerator
    from tf_i2i.models.onesided_model import OneSided, TaughtOneSided
    from tf_i2i.models.projected_discriminator import ProjectedDiscriminator

    if design is None:
        design = ONESIDED_NETWORKS[options["network"]] | _ANTIALIASED[options["antialias"]]
    student = MobileGenerator(**design, name="student")
    sizes = options["ndf"], options["discriminator_layers"]
    discriminator = ProjectedDiscriminator(
        features, *sizes, seed=options["seed"], name="discriminator"
    )
    names = ("crop_size", "lambda_content", "lambda_structure", "lambda_colour")
    names += ("lambda_luminance", "lambda_stability", "lambda_face_tone", "ema_half_life", "seed")
    new = TaughtOneSided if taught else OneSided
    return new(student, discriminator, **{name: options[name] for name in names})


def counted_networks(model) -> dict:
    """One network of each shape in a model that takes pictures, with its input channels: what a log
    counts. Projected discriminators take feature maps.
    """
    if hasattr(model, "student"):
        return {model.student: 3}
    if hasattr(model, "generator_ab"):
        return {model.generator_ab: 3} | ({} if model.projected else {model.discriminator_b: 3})
    return {model.generator: 3, model.discriminator: 6}


def translator_names(kind: str, direction: str) -> tuple[str, str]:
    """Attributes of a model: the generator of a direction (Pix2Pix has only ab) and its average."""
    suffix = "" if kind == "pix2pix" else f"_{direction}"
    return f"generator{suffix}", f"average{suffix}"


def unet_for(crop_size: int) -> str | None:
    """The deepest U-Net that can halve a crop of this size, as an option's value; None if none can."""
    return next((name for name, depth in UNET_DEPTHS.items() if crop_size % 2**depth == 0), None)


def count_macs(network, size: int, channels: int = 3) -> int:
    """Multiply-accumulate operations (MACs) of the convolutions for one image of size x size."""
    import tensorflow as tf

    function = tf.function(lambda image: network(image, training=False))
    image = tf.TensorSpec([1, size, size, channels], tf.float32)
    operations = function.get_concrete_function(image).graph.get_operations()
    return sum(_operation_macs(operation) for operation in operations)


def _operation_macs(operation) -> int:
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"):
        return 0
    # A transposed convolution applies its kernel at each input pixel, others at each output pixel.
    transposed = operation.type == "Conv2DBackpropInput"
    pixels = operation.inputs[2] if transposed else operation.outputs[0]
    return math.prod([*operation.inputs[1].shape, *pixels.shape[1:3]])
