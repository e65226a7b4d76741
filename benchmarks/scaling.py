"""How training grows with workers: measured on this machine for 1 and 2, on paper for GPUs: python
-m benchmarks.scaling
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError

_PAPER, _RUN = "assumptions of the table on paper", "measuring"
BYTES_OF_A_GRADIENT = 4


@dataclasses.dataclass(frozen=True)
class ScalingOptions:
    """What is measured, and what is assumed where nothing can be."""

    crop_size: int = option(
        64, "side of the pictures in the measured runs", group=_RUN, minimum=32, unit="pixels"
    )
    steps: int = option(60, "steps of each run", group=_RUN, minimum=40)
    repeats: int = option(3, "runs of one and of two workers, in turn", group=_RUN, minimum=1)
    gpu_tflops: float = option(
        100.0, "what one GPU reaches in this network", group=_PAPER, unit="TFLOP/s", minimum=0.1
    )
    inside_gbytes: float = option(
        200.0, "between GPUs of one machine", group=_PAPER, unit="GB/s", minimum=0.1
    )
    network_gbytes: float = option(
        12.5, "between machines, for each GPU", group=_PAPER, unit="GB/s", minimum=0.01
    )
    json: str | None = option(
        None, "write the page's text to this file as well, as JSON", group=_RUN, metavar="OUT"
    )
    doc: str | None = option(
        None, "also write the page there: docs/scaling.md", group=_RUN, metavar="OUT"
    )


def main(argv: list[str] | None = None) -> None:
    options = parse(ScalingOptions, argv, prog="python -m benchmarks.scaling", description=__doc__)
    from benchmarks.results import (
        check_writable,
        machine,
        machine_line,
        other_work_line,
        write_results,
    )
    from benchmarks.timing import OtherWork
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    check_writable(options.json)
    other = OtherWork()
    page = "\n".join(
        [
            "# Scaling",
            "",
            "Written by `python -m benchmarks.scaling --doc docs/scaling.md`.",
            "",
            "## Measured: data preparation by cores",
            "",
            preparation(),
            "",
            "The bundled photographs, examined and drawn by `training.cartoonize`'s worker processes; counting in Python is what",
            "the machine had to give at that time. `python -m benchmarks.cartoonize` measures your own photos.",
            "",
            "## Measured: one and two workers on one machine",
            "",
            measured(options),
            "",
            f"{options.crop_size} px, resnet6, ngf and ndf 16, one thread a worker, batch of 1 a worker, medians of",
            f"{options.repeats} runs each, in turn. Two workers share the machine's memory and caches, so this is the loop's and",
            "the collectives' cost, not a network's.",
            "",
            machine_line(machine(["tensorflow"])),
            "",
            other_work_line(other.cores()),
            "",
            "## On paper: GPUs",
            "",
            on_paper(options),
        ]
    )
    print(page)
    write_results(options.json, {"page": page, "options": options})
    if options.doc:
        from tf_i2i.files import write_text

        write_text(Path(options.doc), page + "\n")


def measured(options: ScalingOptions) -> str:
    """A table of pictures a second by workers."""
    from benchmarks.results import markdown_table, show_progress

    seconds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.repeats):
            for workers in seconds:
                show_progress(f"round {number + 1} of {options.repeats}: {workers} worker(s)")
                seconds[workers].append(
                    step_seconds(options, workers, Path(folder) / f"{number}-{workers}")
                )
    medians = {workers: statistics.median(times) for workers, times in seconds.items()}
    rows = [
        (workers, f"{workers / step:.2f}", f"{100 * medians[1] / step:.0f} %")
        for workers, step in medians.items()
    ]
    return markdown_table(("workers", "pictures of each domain a second", "efficiency"), rows)


def preparation() -> str:
    """A table of pictures a second by processes, up to one a core."""
    from benchmarks.results import markdown_table, show_progress

    cores = len(os.sched_getaffinity(0))
    workers = sorted({1, 2, cores})
    show_progress(f"data preparation with {', '.join(map(str, workers))} process(es)")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "cartoonize.json"
        command = ["benchmarks.cartoonize", "--json", str(found), "--workers", *map(str, workers)]
        subprocess.run([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, check=True)
        blocks = {
            name: timing["blocks"]
            for name, timing in json.loads(found.read_text())["timings"].items()
        }
    medians = {
        name: statistics.median(seconds for block in rounds for seconds in block)
        for name, rounds in blocks.items()
    }
    drawing, counting = (
        [value for name, value in medians.items() if name.startswith("counting") == loop]
        for loop in (False, True)
    )
    rows = [
        (count, f"{1 / seconds:.1f}", f"{drawing[0] / seconds:.2f}", f"{counting[0] / loop:.2f}")
        for count, seconds, loop in zip(workers, drawing, counting, strict=True)
    ]
    return markdown_table(
        ("processes", "photos a second", "times one", "counting in Python, times one"), rows
    )


def step_seconds(options: ScalingOptions, workers: int, run: Path) -> float:
    """Median seconds of a step of a real run, without its first steps."""
    trainer = [
        "training.cyclegan",
        "--run",
        str(run),
        "--steps",
        str(options.steps),
        "--batch-size",
        str(workers),
        "--student",
        "none",
        "--load-size",
        str(options.crop_size + 16),
        "--crop-size",
        str(options.crop_size),
        "--generator",
        "resnet6",
        "--ngf",
        "16",
        "--ndf",
        "16",
        "--sample-every",
        "100000",
    ]
    command = ["training.launch", "--workers", str(workers), *trainer] if workers > 1 else trainer
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        env={**os.environ, **threads},
        check=False,
    )
    if done.returncode:
        raise UserError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1]}")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return statistics.median(line["step_s"] for line in lines if line["step_s"])


def on_paper(options: ScalingOptions) -> str:
    """The bytes of a step at the default options, and the efficiency that follows from them."""
    from benchmarks.results import markdown_table
    from tf_i2i.models.model_builder import build_cyclegan, count_macs
    from training.options.trainer_options import CycleGANOptions

    defaults = CycleGANOptions()
    gan = build_cyclegan(dataclasses.asdict(defaults), ema_half_life=1.0)
    gradients = BYTES_OF_A_GRADIENT * sum(
        int(v.shape.num_elements()) for v in gan.trainable_variables
    )
    pools = 2 * BYTES_OF_A_GRADIENT * 3 * defaults.crop_size**2
    generator, discriminator = (
        count_macs(n, defaults.crop_size) for n in (gan.generator_ab, gan.discriminator_b)
    )
    # 6 generator passes and 2 + 4 discriminator passes; backward takes twice the forward pass; 2
    # operations a MAC.
    flops = 2 * 3 * (6 * generator + 6 * discriminator)
    step = flops / (options.gpu_tflops * 1e12)
    rows = []
    for replicas, bandwidth in (
        (1, None),
        (8, options.inside_gbytes),
        (64, options.network_gbytes),
    ):
        # A ring all-reduce sends and receives 2 (n - 1) / n of the bytes; the pools' images are
        # gathered by all.
        sent = 2 * (replicas - 1) / replicas * gradients + (replicas - 1) * pools
        waiting = sent / (bandwidth * 1e9) if bandwidth else 0.0
        rows.append(
            (
                replicas,
                f"{sent / 1e6:.0f}",
                f"{1e3 * waiting:.1f}",
                f"{100 * step / (step + waiting):.0f} %",
            )
        )
    table = markdown_table(
        ("GPUs", "MB sent by each a step", "ms, if nothing overlaps", "efficiency at least"), rows
    )
    return (
        f"Nothing here was measured. CycleGAN by default (9 blocks, ngf and ndf 64, {defaults.crop_size} px, batch of 1 a GPU):\n"
        f"{gradients / 1e6:.0f} MB of float32 gradients and {pools / 1e6:.1f} MB of images for the pools a step and GPU; "
        f"{flops / 1e12:.2f} TFLOP, {1e3 * step:.1f} ms at\nan assumed {options.gpu_tflops:g} TFLOP/s. Assumed too: "
        f"{options.inside_gbytes:g} GB/s between 8 GPUs of one machine, {options.network_gbytes:g} GB/s for each of 64\nin eight machines. "
        "A larger batch a GPU divides the share of what is sent.\n\n" + table
    )


if __name__ == "__main__":
    run_command(main)
