"""Trains CycleGAN on two folders of pictures, then distils it into a mobile student: python -m
training.cyclegan
"""

from __future__ import annotations

import dataclasses

from training.common_options import DATA, GUIDANCE, LOSSES, NETWORKS, STUDENT, common
from training.options import given_options, option, parse, run_command


@dataclasses.dataclass(frozen=True)
class CycleGANOptions:
    """Every option of the trainer; `None` is resolved when the run starts and written to
    config.json.
    """

    domain_a: str | None = option(
        None,
        "photos: a folder, a text file with a path a line, or tfds:NAME[/CONFIG]:SPLIT",
        group=DATA,
        metavar="SRC",
    )
    domain_b: str | None = option(
        None,
        "pictures in the style to learn, likewise; without any source: bundled demo data",
        group=DATA,
        metavar="SRC",
    )
    val_a: str | None = option(
        None,
        "photos for validation; otherwise 4 % of domain A are held out",
        group=DATA,
        metavar="SRC",
    )
    val_b: str | None = option(
        None,
        "style pictures for validation; with the file names of --val-a they count as true translations",
        group=DATA,
        metavar="SRC",
    )
    split: str | None = common("split")
    split_by: str = common("split_by")
    split_seed: int = common("split_seed")
    load_size: int = common("load_size")
    crop_size: int = common("crop_size")
    flip: bool = common("flip")

    run: str | None = common("run", comment="run folder; default runs/cyclegan-<date>-<time>")
    options: str | None = common("options")
    steps: int | None = common("steps")
    epochs: int | None = common(
        "epochs",
        comment="times each picture of the larger domain is seen; default 200, with demo data 1,200 steps",
    )
    batch_size: int = common("batch_size")
    sample_every: int = common("sample_every")
    checkpoint_every: int = common("checkpoint_every")
    keep: int = common("keep")
    on_nan: str = common("on_nan")
    seed: int = common("seed")
    resume: bool = common("resume")
    dry_run: bool = common("dry_run")

    generator: str = option(
        "resnet9", "generator network", group=NETWORKS, choices=("resnet9", "resnet6", "shallow")
    )
    upsampling: str = option(
        "resize",
        "how generators double the size: nearest neighbour and convolution, or transposed convolution",
        group=NETWORKS,
        choices=("resize", "transposed"),
    )
    ngf: int = common("ngf", comment="channels of the generators' first convolution")
    ndf: int = common("ndf", comment="channels of the discriminators' first convolution")
    discriminator_layers: int = common("discriminator_layers")

    learning_rate: float = common("learning_rate")
    beta1: float = common("beta1")
    beta2: float = common("beta2")
    decay_fraction: float = common("decay_fraction")
    precision: str = common("precision")
    ema_half_life: float | None = common("ema_half_life")

    lambda_cycle: float = option(10.0, "weight of both cycle losses", group=LOSSES, minimum=0)
    lambda_identity: float = option(
        0.5, "weight of both identity losses, as a share of --lambda-cycle", group=LOSSES, minimum=0
    )
    lambda_colour: float = option(
        20.0,
        "weight of coarse chroma consistency of photo and translation; 0 lets the style change colours",
        group=LOSSES,
        minimum=0,
    )
    gan_loss: str = option(
        "lsgan", "adversarial loss", group=LOSSES, choices=("lsgan", "vanilla", "hinge")
    )
    pool_size: int = option(
        50,
        "generated images that each discriminator's history holds",
        group=LOSSES,
        unit="images",
        minimum=0,
    )

    lambda_face: float = option(
        0.0,
        "weight of the squared distance of face embeddings of a picture and its translation, each direction",
        group=GUIDANCE,
        minimum=0,
    )
    face_model: str | None = option(
        None,
        "face network: face-api (dlib's, 12.7 MB by npm pack), a Keras model, or a SavedModel's folder",
        group=GUIDANCE,
        metavar="SRC",
    )
    face_crop: str = option(
        "fixed",
        "where the face is: at a fixed place of the picture, or detected once a picture (none: no part in the loss)",
        group=GUIDANCE,
        choices=("fixed", "detected"),
    )
    face_share: float | None = option(
        None,
        "side of the fixed face crop, as a share of the picture's shorter side; default the network's, 0.455",
        group=GUIDANCE,
        minimum=0.05,
        maximum=1,
    )
    face_shift: float | None = option(
        None,
        "how far it lies below the middle, as a share of the same; default the network's, 0.05",
        group=GUIDANCE,
        minimum=-0.5,
        maximum=0.5,
    )
    face_jitter: float = option(
        0.1,
        "share of its side by which each step moves and scales the face's crop, so that no pattern pleases one crop only",
        group=GUIDANCE,
        minimum=0,
        maximum=0.5,
    )
    face_range: tuple[float, ...] = option(
        (),
        "what an own face network takes for black and white; default -1 1",
        group=GUIDANCE,
        metavar="VALUE",
    )
    lambda_segmentation: float = option(
        0.0,
        "weight of the divergence of each pixel's classes between a picture and its translation, each direction",
        group=GUIDANCE,
        minimum=0,
    )
    segmentation_model: str | None = option(
        None,
        "segmentation network: selfie (people, 4 MB by npm pack), keras-cv:WEIGHTS.h5 (DeepLabV3+), a Keras model, or "
        "a SavedModel's folder",
        group=GUIDANCE,
        metavar="SRC",
    )
    segmentation_temperature: float | None = option(
        None,
        "what its logits are divided by; default 64 for selfie, else 1",
        group=GUIDANCE,
        minimum=0.01,
    )
    segmentation_jitter: float = option(
        0.25,
        "share of its side by which each step moves and scales what the network sees of the picture",
        group=GUIDANCE,
        minimum=0,
        maximum=0.5,
    )
    segmentation_size: int | None = option(
        None,
        "side of what an own network is given; default its own, else the crop's to a multiple of 32",
        group=GUIDANCE,
        unit="pixels",
        minimum=16,
    )
    segmentation_range: tuple[float, ...] = option(
        (),
        "what an own network takes for black and white; default 0 1",
        group=GUIDANCE,
        metavar="VALUE",
    )
    segmentation_output: str = option(
        "auto",
        "what an own network gives: probabilities or logits; auto looks",
        group=GUIDANCE,
        choices=("auto", "softmax", "logits"),
    )

    student: str = common("student")
    student_steps: int = common("student_steps")
    student_direction: str = option(
        "ab",
        "direction of the student: ab makes B from A",
        group=STUDENT,
        choices=("ab", "ba", "both"),
    )


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        CycleGANOptions,
        argv,
        prog="python -m training.cyclegan",
        description=__doc__,
        epilog="Example: python -m training.cyclegan --domain-a photos/ --domain-b paintings/ --crop-size 256\n"
        "Faces:   python -m training.cyclegan --options recipes/faces.yaml --domain-a portraits/ --domain-b cartoons/\n"
        "Then:    python -m export.tflite --int8",
    )
    from training.unpaired import train

    return train(options, given_options(CycleGANOptions, argv))


if __name__ == "__main__":
    run_command(main)
