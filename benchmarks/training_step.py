"""Times our CycleGAN training step against the reference networks and losses in PyTorch: python -m
benchmarks.training_step
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command

_STEP, _RUN = "what a step is", "measuring"
OURS, TORCH = "ours", "PyTorch"


@dataclasses.dataclass(frozen=True)
class StepOptions:
    """What is measured, and how often."""

    crop_size: int = option(128, "side of the pictures", group=_STEP, unit="pixels", minimum=32)
    batch_size: int = option(1, "pictures of each domain a step", group=_STEP, minimum=1)
    generator: str = option(
        "resnet6", "generator network of both", group=_STEP, choices=("resnet6", "resnet9")
    )
    ngf: int = option(32, "channels of the generators' first convolution", group=_STEP, minimum=1)
    ndf: int = option(
        32, "channels of the discriminators' first convolution", group=_STEP, minimum=1
    )

    steps: int = option(
        10, "steps of a block; blocks of all four take turns", group=_RUN, minimum=1
    )
    repeats: int = option(6, "rounds, a block of each in every one", group=_RUN, minimum=1)
    warm_up: int = option(4, "steps before the first block", group=_RUN, minimum=1)
    threads: int = option(2, "cores and threads for each", group=_RUN, minimum=1)
    torch_env: str | None = option(
        None,
        "virtual environment with PyTorch, made when missing; default: one in the cache folder",
        group=_RUN,
        metavar="DIR",
    )
    json: str | None = option(
        None, "write the results to this file as well", group=_RUN, metavar="OUT"
    )


def measure(options: StepOptions, torch_python: str) -> tuple[dict, dict]:
    """({name: Timing}, {name: facts of the worker}) of both precisions of both."""
    from benchmarks.results import show_progress
    from benchmarks.step_worker import StepWorker
    from benchmarks.timing import interleave

    settings = {
        **dataclasses.asdict(options),
        "blocks": {"resnet6": 6, "resnet9": 9}[options.generator],
    }
    workers: dict[str, StepWorker] = {}
    try:
        facts = {}
        for name, python, module in (
            (OURS, sys.executable, "benchmarks.our_step"),
            (TORCH, torch_python, "benchmarks.torch_step"),
        ):
            for precision in ("float32", "bfloat16"):
                key = f"{name} {precision}"
                show_progress(f"starting and warming up {key}")
                workers[key] = StepWorker(python, module, {**settings, "precision": precision})
                facts[key] = workers[key].facts()
        runners = {
            name: lambda worker=worker: worker.run(options.steps)
            for name, worker in workers.items()
        }
        return interleave(runners, options.repeats, show_progress), facts
    finally:
        for worker in workers.values():
            worker.close()


def check_same_networks(facts: dict) -> dict[str, int]:
    """Parameters of a generator and of a discriminator, which must be equal in all of them."""
    found = {
        (one["generator_parameters"], one["discriminator_parameters"]) for one in facts.values()
    }
    if len(found) != 1:
        raise AssertionError(
            f"different networks are compared: (generator, discriminator) parameters {sorted(found)}"
        )
    generator, discriminator = found.pop()
    return {"generator": generator, "discriminator": discriminator}


def compare(timings: dict) -> tuple[list, list]:
    """(named ratios, targets) of our faster precision."""
    from benchmarks.results import Target
    from benchmarks.timing import ratio

    best = min(
        (name for name in timings if name.startswith(OURS)), key=lambda name: timings[name].median
    )
    ratios = [
        (f"{TORCH} {p} / {OURS} {p}", ratio(timings[f"{TORCH} {p}"], timings[f"{OURS} {p}"]))
        for p in ("float32", "bfloat16")
    ]
    against = {p: ratio(timings[f"{TORCH} {p}"], timings[best]) for p in ("float32", "bfloat16")}
    ratios += [(f"{TORCH} {p} / our best ({best})", value) for p, value in against.items()]
    return ratios, [
        Target("our best against PyTorch float32, times as fast", against["float32"].value, 1.25),
        Target(
            "our best against PyTorch bfloat16 autocast, times as fast",
            against["bfloat16"].value,
            1.0,
        ),
    ]


def main(argv: list[str] | None = None) -> None:
    options = parse(
        StepOptions, argv, prog="python -m benchmarks.training_step", description=__doc__
    )
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    from benchmarks import results
    from benchmarks.timing import OtherWork
    from benchmarks.torch_environment import default_folder, torch_python

    results.check_writable(options.json)
    python = torch_python(
        Path(options.torch_env) if options.torch_env else default_folder(), results.show_progress
    )
    machine = results.machine(("tensorflow", "keras"))
    others = OtherWork()
    timings, facts = measure(options, python)
    busy = others.cores()
    parameters = check_same_networks(facts)
    ratios, targets = compare(timings)
    rows = [
        (
            name,
            facts[name]["library"],
            f"{1000 * t.median:.0f}",
            f"{1000 * t.percentile(10):.0f}",
            f"{1000 * t.percentile(90):.0f}",
        )
        for name, t in timings.items()
    ]
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    print(
        f"A CycleGAN step: {options.generator}, ngf {options.ngf} ({parameters['generator']:,} parameters), "
        f"ndf {options.ndf} ({parameters['discriminator']:,}), {options.crop_size} px, batch {options.batch_size}, "
        f"{options.threads} threads; {options.repeats} interleaved blocks of {options.steps} steps\n"
    )
    print(
        results.markdown_table(("step", "library", "median ms", "p10 ms", "p90 ms"), rows),
        end="\n\n",
    )
    print(results.ratios_table(ratios), end="\n\n")
    print(results.targets_table(targets))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "parameters": parameters,
            "timings": timings,
            "libraries": {name: one["library"] for name, one in facts.items()},
            "ratios": dict(ratios),
            "targets": targets,
        },
    )


if __name__ == "__main__":
    run_command(main)
