"""Options of training.sweep."""

import dataclasses

from tf_i2i.command_line import option_group

_sweep, _running = option_group("sweep"), option_group("running")
_choice = option_group("choice, on validation data")


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    run: str | None = _sweep(None, "default runs/sweep-TRAINER-OPTION", metavar="DIR")
    seeds: tuple[int, ...] = _sweep((1, 2), "seeds of each value", metavar="SEED", minimum=0)
    jobs: int = _running(1, "trainings at a time on each device", minimum=1, maximum=64)
    devices: tuple[str, ...] = _running((), "GPUs, as in CUDA_VISIBLE_DEVICES", metavar="GPU")
    choose: str = _choice(
        "kid", "score that decides, such as ssim; reverse direction: ba:kid", metavar="SCORE"
    )
    guard: tuple[str, ...] = _choice(
        (),
        "SCORE SHARE: no values whose score is worse than this share of the first value's",
        metavar="SCORE",
    )
