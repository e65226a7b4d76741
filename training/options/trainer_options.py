"""Options of the trainers: training.cyclegan, training.pix2pix and training.distill."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tf_i2i.command_line import option

DATA, RUN, NETWORKS, OPTIMISATION, LOSSES = "data", "run", "networks", "optimisation", "losses"
GUIDANCE = "guidance by pretrained networks"
STUDENT = "student (the model for phones)"
SOURCE = "a folder, a text file with one path per line, or tfds:NAME[/CONFIG]:SPLIT[:FEATURE]"


@dataclasses.dataclass(frozen=True)
class LoopOptions:
    """What every training has. `None` is resolved when it starts and written to config.json."""

    groups: ClassVar = (DATA, RUN, NETWORKS, OPTIMISATION, LOSSES, GUIDANCE, STUDENT)

    run: str | None = option(
        None, "run folder; default runs/<model>-<date>-<time>", group=RUN, metavar="DIR"
    )
    options: str | None = option(
        None,
        "YAML file with more options, one `name: value` per line; the command line wins",
        group=RUN,
        metavar="FILE",
        resumable=True,
    )
    steps: int | None = option(
        None, "training steps; default: from --epochs", group=RUN, minimum=1, resumable=True
    )
    batch_size: int = option(
        1, "pictures of each domain per step, over all devices", group=RUN, minimum=1
    )
    checkpoint_every: int = option(
        500, "interval of checkpoints", group=RUN, unit="steps", minimum=1, resumable=True
    )
    on_nan: str = option(
        "stop",
        "when a loss is NaN or infinite: stop, or retry once from the last checkpoint at half the "
        "learning rate",
        group=RUN,
        choices=("stop", "retry"),
        resumable=True,
    )
    seed: int = option(1, "of weights, data order, crops and pools", group=RUN, minimum=0)
    resume: bool = option(
        False, "continue --run from its last checkpoint", group=RUN, resumable=True
    )
    learning_rate: float = option(2e-4, "of Adam", group=OPTIMISATION, minimum=0)
    precision: str = option(
        "auto",
        "number format; auto: bfloat16 or float16 where the hardware has it",
        group=OPTIMISATION,
        choices=("auto", "float32", "bfloat16", "float16"),
    )


@dataclasses.dataclass(frozen=True)
class TrainerOptions(LoopOptions):
    """What all trainers of teachers have."""

    model: ClassVar[str]
    # Whether it trains on pairs.
    paired: ClassVar[bool] = False

    load_size: int | None = option(
        286, "shorter side that pictures are resized to", group=DATA, unit="pixels", minimum=16
    )
    crop_size: int | None = option(
        256,
        "side of the random training crops, a multiple of 4",
        group=DATA,
        unit="pixels",
        minimum=16,
    )
    split: str | None = option(
        None,
        "TRAIN/VAL/TEST drawn from the pictures, as numbers (1000/500/500) or shares "
        "(80%/10%/10%), in place of --val-...; equal pictures stay together",
        group=DATA,
        metavar="T/V/T",
    )
    split_by: str = option(
        "picture",
        "what --split keeps together as well: folder, where each person has one",
        group=DATA,
        choices=("picture", "folder"),
    )
    split_seed: int = option(1, "of --split; --seed does not change it", group=DATA, minimum=0)
    flip: bool = option(True, "mirror pictures at random", group=DATA)

    epochs: int | None = option(
        None, "times that each picture is seen", group=RUN, minimum=1, resumable=True
    )
    sample_every: int = option(
        200, "interval of sample pictures", group=RUN, unit="steps", minimum=1, resumable=True
    )
    keep: int = option(
        2,
        "newest checkpoints to keep; the best one by the validation pictures is kept as well",
        group=RUN,
        minimum=1,
        resumable=True,
    )
    dry_run: bool = option(
        False,
        "print the resolved options, layers, parameters and MACs, then stop",
        group=RUN,
        resumable=True,
    )

    ngf: int | None = option(
        64, "channels of the generator's first convolution", group=NETWORKS, minimum=1
    )
    ndf: int | None = option(
        64, "channels of the discriminator's first convolution", group=NETWORKS, minimum=1
    )
    discriminator_layers: int = option(
        3,
        "discriminator convolutions of stride 2; 3: receptive field of 70 pixels",
        group=NETWORKS,
        minimum=1,
        maximum=5,
    )

    beta1: float = option(
        0.5, "Adam's decay of the first moment", group=OPTIMISATION, minimum=0, maximum=0.9999
    )
    beta2: float = option(
        0.999, "Adam's decay of the second moment", group=OPTIMISATION, minimum=0, maximum=0.999999
    )
    decay_fraction: float = option(
        0.5,
        "share of the steps, at the end, with linear decay to 0",
        group=OPTIMISATION,
        minimum=0,
        maximum=1,
    )
    ema_half_life: float | None = option(
        None,
        "half-life of the generator's averaged weights; default 0.3 x steps, at most 10,000; 0: no "
        "average",
        group=OPTIMISATION,
        unit="steps",
        minimum=0,
    )

    student: str = option(
        "mobile",
        "student to distil at the end",
        group=STUDENT,
        choices=("mobile", "mobile-hq", "none"),
    )
    student_steps: int | None = option(
        3000, "distillation steps", group=STUDENT, unit="steps", minimum=1, resumable=True
    )


@dataclasses.dataclass(frozen=True)
class CycleGANOptions(TrainerOptions):
    """Options of training.cyclegan."""

    model: ClassVar[str] = "cyclegan"

    domain_a: str | None = option(None, f"photos: {SOURCE}", group=DATA, metavar="SRC")
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
        "style pictures for validation; with the file names of --val-a they count as true "
        "translations",
        group=DATA,
        metavar="SRC",
    )
    epochs: int | None = option(
        None,
        "times that each picture of the larger domain is seen; default 200, with demo data 1,200 "
        "steps",
        group=RUN,
        minimum=1,
        resumable=True,
    )

    generator: str = option(
        "resnet9", "generator network", group=NETWORKS, choices=("resnet9", "resnet6", "shallow")
    )
    upsampling: str = option(
        "resize",
        "of the generators: nearest neighbour and convolution, or transposed convolution",
        group=NETWORKS,
        choices=("resize", "transposed"),
    )

    lambda_cycle: float = option(10.0, "weight of both cycle losses", group=LOSSES, minimum=0)
    lambda_identity: float = option(
        0.5, "weight of both identity losses, as a share of --lambda-cycle", group=LOSSES, minimum=0
    )
    lambda_colour: float = option(
        20.0,
        "weight of the coarse chroma consistency of photo and translation; 0: the style may change "
        "colours",
        group=LOSSES,
        minimum=0,
    )
    gan_loss: str = option(
        "lsgan", "adversarial loss", group=LOSSES, choices=("lsgan", "vanilla", "hinge")
    )
    pool_size: int = option(
        50, "generated images in each discriminator's pool", group=LOSSES, unit="images", minimum=0
    )

    lambda_face: float = option(
        0.0,
        "weight of the squared distance of face embeddings, picture to translation, each direction",
        group=GUIDANCE,
        minimum=0,
    )
    face_model: str | None = option(
        None,
        "face network: face-api (dlib's, 12.7 MB from npm), a Keras model, or the folder of a "
        "SavedModel",
        group=GUIDANCE,
        metavar="SRC",
    )
    face_crop: str = option(
        "fixed",
        "where the face is: at a fixed place in the picture, or detected once per picture (none "
        "found: left out of the loss)",
        group=GUIDANCE,
        choices=("fixed", "detected"),
    )
    face_share: float | None = option(
        None,
        "side of the fixed face crop as a share of the picture's shorter side; default the "
        "network's, 0.455",
        group=GUIDANCE,
        minimum=0.05,
        maximum=1,
    )
    face_shift: float | None = option(
        None,
        "its distance below the middle as a share of the same side; default the network's, 0.05",
        group=GUIDANCE,
        minimum=-0.5,
        maximum=0.5,
    )
    face_jitter: float = option(
        0.1,
        "random shift and scaling of the face crop in each step, as a share of its side",
        group=GUIDANCE,
        minimum=0,
        maximum=0.5,
    )
    face_range: tuple[float, ...] = option(
        (),
        "pixel values of black and white for your own face network; default -1 1",
        group=GUIDANCE,
        metavar="VALUE",
    )
    lambda_segmentation: float = option(
        0.0,
        "weight of the divergence of each pixel's classes, picture to translation, each direction",
        group=GUIDANCE,
        minimum=0,
    )
    segmentation_model: str | None = option(
        None,
        "segmentation network: selfie (people, 4 MB from npm), keras-cv:WEIGHTS.h5 (DeepLabV3+), a "
        "Keras model, or the folder of a SavedModel",
        group=GUIDANCE,
        metavar="SRC",
    )
    segmentation_temperature: float | None = option(
        None, "divisor of its logits; default 64 for selfie, else 1", group=GUIDANCE, minimum=0.01
    )
    segmentation_jitter: float = option(
        0.25,
        "random shift and scaling of the network's input in each step, as a share of its side",
        group=GUIDANCE,
        minimum=0,
        maximum=0.5,
    )
    segmentation_size: int | None = option(
        None,
        "input side of your own network; default its own, else the crop's to a multiple of 32",
        group=GUIDANCE,
        unit="pixels",
        minimum=16,
    )
    segmentation_range: tuple[float, ...] = option(
        (),
        "pixel values of black and white for your own network; default 0 1",
        group=GUIDANCE,
        metavar="VALUE",
    )
    segmentation_output: str = option(
        "auto",
        "output of your own network: probabilities or logits; auto finds out",
        group=GUIDANCE,
        choices=("auto", "softmax", "logits"),
    )

    student_direction: str = option(
        "ab",
        "direction of the student: ab turns A into B",
        group=STUDENT,
        choices=("ab", "ba", "both"),
    )


@dataclasses.dataclass(frozen=True)
class Pix2PixOptions(TrainerOptions):
    """Options of training.pix2pix."""

    model: ClassVar[str] = "pix2pix"
    paired: ClassVar[bool] = True

    input: str | None = option(None, f"pictures to translate: {SOURCE}", group=DATA, metavar="SRC")
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
    load_size: int | None = option(
        None,
        "shorter side that pictures are resized to; default 286, with demo data 143",
        group=DATA,
        unit="pixels",
        minimum=16,
    )
    crop_size: int | None = option(
        None,
        "side of the random training crops, for a U-Net a multiple of 64; default 256, with demo "
        "data 128",
        group=DATA,
        unit="pixels",
        minimum=16,
    )
    epochs: int | None = option(
        None,
        "times that each pair is seen; default 200, with demo data 1,500 steps",
        group=RUN,
        minimum=1,
        resumable=True,
    )

    generator: str | None = option(
        None,
        "generator network; default the deepest U-Net for --crop-size (256 px: unet256)",
        group=NETWORKS,
        choices=("unet256", "unet128", "unet64", "resnet9", "resnet6"),
    )
    norm: str = option(
        "batch",
        "normalisation of a U-Net, by statistics of the training (batch) or of the picture",
        group=NETWORKS,
        choices=("batch", "instance"),
    )
    upsampling: str | None = option(
        None,
        "of the generator: transposed convolution (default of U-Nets), or nearest neighbour and "
        "convolution (of ResNets)",
        group=NETWORKS,
        choices=("resize", "transposed"),
    )
    ngf: int | None = option(
        None,
        "channels of the generator's first convolution; default 64, with demo data 32",
        group=NETWORKS,
        minimum=1,
    )
    ndf: int | None = option(
        None,
        "channels of the discriminator's first convolution; default 64, with demo data 32",
        group=NETWORKS,
        minimum=1,
    )

    weight_decay: float = option(
        0.0, "decoupled weight decay of the kernels", group=OPTIMISATION, minimum=0
    )
    ema_half_life: float | None = option(
        None,
        "half-life of the generator's averaged weights; default 0.2 x steps, at most 10,000; 0: no "
        "average",
        group=OPTIMISATION,
        unit="steps",
        minimum=0,
    )

    lambda_l1: float = option(
        100.0, "weight of the distance to the target", group=LOSSES, minimum=0
    )
    gan_loss: str = option(
        "vanilla", "adversarial loss", group=LOSSES, choices=("vanilla", "lsgan", "hinge")
    )

    student_steps: int | None = option(
        None,
        "distillation steps; default 3,000, with demo data 1,000",
        group=STUDENT,
        minimum=1,
        resumable=True,
    )


@dataclasses.dataclass(frozen=True)
class DistillOptions(LoopOptions):
    """Options of training.distill; the trainers use its defaults."""

    run: str | None = option(
        None, "run to distil; default the newest run with a checkpoint", group=RUN, metavar="DIR"
    )
    direction: str = option("ab", "ab turns A into B", group=RUN, choices=("ab", "ba"))
    student: str = option(
        "mobile",
        "mobile, or mobile-hq: closer to its teacher, slower",
        group=RUN,
        choices=("mobile", "mobile-hq"),
    )
    steps: int = option(
        3000, "distillation steps", group=RUN, unit="steps", minimum=1, resumable=True
    )
    batch_size: int = option(8, "crops per step", group=RUN, minimum=1)
    seed: int = option(1, "of the student's weights, crops and order", group=RUN, minimum=0)
    extra: str | None = option(None, "more photos of the input domain", group=DATA, metavar="SRC")
    label_views: int = option(
        8,
        "views of a photo (shifted, mirrored, beside others) whose median translation the student "
        "learns; in a run on pairs 2 or more add mirrored ones",
        group=DATA,
        minimum=1,
        maximum=8,
    )
    label_copies: int | None = option(
        None,
        "recoloured, turned copies of each photo that the teacher translates as well (not in "
        "pairs); default 1 for mobile-hq on fewer than 400 photos, else 0",
        group=DATA,
        minimum=0,
        maximum=8,
    )
    learning_rate: float = option(
        3e-3, "of Adam, at the start of a cosine decay to 0", group=OPTIMISATION, minimum=0
    )
    lambda_colour: float | None = option(
        None,
        "weight of the photo's coarse chroma; default a tenth of the run's --lambda-colour",
        group=LOSSES,
        minimum=0,
    )
    lambda_truth: float | None = option(
        None,
        "weight of the true translation beside the teacher's, in a run on pairs; default 4 there",
        group=LOSSES,
        minimum=0,
    )


# By the name that config.json has for the kind of model.
TRAINER_OPTIONS = {options.model: options for options in (CycleGANOptions, Pix2PixOptions)}
