"""Options of training.sweep."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option

_SWEEP, _RUNNING, _CHOICE = "sweep", "running", "choice, on validation data"


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Options of the sweep itself."""

    run: str | None = option(
        None, "folder of the sweep; default runs/sweep-TRAINER-OPTION", group=_SWEEP, metavar="DIR"
    )
    seeds: tuple[int, ...] = option(
        (1, 2), "seeds of each value", group=_SWEEP, metavar="SEED", minimum=0
    )
    jobs: int = option(
        1, "trainings at a time on each device", group=_RUNNING, minimum=1, maximum=64
    )
    devices: tuple[str, ...] = option(
        (), "GPUs to train on, as in CUDA_VISIBLE_DEVICES", group=_RUNNING, metavar="GPU"
    )
    choose: str = option(
        "kid",
        "score that decides, such as ssim, identity_distance or, for the reverse direction, ba:kid",
        group=_CHOICE,
        metavar="SCORE",
    )
    guard: tuple[str, ...] = option(
        (),
        "SCORE SHARE: do not choose values whose score is worse than this share of the first "
        "value's",
        group=_CHOICE,
        metavar="SCORE",
    )
