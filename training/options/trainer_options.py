"""Options of training.cyclegan, training.pix2pix and training.distill. What several have is described once: `steps:
int | None = common("steps")`."""

from __future__ import annotations

import dataclasses
from typing import Any

from tf_i2i.command_line import option

DATA, RUN, NETWORKS, OPTIMISATION, LOSSES, GUIDANCE, STUDENT = (
    "data",
    "run",
    "networks",
    "optimisation",
    "losses",
    "guidance by pretrained networks",
    "student (the model for phones)",
)


_COMMON: dict[str, dict[str, Any]] = {
    "load_size": {
        "default": 286,
        "comment": "shorter side that pictures are resized to",
        "group": DATA,
        "unit": "pixels",
        "minimum": 16,
    },
    "crop_size": {
        "default": 256,
        "comment": "side of the random training crops, a multiple of 4",
        "group": DATA,
        "unit": "pixels",
        "minimum": 16,
    },
    "split": {
        "default": None,
        "comment": "TRAIN/VAL/TEST drawn from the pictures, as numbers (1000/500/500) or shares (80%/10%/10%); equal pictures "
        "stay together; in place of --val-...",
        "group": DATA,
        "metavar": "T/V/T",
    },
    "split_by": {
        "default": "picture",
        "comment": "what --split keeps together besides: folder, where each person has one",
        "group": DATA,
        "choices": ("picture", "folder"),
    },
    "split_seed": {
        "default": 1,
        "comment": "of the draw; --seed does not change it",
        "group": DATA,
        "minimum": 0,
    },
    "flip": {"default": True, "comment": "do not mirror pictures at random", "group": DATA},
    "run": {
        "default": None,
        "comment": "run folder; default runs/<model>-<date>-<time>",
        "group": RUN,
        "metavar": "DIR",
    },
    "options": {
        "default": None,
        "comment": "file with more options, `name: value` a line; the command line wins",
        "group": RUN,
        "metavar": "FILE",
        "resumable": True,
    },
    "steps": {
        "default": None,
        "comment": "training steps; default: from --epochs",
        "group": RUN,
        "minimum": 1,
        "resumable": True,
    },
    "epochs": {
        "default": None,
        "comment": "times each picture is seen",
        "group": RUN,
        "minimum": 1,
        "resumable": True,
    },
    "batch_size": {
        "default": 1,
        "comment": "pictures of each domain a step, over all devices",
        "group": RUN,
        "minimum": 1,
    },
    "sample_every": {
        "default": 200,
        "comment": "steps between sample pictures",
        "group": RUN,
        "unit": "steps",
        "minimum": 1,
        "resumable": True,
    },
    "checkpoint_every": {
        "default": 500,
        "comment": "steps between checkpoints",
        "group": RUN,
        "unit": "steps",
        "minimum": 1,
        "resumable": True,
    },
    "keep": {
        "default": 2,
        "comment": "newest checkpoints that stay; the best one by the validation pictures stays besides",
        "group": RUN,
        "minimum": 1,
        "resumable": True,
    },
    "on_nan": {
        "default": "stop",
        "comment": "when a loss is NaN or infinite: stop, or retry once from the last checkpoint with half the rate",
        "group": RUN,
        "choices": ("stop", "retry"),
        "resumable": True,
    },
    "seed": {
        "default": 1,
        "comment": "of weights, data order, crops and pools",
        "group": RUN,
        "minimum": 0,
    },
    "resume": {
        "default": False,
        "comment": "continue --run where its last checkpoint stands",
        "group": RUN,
        "resumable": True,
    },
    "dry_run": {
        "default": False,
        "comment": "print the resolved options, layers, parameters and MACs, and stop",
        "group": RUN,
        "resumable": True,
    },
    "ngf": {
        "default": 64,
        "comment": "channels of the generator's first convolution",
        "group": NETWORKS,
        "minimum": 1,
    },
    "ndf": {
        "default": 64,
        "comment": "channels of the discriminator's first convolution",
        "group": NETWORKS,
        "minimum": 1,
    },
    "discriminator_layers": {
        "default": 3,
        "comment": "discriminator convolutions of stride 2; 3 judges patches of 70 pixels",
        "group": NETWORKS,
        "minimum": 1,
        "maximum": 5,
    },
    "learning_rate": {
        "default": 2e-4,
        "comment": "Adam's rate",
        "group": OPTIMISATION,
        "minimum": 0,
    },
    "beta1": {
        "default": 0.5,
        "comment": "Adam's decay of the first moment",
        "group": OPTIMISATION,
        "minimum": 0,
        "maximum": 0.9999,
    },
    "beta2": {
        "default": 0.999,
        "comment": "Adam's decay of the second moment",
        "group": OPTIMISATION,
        "minimum": 0,
        "maximum": 0.999999,
    },
    "decay_fraction": {
        "default": 0.5,
        "comment": "share of the steps with linear decay to 0, at the end",
        "group": OPTIMISATION,
        "minimum": 0,
        "maximum": 1,
    },
    "precision": {
        "default": "auto",
        "comment": "number format; auto takes bfloat16 or float16 where the hardware has it",
        "group": OPTIMISATION,
        "choices": ("auto", "float32", "bfloat16", "float16"),
    },
    "ema_half_life": {
        "default": None,
        "comment": "half-life of the generator's averaged weights; default 0.3 x steps, at most 10,000; 0: no average",
        "group": OPTIMISATION,
        "unit": "steps",
        "minimum": 0,
    },
    "student": {
        "default": "mobile",
        "comment": "student to distil at the end",
        "group": STUDENT,
        "choices": ("mobile", "mobile-hq", "none"),
    },
    "student_steps": {
        "default": 3000,
        "comment": "distillation steps",
        "group": STUDENT,
        "unit": "steps",
        "minimum": 1,
        "resumable": True,
    },
}


def common(name: str, **changes: Any) -> Any:
    """A field of an options dataclass; `changes` are arguments of `option` that differ for this
    command.
    """
    return option(**{**_COMMON[name], **changes})


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


@dataclasses.dataclass(frozen=True)
class DistillOptions:
    """Options of the distillation; defaults as the trainers use them."""

    run: str | None = option(
        None, "run to distil; default the newest run with a checkpoint", group="run", metavar="DIR"
    )
    options: str | None = common("options")
    direction: str = option("ab", "ab makes B from A", group="run", choices=("ab", "ba"))
    student: str = option(
        "mobile",
        "mobile, or mobile-hq: nearer to its teacher, slower",
        group="run",
        choices=("mobile", "mobile-hq"),
    )
    resume: bool = option(
        False, "continue where the last checkpoint stands", group="run", resumable=True
    )
    seed: int = option(1, "of the student's weights, crops and order", group="run", minimum=0)
    extra: str | None = option(
        None, "more photos of the input domain, without labels", group="data", metavar="SRC"
    )
    label_views: int = option(
        8,
        "copies of a photo (shifted, mirrored, beside others) whose median translation is its label; in a run on pairs "
        "2 or more add mirrored ones",
        group="data",
        minimum=1,
        maximum=8,
    )
    label_copies: int | None = option(
        None,
        "copies of each photo in other colours and other ways up that the teacher labels too (not in pairs); default 1 "
        "for mobile-hq on fewer than 400 photos, else 0",
        group="data",
        minimum=0,
        maximum=8,
    )
    steps: int = option(
        3000, "distillation steps", group="optimisation", unit="steps", minimum=1, resumable=True
    )
    checkpoint_every: int = common("checkpoint_every")
    on_nan: str = common("on_nan")
    batch_size: int = option(8, "crops a step", group="optimisation", minimum=1)
    learning_rate: float = option(
        3e-3, "Adam's rate at the start of a cosine decay to 0", group="optimisation", minimum=0
    )
    lambda_colour: float | None = option(
        None,
        "weight of the photo's coarse chroma; default a tenth of the run's --lambda-colour",
        group="losses",
        minimum=0,
    )
    lambda_truth: float | None = option(
        None,
        "weight of the true translation beside the teacher's, in a run on pairs; default 4 there",
        group="losses",
        minimum=0,
    )
    lambda_adversarial: float = option(
        0.0,
        "weight of a critic that asks for crisper strokes: 0.03 to 0.1; too much of it draws dots",
        group="losses",
        minimum=0,
    )
    precision: str = common("precision")
