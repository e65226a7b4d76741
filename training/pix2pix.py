"""Trains Pix2Pix on pairs of pictures, then distils it into a mobile student: python -m
training.pix2pix
"""

from __future__ import annotations

import dataclasses

from training.common_options import DATA, LOSSES, NETWORKS, OPTIMISATION, common
from training.options import given_options, option, parse, run_command


@dataclasses.dataclass(frozen=True)
class Pix2PixOptions:
    """Every option of the trainer; `None` is resolved when the run starts and written to
    config.json.
    """

    input: str | None = option(
        None,
        "pictures to translate: a folder, a text file with a path a line, or tfds:NAME[/CONFIG]:SPLIT[:FEATURE]",
        group=DATA,
        metavar="SRC",
    )
    target: str | None = option(
        None,
        "their true translations under equal file names; without any source: bundled demo data",
        group=DATA,
        metavar="SRC",
    )
    pairs: str | None = option(
        None,
        "in place of both: pictures that hold input and target side by side",
        group=DATA,
        metavar="SRC",
    )
    direction: str = option(
        "ab",
        "of --pairs: ab takes the left half as the input, ba the right one",
        group=DATA,
        choices=("ab", "ba"),
    )
    val_input: str | None = option(
        None,
        "inputs for validation; otherwise 4 % of the pairs are held out",
        group=DATA,
        metavar="SRC",
    )
    val_target: str | None = option(None, "their targets", group=DATA, metavar="SRC")
    val_pairs: str | None = option(None, "in place of both, as --pairs", group=DATA, metavar="SRC")
    split: str | None = common("split")
    split_by: str = common("split_by")
    split_seed: int = common("split_seed")
    load_size: int | None = common(
        "load_size",
        default=None,
        comment="shorter side that pictures are resized to; default 286, with demo data 143",
    )
    crop_size: int | None = common(
        "crop_size",
        default=None,
        comment="side of the random training crops, for a U-Net a multiple of 64; default 256, with demo data 128",
    )
    flip: bool = common("flip", comment="do not mirror pairs at random")

    run: str | None = common("run", comment="run folder; default runs/pix2pix-<date>-<time>")
    options: str | None = common("options")
    steps: int | None = common("steps")
    epochs: int | None = common(
        "epochs", comment="times each pair is seen; default 200, with demo data 1,500 steps"
    )
    batch_size: int = common("batch_size", comment="pairs a step, over all devices")
    sample_every: int = common("sample_every")
    checkpoint_every: int = common("checkpoint_every")
    keep: int = common("keep")
    on_nan: str = common("on_nan")
    seed: int = common("seed", comment="of weights, data order, crops and dropout")
    resume: bool = common("resume")
    dry_run: bool = common("dry_run")

    generator: str | None = option(
        None,
        "generator network; default the deepest U-Net that --crop-size can be halved for (256 px: unet256)",
        group=NETWORKS,
        choices=("unet256", "unet128", "unet64", "resnet9", "resnet6"),
    )
    norm: str = option(
        "batch",
        "normalisation of a U-Net: by statistics of all the training (batch) or of the picture (instance)",
        group=NETWORKS,
        choices=("batch", "instance"),
    )
    upsampling: str | None = option(
        None,
        "how the generator doubles the size: transposed convolution (default of U-Nets), or nearest neighbour and "
        "convolution (of ResNets)",
        group=NETWORKS,
        choices=("resize", "transposed"),
    )
    ngf: int | None = common(
        "ngf",
        default=None,
        comment="channels of the generator's first convolution; default 64, with demo data 32",
    )
    ndf: int | None = common(
        "ndf",
        default=None,
        comment="channels of the discriminator's first convolution; default 64, with demo data 32",
    )
    discriminator_layers: int = common("discriminator_layers")

    learning_rate: float = common("learning_rate")
    beta1: float = common("beta1")
    beta2: float = common("beta2")
    weight_decay: float = option(
        0.0,
        "share of each convolution's weights that a step takes off, times the rate",
        group=OPTIMISATION,
        minimum=0,
    )
    decay_fraction: float = common("decay_fraction")
    precision: str = common("precision")
    ema_half_life: float | None = common(
        "ema_half_life",
        comment="half-life of the generator's averaged weights; default 0.2 x steps, at most 10,000; 0: no average",
    )

    lambda_l1: float = option(
        100.0, "weight of the distance to the target", group=LOSSES, minimum=0
    )
    gan_loss: str = option(
        "vanilla", "adversarial loss", group=LOSSES, choices=("vanilla", "lsgan", "hinge")
    )

    student: str = common("student")
    student_steps: int | None = common(
        "student_steps",
        default=None,
        comment="distillation steps; default 3,000, with demo data 1,000",
    )


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        Pix2PixOptions,
        argv,
        prog="python -m training.pix2pix",
        description=__doc__,
        epilog="Example: python -m training.pix2pix --input drawings/ --target photos/\n"
        "     or: python -m training.pix2pix --pairs facades/train --direction ba\n"
        "Then:    python -m export.tflite --int8",
    )
    from training.paired import train

    return train(options, given_options(Pix2PixOptions, argv))


if __name__ == "__main__":
    run_command(main)
