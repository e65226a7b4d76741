"""Times our CycleGAN training step against the reference networks and losses in PyTorch."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.results import BenchmarkOptions, Results, Target, parse_options, table
from benchmarks.step_worker import StepWorker
from benchmarks.timing import Ratio, Timing, interleave, ratio
from tf_i2i.command_line import option, run_command
from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.model_builder import GENERATOR_BLOCKS

OURS, TORCH = "ours", "PyTorch"
PRECISIONS = ("float32", "bfloat16")
TORCH_VERSION = "2.15.0"


@dataclasses.dataclass(frozen=True)
class StepOptions(BenchmarkOptions):
    crop_size: int = option(128, "side of the pictures", unit="pixels", minimum=32)
    batch_size: int = option(1, "pictures of each domain per step", minimum=1)
    generator: str = option("resnet6", "generator of both", choices=("resnet6", "resnet9"))
    ngf: int = option(32, "channels of the generators' first convolution", minimum=1)
    ndf: int = option(32, "channels of the discriminators' first convolution", minimum=1)
    steps: int = option(10, "steps in a block; blocks of all four take turns", minimum=1)
    repeats: int = option(6, "rounds with one block of each", minimum=1)
    warm_up: int = option(4, "steps before the first block", minimum=1)
    threads: int = option(2, "cores and threads for each", minimum=1)
    torch_env: str | None = option(
        None,
        "virtual environment with PyTorch, created when missing; default: one in the cache folder",
        metavar="DIR",
    )


def main(argv: list[str] | None = None) -> None:
    options = parse_options(StepOptions, argv, "training_step", __doc__)
    results = Results(options.json)
    python = torch_python(options.torch_env)
    results.start_timing()
    timings, facts = measure(options, python)
    parameters = check_same_networks(facts)
    ratios, targets = compare(timings)
    rows = []
    for name, timing in timings.items():
        seconds = (timing.median, timing.percentile(10), timing.percentile(90))
        rows.append((name, facts[name]["library"], *(f"{1000 * s:.0f}" for s in seconds)))
    tables = [
        f"CycleGAN step, {options.generator}: {parameters['generator']:,} parameters in a generator, "
        f"{parameters['discriminator']:,} in a discriminator; {options.crop_size} px, batch "
        f"{options.batch_size}, {options.threads} threads",
        table(("step", "library", "median ms", "p10 ms", "p90 ms"), rows),
    ]
    results.report(options, tables, ratios, targets, timings=timings, facts=facts)


def measure(options: StepOptions, torch: str) -> tuple[dict[str, Timing], dict[str, dict]]:
    """({name: Timing}, {name: facts of the worker}) of both libraries in both precisions."""
    settings = dataclasses.asdict(options)
    settings["blocks"] = GENERATOR_BLOCKS[options.generator][0]
    workers: dict[str, StepWorker] = {}
    try:
        for library, python, module in ((OURS, sys.executable, "our"), (TORCH, torch, "torch")):
            for precision in PRECISIONS:
                say(f"starting and warming up {library} {precision}")
                worker_settings = {**settings, "precision": precision}
                worker = StepWorker(python, f"benchmarks.{module}_step", worker_settings)
                workers[f"{library} {precision}"] = worker
        timings = interleave(workers, lambda worker: worker.run(options.steps), options.repeats)
        return timings, {name: worker.facts for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()


def check_same_networks(facts: dict[str, dict]) -> dict[str, int]:
    """Parameters of a generator and of a discriminator, which must be equal in all workers."""
    names = ("generator", "discriminator")
    counts = {tuple(worker[f"{name}_parameters"] for name in names) for worker in facts.values()}
    if len(counts) != 1:
        raise AssertionError(f"different networks are compared: {names} have {sorted(counts)}")
    return dict(zip(names, counts.pop(), strict=True))


def compare(timings: dict[str, Timing]) -> tuple[list[tuple[str, Ratio]], list[Target]]:
    """(named ratios, targets); the targets are for our faster precision."""
    best = min((f"{OURS} {p}" for p in PRECISIONS), key=lambda name: timings[name].median)
    pairs = [(f"{TORCH} {p}", f"{OURS} {p}") for p in PRECISIONS]
    ratios = [(f"{slow} / {fast}", ratio(timings[slow], timings[fast])) for slow, fast in pairs]
    targets = []
    for precision, bound in zip(PRECISIONS, (1.25, 1.0), strict=True):
        to_best = ratio(timings[f"{TORCH} {precision}"], timings[best])
        ratios.append((f"{TORCH} {precision} / our best ({best})", to_best))
        claim = f"our best is faster than PyTorch {precision}, times"
        targets.append(Target(claim, to_best.value, bound))
    return ratios, targets


def torch_python(folder: str | None) -> str:
    """The interpreter of a virtual environment with PyTorch, which shares no package with ours. It
    is created when missing.

    Raises:
        UserError: PyTorch could not be installed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(folder) if folder else cache / "tf_i2i" / f"torch-{TORCH_VERSION}"
    python = root / "bin" / "python"
    command = [python, "-c", "import torch"]
    if python.exists() and not subprocess.run(command, capture_output=True).returncode:
        return str(python)
    if root.exists() and any(root.iterdir()) and not (root / "pyvenv.cfg").exists():
        raise UserError(f"--torch-env {root}: has other files; use an environment or a new folder")
    say(
        f"installing torch {TORCH_VERSION} from PyPI into {root}. The Linux wheel needs its CUDA "
        "libraries: several GB, minutes, once. An environment with a CPU build can be given with "
        "--torch-env"
    )
    try:
        subprocess.run([sys.executable, "-m", "venv", str(root)], check=True)
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, f"torch=={TORCH_VERSION}"], check=True, stdout=sys.stderr)
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"--torch-env {root}: torch {TORCH_VERSION} could not be installed ({error}); "
            "use an environment that has PyTorch"
        ) from error
    return str(python)


if __name__ == "__main__":
    run_command(main)
