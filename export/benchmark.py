"""Times exported networks, and any other .tflite files, side by side on this machine's CPU with LiteRT.

python -m export.benchmark --run RUN --threads 1 2
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from export.manifest import read_entries
from tf_i2i.errors import UserError, one_line
from tf_i2i.model_file import read_bytes
from tf_i2i.model_worker import ModelWorker
from training.machine import describe_machine
from training.options import option, parse, run_command
from training.run_folder import newest_run, read_config, write_json

_EPILOG = """\
Each file runs in a process of its own; one inference of every file in turn, again and again, so that whatever else
the machine does hits all alike. us/pixel counts pixels of the input. Peak memory is what the process grew by from
before the file was loaded. Exit status: 0 done, 2 wrong usage or a file that can't be run."""

_COLUMNS = ("file", "threads", "median_ms", "p90_ms", "first_ms", "us_per_pixel", "peak_mb", "ratio")


@dataclass(frozen=True)
class BenchmarkOptions:
    files: tuple[str, ...] = option((), ".tflite files; without any, those in RUN's export.json", group="what", metavar="FILE",
                                    positional=True)  # fmt: skip
    run: str | None = option(None, "run folder; the newest under runs/ with a checkpoint when no file is named either", group="what",
                             metavar="RUN")  # fmt: skip
    threads: tuple[int, ...] = option(
        (1, 2), "of the CPU; several give a row each", group="how", minimum=1, maximum=256
    )
    repeats: int = option(50, "timed inferences of each file", group="how", minimum=1, maximum=100000)
    warm_up: int = option(
        3, "inferences before those; the very first is reported apart", group="how", minimum=1, maximum=1000
    )
    json: str | None = option(None, "also write the figures there; with a run RUN/export/benchmark.json", group="output",
                              metavar="OUT")  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    options = parse(
        BenchmarkOptions, argv, prog="python -m export.benchmark", description=__doc__.splitlines()[0], epilog=_EPILOG
    )
    if options.files and options.run:
        raise UserError("--run and files exclude each other; name one of them")
    paths, target = [Path(file) for file in options.files], options.json and Path(options.json)
    if not paths:
        folder = _export_folder(Path(options.run) if options.run else newest_run())
        paths = [folder / entry["file"] for entry in read_entries(folder)]
        target = target or folder / "benchmark.json"
        if not paths:
            raise UserError(f"{one_line(folder)}: nothing exported yet; export first: python -m export.tflite")
    results = measure(paths, options.threads, options.repeats, options.warm_up)
    print(table(results))
    if target:
        _write(target, results, options)
    return 0


def measure(paths: list[Path], threads: tuple[int, ...], repeats: int, warm_up: int) -> list[dict]:
    """Times each file with each number of threads, interleaved.

    Returns:
        One dict a file and number of threads, in that order: file, threads, size, input_dtype, median_ms, p90_ms,
        first_ms, us_per_pixel, peak_mb, ratio (median over that of the first file at the same number of threads).

    Raises:
        UserError: a file is missing, is no .tflite file, or can't be run.
    """
    for path in paths:
        read_bytes(path)
    cases = [(path, count) for path in dict.fromkeys(paths) for count in dict.fromkeys(threads)]
    with ExitStack() as stack:
        workers = [stack.enter_context(ModelWorker(path, count)) for path, count in cases]
        first = [worker.run()["ms"] for worker in workers]
        times: list[list[float]] = [[] for _ in workers]
        peaks = [0] * len(workers)
        for turn in range(warm_up - 1 + repeats):
            for number, worker in enumerate(workers):
                answer = worker.run()
                peaks[number] = answer["peak_bytes"]
                if turn >= warm_up - 1:
                    times[number].append(answer["ms"])
        rows = [
            _row(case, worker.facts, first[number], times[number], peaks[number])
            for number, (case, worker) in enumerate(zip(cases, workers, strict=True))
        ]
    return _with_ratios(rows)


def table(rows: list[dict]) -> str:
    """The rows as aligned text."""
    lines = [[*_COLUMNS], *([_shown(row[column]) for column in _COLUMNS] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _row(case: tuple[Path, int], facts: dict, first: float, times: list[float], peak: int) -> dict:
    import numpy as np

    shape = facts["input_shape"]
    # An image network's input is [1, H, W, C]; anything else has no pixels.
    pixels = shape[1] * shape[2] if len(shape) == 4 else None
    median = float(np.median(times))
    return {
        "file": one_line(case[0]),
        "threads": case[1],
        "input_shape": shape,
        "input_dtype": facts["input_dtype"],
        "median_ms": round(median, 4),
        "p90_ms": round(float(np.percentile(times, 90)), 4),
        "first_ms": round(first, 4),
        "us_per_pixel": round(median * 1e3 / pixels, 5) if pixels else None,
        "peak_mb": round(peak / 1e6, 2),
    }


def _with_ratios(rows: list[dict]) -> list[dict]:
    reference: dict[int, float] = {}
    for row in rows:
        reference.setdefault(row["threads"], row["median_ms"])
    return [{**row, "ratio": round(row["median_ms"] / reference[row["threads"]], 4)} for row in rows]


def _shown(value) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _export_folder(run: Path) -> Path:
    read_config(run)
    return run / "export"


def _write(target: Path, rows: list[dict], options: BenchmarkOptions) -> None:
    record = {"results": rows, "repeats": options.repeats, "warm_up": options.warm_up, "machine": describe_machine()}
    try:
        write_json(target, record)
    except OSError as error:
        raise UserError(f"--json {one_line(target)}: can't be written ({error.strerror})") from error
    print(f"written to {one_line(target)}")


if __name__ == "__main__":
    run_command(main)
