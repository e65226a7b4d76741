"""Options of the trainers: training.cyclegan, training.pix2pix and training.distill."""

import dataclasses
from typing import ClassVar

from tf_i2i.command_line import option_group

_GROUPS = (
    *("data", "run", "networks", "optimisation", "losses", "guidance by pretrained networks"),
    "student (the model for phones)",
)
_data, _run, _network, _optimisation, _loss, _guidance, _student = map(option_group, _GROUPS)
_FEATURES = (
    "efficientnet-lite0",
    "pretrained network in whose features pictures are judged, or NAME:WEIGHTS.h5 for one of "
    "keras.applications",
)
SOURCE = (
    "a folder, a text file with one path per line (relative ones start at its folder), or "
    "tfds:NAME[/CONFIG]:SPLIT[:FEATURE]"
)


@dataclasses.dataclass(frozen=True)
class LoopOptions:
    """What every training has. `None` is resolved when it starts and written to config.json."""

    groups: ClassVar = _GROUPS

    run: str | None = _run(None, "run folder; default runs/<model>-<date>-<time>", metavar="DIR")
    options: str | None = _run(
        None,
        "YAML file with more options, one `name: value` per line; the command line wins",
        metavar="FILE",
        path=True,
        resumable=True,
    )
    steps: int | None = _run(
        None,
        "training steps; default: from --epochs",
        minimum=1,
        resumable=True,
        instead="length",
    )
    minutes: float | None = _run(
        None,
        "in place of --steps: as many steps as fit in, at the pace measured before the first one",
        unit="minutes",
        minimum=0.1,
        instead="length",
    )
    batch_size: int = _run(1, "pictures of each domain per step, over all devices", minimum=1)
    checkpoint_every: int = _run(
        500, "interval of checkpoints", unit="steps", minimum=1, resumable=True
    )
    on_nan: str = _run(
        "stop",
        "when a loss is NaN or infinite: stop, or retry once from the last checkpoint at half the "
        "learning rate",
        choices=("stop", "retry"),
        resumable=True,
    )
    seed: int = _run(1, "of weights, data order, crops and pools", minimum=0)
    resume: bool = _run(
        False, "continue --run from its last checkpoint, or past its end", resumable=True
    )
    learning_rate: float = _optimisation(2e-4, "of Adam", minimum=0)
    precision: str = _optimisation(
        "auto",
        "number format; auto: bfloat16 or float16 where the hardware has it",
        choices=("auto", "float32", "bfloat16", "float16"),
    )


@dataclasses.dataclass(frozen=True)
class TrainerOptions(LoopOptions):
    """What all trainers of a run of their own have."""

    model: ClassVar[str]
    # Whether it trains on pairs, and whether one picture of the style is enough.
    paired: ClassVar[bool] = False
    one_style: ClassVar[bool] = False

    load_size: int | None = _data(
        286, "shorter side that pictures are resized to", unit="pixels", minimum=16
    )
    crop_size: int | None = _data(
        256, "side of the random training crops, a multiple of 4", unit="pixels", minimum=16
    )
    split: str | None = _data(
        None,
        "TRAIN/VAL/TEST drawn from the pictures, as numbers (1000/500/500) or shares "
        "(80%/10%/10%), in place of --val-...; equal pictures stay together",
        metavar="T/V/T",
    )
    split_by: str = _data(
        "picture",
        "what --split keeps together as well: folder, where each person has one",
        choices=("picture", "folder"),
        needs="split",
    )
    split_seed: int = _data(1, "of --split; --seed does not change it", minimum=0, needs="split")
    flip: bool = _data(True, "mirror pictures at random")

    epochs: int | None = _run(
        None,
        "times that each picture is seen",
        minimum=1,
        resumable=True,
        instead="length",
    )
    extend: str = _run(
        "stretch",
        "learning rate of a run resumed with other --steps or --epochs: stretch: by the step, as in "
        "a run of that length; append: the steps so far as planned, those added by themselves, from "
        "the full rate",
        choices=("stretch", "append"),
        resumable=True,
    )
    start_from: str | None = _run(
        None,
        "run whose networks and their weights to start with; optimizer and steps start anew",
        metavar="RUN",
    )
    sample_every: int = _run(
        200, "interval of sample pictures", unit="steps", minimum=1, resumable=True
    )
    keep: int = _run(
        2,
        "newest checkpoints to keep; the best one by the validation pictures is kept as well",
        minimum=1,
        resumable=True,
    )
    dry_run: bool = _run(
        False,
        "read the pictures, print the resolved options, layers, parameters and MACs, then stop",
        resumable=True,
    )

    ndf: int | None = _network(64, "channels of the discriminator's first convolution", minimum=1)
    discriminator_layers: int = _network(
        3,
        "discriminator convolutions of stride 2, 3: receptive field of 70 pixels; where pretrained "
        "features are judged, all of each discriminator",
        minimum=1,
        maximum=5,
    )

    beta1: float = _optimisation(0.5, "Adam's decay of the first moment", minimum=0, maximum=0.9999)
    beta2: float = _optimisation(
        0.999, "Adam's decay of the second moment", minimum=0, maximum=0.999999
    )
    decay_fraction: float = _optimisation(
        0.5, "share of the steps, at the end, with linear decay to 0", minimum=0, maximum=1
    )
    ema_half_life: float | None = _optimisation(
        None,
        "half-life of the generator's averaged weights; default 0.3 x steps, at most 10,000; 0: no "
        "average",
        unit="steps",
        minimum=0,
    )


@dataclasses.dataclass(frozen=True)
class TeacherOptions(TrainerOptions):
    """What trainers of a large generator, from which students are distilled, have besides."""

    ngf: int | None = _network(64, "channels of the generator's first convolution", minimum=1)
    student: str = _student(
        "mobile", "student to distil at the end", choices=("mobile", "mobile-hq", "none")
    )
    student_steps: int | None = _student(
        None,
        "distillation steps; default that of training.distill",
        unit="steps",
        minimum=1,
        resumable=True,
        needs="student!=none",
    )


@dataclasses.dataclass(frozen=True)
class UnpairedOptions(TrainerOptions):
    """What trainers on two sets of pictures have; pretrained face and segmentation networks can
    guide them. In CycleGAN each weight of a guidance counts in both directions.
    """

    domain_a: str | None = _data(None, f"photos: {SOURCE}", metavar="SRC")
    domain_b: str | None = _data(
        None,
        "pictures in the style to learn, likewise; without any source: bundled demo data",
        metavar="SRC",
    )
    val_a: str | None = _data(
        None, "photos for validation; otherwise 4 % of domain A are held out", metavar="SRC"
    )
    val_b: str | None = _data(
        None,
        "style pictures for validation; with the file names of --val-a they count as true "
        "translations",
        metavar="SRC",
    )
    lambda_face: float = _guidance(
        0.0,
        "weight of the squared distance of face embeddings, photo to translation",
        minimum=0,
    )
    face_model: str | None = _guidance(
        None,
        "face network: face-api (dlib's, 12.7 MB from npm), a Keras model, or the folder of a "
        "SavedModel",
        metavar="SRC",
    )
    face_crop: str = _guidance(
        "fixed",
        "where the face is: at a fixed place in the picture, or detected once per picture (none "
        "found: left out of the loss)",
        choices=("fixed", "detected"),
        needs="face_model",
    )
    face_share: float | None = _guidance(
        None,
        "side of the fixed face crop as a share of the picture's shorter side; default the "
        "network's, 0.455",
        minimum=0.05,
        maximum=1,
        needs=("face_model", "face_crop=fixed"),
    )
    face_shift: float | None = _guidance(
        None,
        "its distance below the middle as a share of the same side; default the network's, 0.05",
        minimum=-0.5,
        maximum=0.5,
        needs=("face_model", "face_crop=fixed"),
    )
    face_jitter: float = _guidance(
        0.1,
        "random shift and scaling of the face crop in each step, as a share of its side",
        minimum=0,
        maximum=0.5,
        needs="lambda_face",
    )
    face_range: tuple[float, ...] = _guidance(
        (),
        "pixel values of black and white for your own face network; default -1 1",
        metavar="VALUE",
        needs=("face_model", "face_model!=face-api"),
    )
    lambda_segmentation: float = _guidance(
        0.0,
        "weight of the divergence of each pixel's classes, photo to translation",
        minimum=0,
    )
    segmentation_model: str | None = _guidance(
        None,
        "segmentation network: selfie (people, 4 MB from npm), keras-cv:WEIGHTS.h5 or "
        "keras-hub:FOLDER (DeepLabV3+; before and from Python 3.12), a Keras model, or the folder of a SavedModel",
        metavar="SRC",
    )
    segmentation_temperature: float | None = _guidance(
        None,
        "divisor of its logits; default 64 for selfie, else 1",
        minimum=0.01,
        needs="lambda_segmentation",
    )
    segmentation_jitter: float = _guidance(
        0.25,
        "random shift and scaling of the network's input in each step, as a share of its side",
        minimum=0,
        maximum=0.5,
        needs="lambda_segmentation",
    )
    segmentation_size: int | None = _guidance(
        None,
        "input side of your own network; default its own, else the crop's to a multiple of 32",
        unit="pixels",
        minimum=16,
        needs=("lambda_segmentation", "segmentation_model!=selfie"),
    )
    segmentation_range: tuple[float, ...] = _guidance(
        (),
        "pixel values of black and white for your own network; default 0 1",
        metavar="VALUE",
        needs=("lambda_segmentation", "segmentation_model!=selfie"),
    )
    segmentation_output: str = _guidance(
        "auto",
        "output of your own network: probabilities or logits; auto finds out",
        choices=("auto", "softmax", "logits"),
        needs=("lambda_segmentation", "segmentation_model!=selfie"),
    )


# Defaults of training.cyclegan by discriminator: what paints in minutes, and the paper's.
CYCLEGAN_DEFAULTS = {
    "projected": {
        "residual": True,
        "learning_rate": 6e-4,
        "lambda_cycle": 2.0,
        "lambda_identity": 0.0,
        "lambda_colour": 1.0,
        "gan_loss": "hinge",
        "student_steps": 2000,
    },
    "patch": {
        "residual": False,
        "learning_rate": 2e-4,
        "lambda_cycle": 10.0,
        "lambda_identity": 0.5,
        "lambda_colour": 20.0,
        "gan_loss": "lsgan",
        "student_steps": 3000,
    },
}


def _by_discriminator(name: str) -> str:
    patch, projected = (_shown(CYCLEGAN_DEFAULTS[kind][name]) for kind in ("patch", "projected"))
    return f"default {projected}, with --discriminator patch {patch}"


def _shown(value) -> str:
    if isinstance(value, str):
        return value
    return ("off", "on")[value] if isinstance(value, bool) else f"{value:g}"


@dataclasses.dataclass(frozen=True)
class CycleGANOptions(UnpairedOptions, TeacherOptions):
    """Options of training.cyclegan."""

    model: ClassVar[str] = "cyclegan"

    epochs: int | None = _run(
        None,
        "times that each picture of the larger domain is seen; default 200, with demo data 1,200 "
        "steps",
        minimum=1,
        resumable=True,
        instead="length",
    )

    generator: str = _network(
        "resnet9", "generator network", choices=("resnet9", "resnet6", "shallow")
    )
    upsampling: str = _network(
        "resize",
        "of the generators: nearest neighbour and convolution, or transposed convolution",
        choices=("resize", "transposed"),
    )

    residual: bool | None = _network(
        None,
        "the generators draw a change of their input, in place of a new picture; "
        + _by_discriminator("residual"),
    )
    discriminator: str = _network(
        "projected",
        "what judges the translations: patches of pictures, or of the feature maps of a pretrained "
        "network (--features)",
        choices=("projected", "patch"),
    )
    features: str = _network(*_FEATURES, metavar="NAME", path=True, needs="discriminator=projected")

    learning_rate: float | None = _optimisation(
        None, f"of Adam; {_by_discriminator('learning_rate')}", minimum=0
    )
    lambda_cycle: float | None = _loss(
        None, f"weight of both cycle losses; {_by_discriminator('lambda_cycle')}", minimum=0
    )
    lambda_identity: float | None = _loss(
        None,
        "weight of both identity losses, as a share of --lambda-cycle; "
        + _by_discriminator("lambda_identity"),
        minimum=0,
        needs="lambda_cycle!=0",
    )
    lambda_colour: float | None = _loss(
        None,
        "weight of the coarse chroma consistency of photo and translation; 0: the style may change "
        f"colours; {_by_discriminator('lambda_colour')}",
        minimum=0,
    )
    gan_loss: str | None = _loss(
        None,
        f"adversarial loss; {_by_discriminator('gan_loss')}",
        choices=("lsgan", "vanilla", "hinge"),
    )
    pool_size: int = _loss(
        50, "generated images in each discriminator's pool", unit="images", minimum=0
    )

    student_steps: int | None = _student(
        None,
        f"distillation steps; {_by_discriminator('student_steps')}",
        minimum=1,
        resumable=True,
    )
    student_direction: str = _student(
        "ab",
        "direction of the student: ab turns A into B",
        choices=("ab", "ba", "both"),
        needs="student!=none",
    )

    def resolved(self) -> "CycleGANOptions":
        """With the defaults that depend on the discriminator."""
        defaults = CYCLEGAN_DEFAULTS[self.discriminator]
        named = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **named)


# What --look and --colours stand for.
LOOKS = {
    "gentle": {"lambda_content": 0.06, "lambda_structure": 0.25, "lambda_luminance": 0.04},
    "balanced": {"lambda_content": 0.03, "lambda_structure": 0.1, "lambda_luminance": 0.02},
    "bold": {"lambda_content": 0.015, "lambda_structure": 0.04, "lambda_luminance": 0.01},
}
COLOURS = {"photo": 1.0, "mixed": 0.27, "style": 0.02}


@dataclasses.dataclass(frozen=True)
class OneSidedOptions(UnpairedOptions):
    """Options of training.onesided."""

    model: ClassVar[str] = "onesided"
    one_style: ClassVar[bool] = True

    domain_b: str | None = _data(
        None,
        "pictures in the style to learn, likewise, or a single one; without any source: bundled "
        "demo data",
        metavar="SRC",
    )
    load_size: int = _data(
        256, "shorter side that pictures are resized to", unit="pixels", minimum=16
    )
    crop_size: int | None = _data(
        None,
        "side of the training crops, a multiple of 32; default 128, on a GPU 256",
        unit="pixels",
        minimum=32,
    )
    zoom: float = _data(
        1.6,
        "the crops come from windows of up to this many times their side, scaled down",
        minimum=1,
        maximum=8,
    )
    batch_size: int = _run(4, "pictures of each domain per step, over all devices", minimum=1)
    minutes: float | None = _run(
        None,
        "as many steps as fit in, at the pace measured before the first one; default 8 where "
        "neither --steps nor --epochs is given",
        unit="minutes",
        minimum=0.1,
        instead="length",
    )

    network: str = _network(
        "mobile",
        "network for phones; mobile-hq is slower and draws more",
        choices=("mobile", "mobile-hq"),
    )
    antialias: bool = _network(
        True,
        "paint onto the photo smoothed over cells that overlap, and smooth before half sizes are "
        "halved again, which is steadier in videos; without, as earlier versions did",
    )
    features: str = _network(*_FEATURES, metavar="NAME", path=True)

    learning_rate: float = _optimisation(
        1.2e-3, "of Adam; the discriminator's is a third of it", minimum=0
    )
    beta1: float = _optimisation(0.0, "Adam's decay of the first moment", minimum=0, maximum=0.9999)
    beta2: float = _optimisation(
        0.99, "Adam's decay of the second moment", minimum=0, maximum=0.999999
    )
    ema_half_life: float | None = _optimisation(
        None,
        "half-life of the averaged weights; default 0.1 x steps, at most 10,000; 0: no average",
        unit="steps",
        minimum=0,
    )

    look: str = _loss(
        "balanced",
        "how far it may leave the photo: sets the weights of content and luminance",
        choices=tuple(LOOKS),
        unless=tuple(LOOKS["balanced"]),
    )
    colours: str = _loss(
        "mixed",
        "whose colors: those of the photo, of the style, or between both; sets --lambda-colour",
        choices=tuple(COLOURS),
        unless=("lambda_colour",),
    )
    lambda_content: float | None = _loss(
        None, "weight of the distance of deep features; default by --look", minimum=0
    )
    lambda_structure: float | None = _loss(
        None,
        "weight of the difference of local structure, whatever its contrast; default by --look",
        minimum=0,
    )
    lambda_luminance: float | None = _loss(
        None, "weight of the distance of coarse luminance; default by --look", minimum=0
    )
    lambda_colour: float | None = _loss(
        None, "weight of the distance of coarse chroma; default by --colours", minimum=0
    )
    lambda_stability: float = _loss(
        1.0,
        "weight of what sensor-like noise in the photo, and a small motion, change in the output: what "
        "would flicker in a video",
        minimum=0,
    )
    face_crop: str = _guidance(
        "detected",
        "where the face is: detected once per photo (none found: left out of the loss), or at a "
        "fixed place",
        choices=("fixed", "detected"),
        needs="face_model",
    )
    lambda_face_tone: float = _loss(
        0.7,
        "weight of the distance of the luminance and chroma of faces, found in the photos by "
        "OpenCV; 0: faces are painted in the tones of the style, which may know few skin tones",
        minimum=0,
    )


@dataclasses.dataclass(frozen=True)
class Pix2PixOptions(TeacherOptions):
    """Options of training.pix2pix."""

    model: ClassVar[str] = "pix2pix"
    paired: ClassVar[bool] = True

    input: str | None = _data(None, f"pictures to translate: {SOURCE}", metavar="SRC")
    target: str | None = _data(
        None,
        "their true translations under equal file names; without any source: bundled demo data",
        metavar="SRC",
    )
    pairs: str | None = _data(
        None, "in place of both: pictures that hold input and target side by side", metavar="SRC"
    )
    direction: str = _data(
        "ab",
        "of --pairs: ab takes the left half as the input, ba the right one",
        choices=("ab", "ba"),
        needs="pairs|val_pairs",
    )
    val_input: str | None = _data(
        None, "inputs for validation; otherwise 4 % of the pairs are held out", metavar="SRC"
    )
    val_target: str | None = _data(None, "their targets", metavar="SRC")
    val_pairs: str | None = _data(None, "in place of both, as --pairs", metavar="SRC")
    load_size: int | None = _data(
        None,
        "shorter side that pictures are resized to; default 286, with demo data 143",
        unit="pixels",
        minimum=16,
    )
    crop_size: int | None = _data(
        None,
        "side of the random training crops, for a U-Net a multiple of 64; default 256, with demo "
        "data 128",
        unit="pixels",
        minimum=16,
    )
    epochs: int | None = _run(
        None,
        "times that each pair is seen; default 200, with demo data 1,500 steps",
        minimum=1,
        resumable=True,
        instead="length",
    )

    generator: str | None = _network(
        None,
        "generator network; default the deepest U-Net for --crop-size (256 px: unet256)",
        choices=("unet256", "unet128", "unet64", "resnet9", "resnet6"),
    )
    norm: str = _network(
        "batch",
        "normalisation of a U-Net, by statistics of the training (batch) or of the picture",
        choices=("batch", "instance"),
        needs=("generator!=resnet9", "generator!=resnet6"),
    )
    upsampling: str | None = _network(
        None,
        "of the generator: transposed convolution (default of U-Nets), or nearest neighbour and "
        "convolution (of ResNets)",
        choices=("resize", "transposed"),
    )
    ngf: int | None = _network(
        None,
        "channels of the generator's first convolution; default 64, with demo data 32",
        minimum=1,
    )
    ndf: int | None = _network(
        None,
        "channels of the discriminator's first convolution; default 64, with demo data 32",
        minimum=1,
    )

    weight_decay: float = _optimisation(0.0, "decoupled weight decay of the kernels", minimum=0)
    ema_half_life: float | None = _optimisation(
        None,
        "half-life of the generator's averaged weights; default 0.2 x steps, at most 10,000; 0: no "
        "average",
        unit="steps",
        minimum=0,
    )

    lambda_l1: float = _loss(100.0, "weight of the distance to the target", minimum=0)
    gan_loss: str = _loss("vanilla", "adversarial loss", choices=("vanilla", "lsgan", "hinge"))

    student_steps: int | None = _student(
        None,
        "distillation steps; default 3,000, with demo data 1,000",
        minimum=1,
        resumable=True,
        needs="student!=none",
    )


@dataclasses.dataclass(frozen=True)
class DistillOptions(LoopOptions):
    """Options of training.distill; the trainers use its defaults."""

    run: str | None = _run(
        None, "run to distil; default the newest run with a checkpoint", metavar="DIR"
    )
    direction: str = _run(
        "ab", "ab turns A into B", choices=("ab", "ba"), former="student-direction"
    )
    student: str = _run(
        "mobile",
        "mobile, or mobile-hq: closer to its teacher, slower",
        choices=("mobile", "mobile-hq"),
    )
    steps: int | None = _run(
        None,
        "distillation steps; default 3000, with --objective style 2000",
        unit="steps",
        minimum=1,
        resumable=True,
        flag="student-steps",
        former="steps",
        instead="length",
    )
    # Resumable, so that checkpoints of before this option are still those of the same training.
    minutes: float | None = _run(
        None,
        "in place of --student-steps: as many as fit in, at the pace measured before the first one",
        unit="minutes",
        minimum=0.1,
        resumable=True,
        instead="length",
    )
    checkpoint: str = _run(
        "newest",
        "of the teacher: newest, best by the validation pictures, or a step",
        metavar="WHICH",
        resumable=True,
    )
    batch_size: int | None = _run(
        None, "crops per step; default 8, with --objective style 2", minimum=1
    )
    seed: int = _run(1, "of the student's weights, crops and order", minimum=0)
    extra: str | None = _data(None, "more photos of the input domain", metavar="SRC")
    label_views: int | None = _data(
        None,
        "views of a photo (shifted, mirrored, beside others) whose median translation the student "
        "learns; in a run on pairs 2 or more add mirrored ones; default 8, with --objective style 1",
        minimum=1,
        maximum=8,
    )
    label_copies: int | None = _data(
        None,
        "recoloured, turned copies of each photo that the teacher translates as well (not in "
        "pairs); default 1 for mobile-hq on fewer than 400 photos, else 0",
        minimum=0,
        maximum=8,
    )
    learning_rate: float | None = _optimisation(
        None,
        "of Adam, at the start of a decay to 0; default 3e-3, with --objective style 1.2e-3",
        minimum=0,
    )
    objective: str | None = _loss(
        None,
        "what the student learns: the teacher's pixels, or the teacher's content and colours while "
        "a discriminator asks for the style's brushwork, which no mean of pixels keeps; default "
        "style in a run with --discriminator projected",
        choices=("pixels", "style"),
    )
    lambda_colour: float | None = _loss(
        None,
        "weight of the photo's coarse chroma; default a tenth of the run's --lambda-colour; with "
        "--objective style that of the teacher's, default 1",
        minimum=0,
    )
    lambda_truth: float | None = _loss(
        None,
        "weight of the true translation beside the teacher's, in a run on pairs; default 4 there",
        minimum=0,
    )


# By the name that config.json has for the kind of model.
TRAINER_OPTIONS = {
    options.model: options for options in (CycleGANOptions, OneSidedOptions, Pix2PixOptions)
}
