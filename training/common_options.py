"""Options that several trainers have, each described once: `steps: int | None = common("steps")`."""

from __future__ import annotations

from typing import Any

from training.options import option

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
