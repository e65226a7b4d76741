"""Times .tflite files side by side: a process for each, an inference of every file in turn."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_i2i.console import text_table
from tf_i2i.errors import one_line
from tf_i2i.litert.model_file import ModelFile, read_bytes
from tf_i2i.litert.sandbox import GpuError, Sandbox

# An emulated GPU takes seconds for milliseconds, and its speed means nothing.
_EMULATED_REPEATS = 3
EMULATED = "a CPU that emulates a GPU: the network runs, its speed means nothing"


@dataclass
class Case:
    """One file on one device, its worker, and what was measured. threads: None on a GPU."""

    path: Path
    threads: int | None
    device: str = "CPU"
    emulated: bool = False
    note: str | None = None
    worker: Sandbox | None = None
    repeats: int = 0
    first_ms: float | None = None
    times: list[float] = field(default_factory=list)
    peak_bytes: int = 0


def measure(
    paths: list[Path], threads: tuple[int, ...], repeats: int, warm_up: int, gpu: bool = False
) -> list[dict]:
    """Times each file with each number of threads, and on the GPU, interleaved.

    Returns:
        Rows of benchmark.json, by file and device; threads is None on a GPU; ratio is the median
        over that of the first file on the same device and threads. What is not known is None, and
        so is every figure where a GPU refuses the file.
    Raises UserError: a file is missing, is no .tflite file, or can't be run.
    """
    for path in paths:
        read_bytes(path)
    devices = [*dict.fromkeys(threads), *([None] if gpu else [])]
    cases = [Case(path, device) for path in dict.fromkeys(paths) for device in devices]
    with contextlib.ExitStack() as stack:
        for case in cases:
            _start(case, repeats, stack)
        # Only now: reading the graph of a damaged file may crash here, and by now LiteRT has run
        # each in its process.
        graphs = {case.path: ModelFile(read_bytes(case.path)) for case in cases}
        for turn in tqdm(range(1 - warm_up, repeats), "timing", unit="round", delay=3):
            for case in cases:
                _run(case, turn)
        return with_ratios([_row(case, graphs[case.path]) for case in cases])


def with_ratios(rows: list[dict]) -> list[dict]:
    """Adds each row's median over that of the first row on the same device and threads."""
    reference: dict[tuple, float] = {}
    for row in rows:
        if row["median_ms"]:
            reference.setdefault((row["device"], row["threads"]), row["median_ms"])
    medians = [(row, row["median_ms"], (row["device"], row["threads"])) for row in rows]
    return [row | {"ratio": ms and round(ms / reference[key], 4)} for row, ms, key in medians]


def rates(median_ms: float | None, shape: list[int], macs: int) -> dict[str, float | None]:
    """us_per_pixel of an input [1, H, W, C], else None, and gmac_s, 1e9 multiply-accumulates/s."""
    pixels = shape[1] * shape[2] if len(shape) == 4 else None
    return {
        "us_per_pixel": round(median_ms * 1e3 / pixels, 5) if median_ms and pixels else None,
        "gmac_s": round(macs / median_ms / 1e6, 4) if median_ms and macs else None,
    }


def _start(case: Case, repeats: int, stack: contextlib.ExitStack) -> None:
    """Starts the case's process and runs it once."""
    accelerator = "cpu" if case.threads else "gpu"
    with _refusal_noted(case):
        case.worker = stack.enter_context(Sandbox(case.path, accelerator, case.threads or 1))
        case.first_ms = case.worker.run()["ms"]
        case.repeats = repeats
    if case.worker and accelerator == "gpu":
        gpu = case.worker.device
        case.device, case.emulated = (gpu.name, gpu.is_software) if gpu else ("GPU", False)
        if case.emulated:
            case.note, case.repeats = EMULATED, min(repeats, _EMULATED_REPEATS)


def _run(case: Case, turn: int) -> None:
    """One inference; turn: negative while warming up."""
    if case.worker is None or turn >= case.repeats or (turn < 0 and case.emulated):
        return
    with _refusal_noted(case):
        answer = case.worker.run()
        case.peak_bytes = answer["peak_bytes"]
        if turn >= 0:
            case.times.append(answer["ms"])


@contextlib.contextmanager
def _refusal_noted(case: Case):
    """What a GPU refuses, at once or later, becomes the case's note and leaves it without figures."""
    try:
        yield
    except GpuError as error:
        case.worker, case.device, case.first_ms, case.times = None, "GPU", None, []
        case.emulated, case.note = False, error.reason


def _row(case: Case, graph: ModelFile) -> dict:
    facts = case.worker.facts if case.worker else {}
    shape = facts.get("input_shape", graph.input_shape)
    median = float(np.median(case.times)) if case.times else None
    return {
        "file": one_line(case.path),
        "device": case.device,
        "threads": case.threads,
        "input_shape": shape,
        "input_dtype": facts.get("input_dtype"),
        "median_ms": median and round(median, 4),
        "p90_ms": median and round(float(np.percentile(case.times, 90)), 4),
        "first_ms": case.first_ms and round(case.first_ms, 4),
        "peak_mb": round(case.peak_bytes / 1e6, 2) if median else None,
        "macs": graph.macs,
        **rates(median, shape, graph.macs),
        "emulated": case.emulated,
        "note": case.note,
    }


def table(rows: list[dict], columns: tuple[str, ...]) -> str:
    """A line per row under a line of heads; below them each note once, with its files."""
    lines = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row["note"]:
            notes.setdefault(f"{row['device']}: {row['note']}", []).append(row["file"])
    texts = [f"note: {', '.join(dict.fromkeys(files))}: {note}" for note, files in notes.items()]
    return "\n".join([text_table(lines), *texts])


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
