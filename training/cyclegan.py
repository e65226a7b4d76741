"""Trains CycleGAN on two folders of pictures, then distils it into a mobile student: python -m training.cyclegan"""

from __future__ import annotations

import dataclasses

from training.options import given_options, option, parse, run_command

_DATA, _RUN, _NET, _OPT, _LOSS, _STUDENT = (
    "data", "run", "networks", "optimisation", "losses", "student (the model for phones)",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class CycleGANOptions:
    """Every option of the trainer; `None` is resolved when the run starts and written to config.json."""

    domain_a: str | None = option(
        None,
        "photos: a folder, a text file with a path a line, or tfds:NAME[/CONFIG]:SPLIT",
        group=_DATA,
        metavar="SRC",
    )
    domain_b: str | None = option(
        None,
        "pictures in the style to learn, likewise; without any source: bundled demo data",
        group=_DATA,
        metavar="SRC",
    )
    val_a: str | None = option(
        None,
        "photos for validation; otherwise 4 %% of domain A are held out".replace("%%", "%"),
        group=_DATA,
        metavar="SRC",
    )
    val_b: str | None = option(
        None,
        "style pictures for validation; with the file names of --val-a they count as true translations",
        group=_DATA,
        metavar="SRC",
    )
    load_size: int = option(286, "shorter side that pictures are resized to", group=_DATA, unit="pixels", minimum=16)
    crop_size: int = option(
        256, "side of the random training crops, a multiple of 4", group=_DATA, unit="pixels", minimum=16
    )
    flip: bool = option(True, "do not mirror pictures at random", group=_DATA)

    run: str | None = option(None, "run folder; default runs/cyclegan-<date>-<time>", group=_RUN, metavar="DIR")
    steps: int | None = option(None, "training steps; default: from --epochs", group=_RUN, minimum=1, resumable=True)
    epochs: int | None = option(
        None,
        "times each picture of the larger domain is seen; default 200, with demo data 1,200 steps",
        group=_RUN,
        minimum=1,
        resumable=True,
    )
    batch_size: int = option(1, "pictures of each domain a step, over all devices", group=_RUN, minimum=1)
    sample_every: int = option(
        200, "steps between sample pictures", group=_RUN, unit="steps", minimum=1, resumable=True
    )
    checkpoint_every: int = option(
        500, "steps between checkpoints", group=_RUN, unit="steps", minimum=1, resumable=True
    )
    keep: int = option(
        2,
        "newest checkpoints that stay; the best one by the validation pictures stays besides",
        group=_RUN,
        minimum=1,
        resumable=True,
    )
    on_nan: str = option(
        "stop",
        "when a loss is NaN or infinite: stop, or retry once from the last checkpoint with half the rate",
        group=_RUN,
        choices=("stop", "retry"),
        resumable=True,
    )
    seed: int = option(1, "of weights, data order, crops and pools", group=_RUN, minimum=0)
    resume: bool = option(False, "continue --run where its last checkpoint stands", group=_RUN, resumable=True)
    dry_run: bool = option(
        False, "print the resolved options, layers, parameters and MACs, and stop", group=_RUN, resumable=True
    )

    generator: str = option("resnet9", "generator network", group=_NET, choices=("resnet9", "resnet6", "shallow"))
    upsampling: str = option(
        "resize",
        "how generators double the size: nearest neighbour and convolution, or transposed convolution",
        group=_NET,
        choices=("resize", "transposed"),
    )
    ngf: int = option(64, "channels of the generators' first convolution", group=_NET, minimum=1)
    ndf: int = option(64, "channels of the discriminators' first convolution", group=_NET, minimum=1)
    discriminator_layers: int = option(
        3, "discriminator convolutions of stride 2; 3 judges patches of 70 pixels", group=_NET, minimum=1, maximum=5
    )

    learning_rate: float = option(2e-4, "Adam's rate", group=_OPT, minimum=0)
    beta1: float = option(0.5, "Adam's decay of the first moment", group=_OPT, minimum=0, maximum=0.9999)
    beta2: float = option(0.999, "Adam's decay of the second moment", group=_OPT, minimum=0, maximum=0.999999)
    decay_fraction: float = option(
        0.5, "share of the steps with linear decay to 0, at the end", group=_OPT, minimum=0, maximum=1
    )
    precision: str = option(
        "auto",
        "number format; auto takes bfloat16 or float16 where the hardware has it",
        group=_OPT,
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    ema_half_life: float | None = option(
        None,
        "half-life of the generators' averaged weights; default 0.3 x steps, at most 10,000; 0: no average",
        group=_OPT,
        unit="steps",
        minimum=0,
    )

    lambda_cycle: float = option(10.0, "weight of both cycle losses", group=_LOSS, minimum=0)
    lambda_identity: float = option(
        0.5, "weight of both identity losses, as a share of --lambda-cycle", group=_LOSS, minimum=0
    )
    lambda_colour: float = option(
        20.0,
        "weight of coarse chroma consistency of photo and translation; 0 lets the style change colours",
        group=_LOSS,
        minimum=0,
    )
    gan_loss: str = option("lsgan", "adversarial loss", group=_LOSS, choices=("lsgan", "vanilla", "hinge"))
    pool_size: int = option(
        50, "generated images that each discriminator's history holds", group=_LOSS, unit="images", minimum=0
    )

    student: str = option("mobile", "student to distil at the end", group=_STUDENT, choices=("mobile", "none"))
    student_steps: int = option(3000, "distillation steps", group=_STUDENT, unit="steps", minimum=1, resumable=True)
    student_direction: str = option(
        "ab", "direction of the student: ab makes B from A", group=_STUDENT, choices=("ab", "ba", "both")
    )


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        CycleGANOptions, argv, prog="python -m training.cyclegan", description=__doc__,
        epilog="Example: python -m training.cyclegan --domain-a photos/ --domain-b paintings/ --crop-size 256\n"
        "Then:    python -m export.tflite --int8",
    )  # fmt: skip
    from training.unpaired import train

    return train(options, given_options(CycleGANOptions, argv))


if __name__ == "__main__":
    run_command(main)
