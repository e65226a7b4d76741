"""Trains over several values of one option, with several seeds each, and shows what the option
does.

python -m training.sweep cyclegan --lambda-face 0 1 5 10 --seeds 1 2 -- TRAINER'S OPTIONS -- OPTIONS
OF EVALUATE
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from tf_i2i.errors import UserError
from training.options import option, parse, run_command
from training.sweep_plan import FILE, Plan, make_plan, require_same_sweep, split_command
from training.sweep_table import Choice

_SWEEP, _RUNNING, _CHOICE = "sweep", "running", "choice, on validation data"
_EPILOG = """\
TRAINER is cyclegan or pix2pix; --OPTION VALUE... is any one option of it that takes a value. What stands after the first
-- goes to every training, what stands after a second -- to every training.evaluate. Example:

python -m training.sweep cyclegan --lambda-face 0 1 5 10 --seeds 1 2 --run runs/sweep-face \\
    --choose identity_distance --guard kid 0.8 \\
    -- --domain-a faces/ --domain-b cartoons/ --split 70%/15%/15% --split-by folder --face-model face-api \\
    -- --judge-model facenet.keras

The same command again goes on where it was stopped; runs that are done are not touched. Writes sweep.txt, .csv, .json and
.png into --run, where each run has its folder. With --split the chosen value is scored on the test pictures as well."""


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
        1, "trainings at a time, on the same device", group=_RUNNING, minimum=1, maximum=64
    )
    devices: tuple[str, ...] = option(
        (),
        "GPUs, as CUDA_VISIBLE_DEVICES has them: --jobs trainings at a time on each",
        group=_RUNNING,
        metavar="GPU",
    )
    choose: str = option(
        "kid",
        "score that decides, such as ssim, identity_distance or, for the way back, ba:kid",
        group=_CHOICE,
        metavar="SCORE",
    )
    guard: tuple[str, ...] = option(
        (),
        "SCORE SHARE: values whose score is worse than this share of the first value's are not chosen",
        group=_CHOICE,
        metavar="SCORE",
    )


def main(argv: list[str] | None = None) -> int | None:
    own, swept, common, evaluate = split_command(argv, SweepOptions)
    options = parse(
        SweepOptions,
        own,
        prog="python -m training.sweep TRAINER --OPTION VALUE...",
        description=__doc__,
        epilog=_EPILOG,
    )
    choice = Choice.parse(options.choose, options.guard)
    plan = make_plan(swept, options.seeds, common, evaluate)
    root = Path(options.run or f"runs/sweep-{plan.trainer}-{plan.flag[2:]}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return sweep(
        root,
        plan,
        choice,
        [device for device in options.devices or (None,) for _ in range(options.jobs)],
    )


def sweep(root: Path, plan: Plan, choice: Choice, slots: list[str | None]) -> int | None:
    """All runs, then the table and the figure. Returns the exit status: None, or 130 / 143 after an
    interruption.

    slots: for each training at a time, the GPU it may see; None: all of them.

    Raises:
        UserError: another sweep is in the folder, or a run failed.
    """
    from training.run_folder import RunFolder
    from training.run_lock import RunLock
    from training.sweep_figure import figure
    from training.sweep_runs import SweepRuns
    from training.sweep_table import gather, write_tables

    folder = RunFolder(root)
    with RunLock(root):
        require_same_sweep(root, plan)
        folder.write_json(FILE, dataclasses.asdict(plan))
        runs = SweepRuns(root, plan, slots)
        status = runs.train()
        if status:
            return status
        results = gather(root, plan, choice)
        if plan.has_test and results.chosen is not None:
            status = runs.evaluate_test(results.chosen)
            if status:
                return status
            results = gather(root, plan, choice)
        written = write_tables(root, results)
        from tf_i2i.images import write_png

        write_png(root / "sweep.png", figure(results))
        print(
            "\n".join(
                [results.text(), f"written: {', '.join(map(str, [*written, root / 'sweep.png']))}"]
            )
        )
        if runs.failed:
            raise UserError(
                f"{len(runs.failed)} of {len(plan.runs())} runs failed: {'; '.join(runs.failed)}"
            )
    return None


if __name__ == "__main__":
    run_command(main)
