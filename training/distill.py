"""Distils a run's teacher into a small student for phones: python -m training.distill --run RUN"""

from __future__ import annotations

import dataclasses

from training.common_options import common
from training.options import option, parse, run_command


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


def main(argv: list[str] | None = None) -> int | None:
    options = parse(DistillOptions, argv, prog="python -m training.distill", description=__doc__)
    return distil(options)


def distil(options: DistillOptions, data=None) -> int | None:
    """Distils; `data` are the run's pictures where they are loaded already. Returns None, 130 or
    143.
    """
    from training.student import train_student

    return train_student(options, data)


if __name__ == "__main__":
    run_command(main)
