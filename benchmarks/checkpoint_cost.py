"""What a checkpoint costs a training: python -m benchmarks.checkpoint_cost"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command


@dataclasses.dataclass(frozen=True)
class CostOptions:
    """What is trained, and how often it is measured."""

    crop_size: int = option(128, "side of the pictures", minimum=32, unit="pixels")
    generator: str = option(
        "resnet6", "generator network", choices=("resnet9", "resnet6", "shallow")
    )
    ngf: int = option(32, "channels of the generators' first convolution", minimum=1)
    ndf: int = option(32, "channels of the discriminators' first convolution", minimum=1)
    interval: int = option(
        500, "steps between checkpoints, the trainers' default", minimum=1, unit="steps"
    )
    steps: int = option(20, "steps between two saves here", minimum=1)
    repeats: int = option(6, "rounds of steps and a save", minimum=2)
    folder: str | None = option(
        None, "disk to write to; default the one for temporary files", metavar="DIR"
    )
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def main(argv: list[str] | None = None) -> None:
    options = parse(
        CostOptions, argv, prog="python -m benchmarks.checkpoint_cost", description=__doc__
    )
    from benchmarks.results import (
        Target,
        check_writable,
        machine,
        machine_line,
        markdown_table,
        other_work_line,
        targets_table,
        write_results,
    )
    from benchmarks.timing import OtherWork, Timing

    check_writable(options.json)
    other = OtherWork()
    rounds, size = measure(options)
    steps = Timing(tuple(tuple(one) for one, _ in rounds))
    saves = Timing(tuple((one,) for _, one in rounds))
    share = saves.median / (options.interval * steps.median)
    target = Target(
        f"share of the training time, a checkpoint each {options.interval} steps",
        share,
        0.02,
        at_most=True,
    )
    facts, others = machine(["tensorflow", "keras"]), other.cores()
    print(
        markdown_table(
            ("", "median", "p90"),
            [
                ("step, ms", f"{1e3 * steps.median:.1f}", f"{1e3 * steps.percentile(90):.1f}"),
                (
                    "checkpoint, ms",
                    f"{1e3 * saves.median:.1f}",
                    f"{1e3 * saves.percentile(90):.1f}",
                ),
                ("checkpoint, MB", f"{size / 1e6:.1f}", ""),
            ],
        )
    )
    print(f"\n{targets_table([target])}\n\n{machine_line(facts)}\n{other_work_line(others)}")
    write_results(
        options.json,
        {
            "steps_s": steps,
            "saves_s": saves,
            "bytes": size,
            "targets": [target],
            "machine": facts,
            "other_cores": others,
            "options": options,
        },
    )


def measure(options: CostOptions) -> tuple[list[tuple[list[float], float]], int]:
    """([(seconds of each step, seconds of the save after them)], bytes of a checkpoint).

    A save is all that the loop does for it: are the weights finite, write, checksums, sync to the
    disk, remove the old.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks.results import show_progress
    from tf_i2i.models.model_builder import build_cyclegan
    from tf_i2i.models.precision import choose_precision, set_precision
    from training.options.trainer_options import CycleGANOptions
    from training.runs.checkpoints import Checkpoints
    from training.runs.run_folder import weights_finite
    from training.trainers.devices import make_repeatable

    make_repeatable()
    keras.utils.set_random_seed(1)
    set_precision(choose_precision()[0])
    chosen = {name: getattr(options, name) for name in ("crop_size", "generator", "ngf", "ndf")}
    gan = build_cyclegan(dataclasses.asdict(CycleGANOptions(**chosen)), ema_half_life=300.0)
    gan.compile(*(keras.optimizers.Adam(2e-4, 0.5) for _ in range(2)))
    step, random = tf.function(gan.train_step), np.random.default_rng(1)
    shape = (1, options.crop_size, options.crop_size, 3)
    batch = tuple(tf.constant(random.uniform(-1, 1, shape), tf.float32) for _ in "ab")
    rounds = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        checkpoints = Checkpoints(Path(folder), tf.train.Checkpoint(model=gan))
        for number in range(options.repeats + 1):
            show_progress(f"round {number} of {options.repeats}" if number else "warming up")
            times = [_timed(lambda: float(step(batch)["G"])) for _ in range(options.steps)]
            save = _timed(
                lambda number=number: (
                    weights_finite(gan) and checkpoints.save(number + 1, {"score": None})
                )
            )
            rounds.append((times, save))
        size = sum(
            path.stat().st_size for path in Path(folder).glob(f"ckpt-{options.repeats + 1}.*")
        )
    return rounds[1:], size


def _timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    run_command(main)
