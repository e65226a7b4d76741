"""Times exported networks, and any other .tflite files, side by side: on this machine's CPU and GPU
with LiteRT, on a phone.

python -m export.benchmark --run RUN --threads 1 2
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from export.conversion.manifest import read_entries
from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json, write_text
from training.runs.run_folder import newest_run, read_config

_EPILOG = """\
Each file runs in a process of its own; one inference of every file in turn, again and again, so that whatever else
the machine does hits all alike. us/pixel counts pixels of the input. Peak memory is what the process grew by from
before the file was loaded. ratio is to the first file on the same device with the same threads.

gmac_s is multiply-accumulates (by the file's graph) in a second, in billions. peak_share is that over what a network of
nothing but large convolutions reached here, in the same arithmetic (int8 or float32, by the file's weights), with the same threads,
timed in turn with the files. It is an estimate of the roofline: the peak of XNNPACK's kernels as measured, not of the
processor's data sheet, and a file that reads and writes much can't come near it.

--gpu asks that every operation runs on the GPU, and counts reading the result. Without a GPU it takes SwiftShader, which emulates
one on the CPU: that shows that a file runs there, its speed means nothing. --profile lists what XNNPACK runs inside; the
profiler's own cost is in those times. Exit status: 0 done, 2 wrong usage or a file that can't be run."""

_COLUMNS = (
    "file",
    "device",
    "threads",
    "median_ms",
    "p90_ms",
    "first_ms",
    "us_per_pixel",
    "peak_mb",
    "gmac_s",
    "peak_share",
    "ratio",
)


@dataclass(frozen=True)
class BenchmarkOptions:
    files: tuple[str, ...] = option(
        (),
        ".tflite files; with --run they come after the run's own, as peers to compare with",
        group="what",
        metavar="FILE",
        positional=True,
    )
    run: str | None = option(
        None,
        "run folder, whose exported files are timed; the newest under runs/ with a checkpoint when no file "
        "is named either",
        group="what",
        metavar="RUN",
    )
    threads: tuple[int, ...] = option(
        (1, 2), "of the CPU; several give a row each", group="how", minimum=1, maximum=256
    )
    repeats: int = option(
        50, "timed inferences of each file", group="how", minimum=1, maximum=100000
    )
    warm_up: int = option(
        3,
        "inferences before those; the very first is reported apart",
        group="how",
        minimum=1,
        maximum=1000,
    )
    gpu: bool = option(False, "also on the GPU, by LiteRT's GPU accelerator", group="where")
    adb: bool = option(
        False, "also on an Android phone, by our app's benchmark screen; needs adb", group="where"
    )
    device: str | None = option(
        None,
        "serial number of the phone, where several are connected",
        group="where",
        metavar="SERIAL",
    )
    profile: bool = option(
        False,
        "also list the slowest operations of each file, with the first of --threads",
        group="output",
    )
    slowest: int = option(
        10, "how many of them to print; the JSON has all", group="output", minimum=1, maximum=1000
    )
    json: str | None = option(
        None,
        "also write the figures there; with a run RUN/export/benchmark.json",
        group="output",
        metavar="OUT",
    )
    chart: str | None = option(
        None,
        "also draw the times there; with a run RUN/export/benchmark.svg",
        group="output",
        metavar="OUT.svg",
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(
        BenchmarkOptions,
        argv,
        prog="python -m export.benchmark",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    from export.timing.latency import measure, with_ratios
    from export.timing.latency_chart import chart_file
    from export.timing.operation_profile import require_profiler
    from export.timing.phone import ready_phone
    from export.timing.timing_tables import table

    if options.device and not options.adb:
        raise UserError("--device names a phone; add --adb")
    if options.chart and Path(options.chart).suffix != ".svg":
        raise UserError(
            f"--chart {one_line(options.chart)}: it is drawn as SVG; name a file that ends in .svg"
        )
    paths, options = _resolved(options)
    if options.profile:
        require_profiler()
    if options.adb:
        ready_phone(options.device)
    rows, failure = (
        measure(paths, options.threads, options.repeats, options.warm_up, options.gpu),
        None,
    )
    if options.adb:
        try:
            rows = with_ratios([*rows, *_phone_rows(paths, rows, options)])
        except UserError as error:
            failure = error  # said at the end: what was measured here is of use without the phone
    print(table(rows, _COLUMNS))
    profiles = [_profile(path, options) for path in paths] if options.profile else []
    if options.json:
        _write(options, "json", lambda target: write_json(target, _record(rows, profiles, options)))
    if options.chart:
        _write(options, "chart", lambda target: write_text(target, chart_file(rows)))
    if failure:
        raise failure
    return 0


def _profile(path: Path, options: BenchmarkOptions) -> dict:
    """Prints the file's operations and returns them for the JSON; a file that the profiler can't
    take is named and left out.
    """
    from export.timing.operation_profile import profile
    from export.timing.timing_tables import operations_table

    threads, shown = options.threads[0], one_line(path)
    try:
        operations = profile(path, threads, options.repeats)
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr, flush=True)
        return {"file": shown, "threads": threads, "operations": None}
    print(f"\n{shown}, operations of one inference, threads: {threads}")
    print(operations_table(operations, options.slowest))
    return {"file": shown, "threads": threads, "operations": operations}


def _resolved(options: BenchmarkOptions) -> tuple[list[Path], BenchmarkOptions]:
    """The files to time, and the options with the places to write to when there is a run."""
    named = [Path(file) for file in options.files]
    if named and not options.run:
        return list(dict.fromkeys(named)), options
    run = Path(options.run) if options.run else newest_run()
    read_config(run)
    folder = run / "export"
    own = [folder / entry["file"] for entry in read_entries(folder)]
    if not own:
        raise UserError(
            f"{one_line(folder)}: nothing exported yet; export first: python -m export.tflite"
        )
    targets = {
        "json": options.json or str(folder / "benchmark.json"),
        "chart": options.chart or str(folder / "benchmark.svg"),
    }
    return list(dict.fromkeys([*own, *named])), dataclasses.replace(options, **targets)


def _phone_rows(paths: list[Path], rows: list[dict], options: BenchmarkOptions) -> list[dict]:
    """The phone's rows, with what is known of the files from the rows measured here."""
    from export.timing.phone import benchmark_on_phone

    print("timing on the phone; keep it unlocked", file=sys.stderr, flush=True)
    known = {row["file"]: row for row in reversed(rows)}
    found = []
    for row in benchmark_on_phone(
        paths, options.threads, options.repeats, options.warm_up, options.device
    ):
        facts = {
            key: known[row["file"]][key]
            for key in ("input_shape", "input_dtype", "macs", "arithmetic")
        }
        median, shape = row["median_ms"], facts["input_shape"]
        pixels = shape[1] * shape[2] if len(shape) == 4 else None
        found.append(
            {
                **row,
                **facts,
                "peak_gmac_s": None,
                "peak_share": None,
                "emulated": False,
                "us_per_pixel": round(median * 1e3 / pixels, 5) if median and pixels else None,
                "gmac_s": round(facts["macs"] / median / 1e6, 4)
                if median and facts["macs"]
                else None,
            }
        )
    return found


def _record(rows: list[dict], profiles: list[dict], options: BenchmarkOptions) -> dict:
    from training.system.machine import describe_machine

    record = {
        "results": rows,
        "repeats": options.repeats,
        "warm_up": options.warm_up,
        "machine": describe_machine(),
    }
    return {**record, "profiles": profiles} if options.profile else record


def _write(options: BenchmarkOptions, name: str, write) -> None:
    target = Path(getattr(options, name))
    try:
        write(target)
    except OSError as error:
        raise UserError(
            f"--{name} {one_line(target)}: can't be written ({error.strerror})"
        ) from error
    print(f"written to {one_line(target)}")


if __name__ == "__main__":
    run_command(main)
