"""Options of training.sweep."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option_group

_sweep, _running = option_group("sweep"), option_group("running")
_choice = option_group("choice, on validation data")


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Options of the sweep itself."""

    run: str | None = _sweep(
        None, "folder of the sweep; default runs/sweep-TRAINER-OPTION", metavar="DIR"
    )
    seeds: tuple[int, ...] = _sweep((1, 2), "seeds of each value", metavar="SEED", minimum=0)
    jobs: int = _running(1, "trainings at a time on each device", minimum=1, maximum=64)
    devices: tuple[str, ...] = _running(
        (), "GPUs to train on, as in CUDA_VISIBLE_DEVICES", metavar="GPU"
    )
    choose: str = _choice(
        "kid",
        "score that decides, such as ssim, identity_distance or, for the reverse direction, ba:kid",
        metavar="SCORE",
    )
    guard: tuple[str, ...] = _choice(
        (),
        "SCORE SHARE: do not choose values whose score is worse than this share of the first "
        "value's",
        metavar="SCORE",
    )
