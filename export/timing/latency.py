"""Times .tflite files against one another: a process each, one inference of every one in turn,
again and again.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from export.timing.peak_files import write_peak_file
from tf_i2i.errors import one_line
from tf_i2i.litert.gpu_delegate import device_in
from tf_i2i.litert.model_file import ModelSummary, read_bytes, summarize
from tf_i2i.litert.model_worker import ModelWorker, NotOnThisGpu

# An emulated GPU takes seconds for what a real one does in milliseconds, and its speed means
# nothing.
_EMULATED_REPEATS = 3


EMULATED = "a CPU that emulates a GPU: the network runs, its speed means nothing"


@dataclass
class Case:
    """One file on one device: its worker, and what was measured so far.

    Attributes:
        threads: of the CPU; None on a GPU.
        is_peak: it measures the machine, not a file of the user's.
        emulated: it runs on a CPU that emulates a GPU.
        note: what has to be said about its figures.
    """

    path: Path
    threads: int | None
    summary: ModelSummary | None = None
    is_peak: bool = False
    device: str = "CPU"
    emulated: bool = False
    note: str | None = None
    worker: ModelWorker | None = None
    repeats: int = 0
    first_ms: float | None = None
    times: list[float] = field(default_factory=list)
    peak_bytes: int = 0


def measure(
    paths: list[Path], threads: tuple[int, ...], repeats: int, warm_up: int, gpu: bool = False
) -> list[dict]:
    """Times each file with each number of threads, and on the GPU, interleaved.

    Returns:
        One dict a file and device, in the order of the files: file, device, threads (None on a
        GPU), input_shape, input_dtype, median_ms, p90_ms, first_ms, us_per_pixel, peak_mb, ratio
        (median over that of the first file on the same device and threads), macs, arithmetic,
        gmac_s, peak_gmac_s (what this machine reached with the same threads in this run, see
        export.timing.peak_files), peak_share, emulated, note. What is not known is None; so is every
        figure where a GPU refuses the file.

    Raises:
        UserError: a file is missing, is no .tflite file, or can't be run.
    """
    for path in paths:
        read_bytes(path)
    cases = [Case(path, count) for path in dict.fromkeys(paths) for count in _devices(threads, gpu)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for case in cases:
            _start(case, repeats, stack)
        # Only now: reading the graph of a damaged file may crash here, and by now LiteRT has run
        # each in its process.
        for case in cases:
            case.summary = summarize(read_bytes(case.path))
        for case in _peak_cases(cases, folder):
            _start(case, repeats, stack)
            cases.append(case)
        _run(cases, repeats, warm_up)
        return with_ratios(_with_peaks(cases))


def with_ratios(rows: list[dict]) -> list[dict]:
    """Adds to each row its median over that of the first row measured on the same device with the
    same threads.
    """
    reference: dict[tuple, float] = {}
    for row in rows:
        if row["median_ms"]:
            reference.setdefault((row["device"], row["threads"]), row["median_ms"])
    return [
        {
            **row,
            "ratio": row["median_ms"]
            and round(row["median_ms"] / reference[row["device"], row["threads"]], 4),
        }
        for row in rows
    ]


def _devices(threads: tuple[int, ...], gpu: bool) -> list[int | None]:
    return [*dict.fromkeys(threads), *([None] if gpu else [])]


def _peak_cases(cases: list[Case], folder: Path) -> list[Case]:
    wanted = dict.fromkeys((case.summary.arithmetic, case.threads) for case in cases)
    made = []
    for arithmetic, threads in wanted:
        if arithmetic and threads:
            path = write_peak_file(arithmetic, folder)
            made.append(Case(path, threads, summarize(path.read_bytes()), is_peak=True))
    return made


def _start(case: Case, repeats: int, stack: contextlib.ExitStack) -> None:
    """Starts the case's process and runs it once."""
    accelerator = "cpu" if case.threads else "gpu"
    with _refusal_noted(case):
        case.worker = stack.enter_context(ModelWorker(case.path, case.threads or 1, accelerator))
        case.first_ms = case.worker.run()["ms"]
        case.repeats = repeats
    if case.worker and accelerator == "gpu":
        found = device_in(case.worker.log)
        case.device, case.emulated = (found.name, found.is_software) if found else ("GPU", False)
        if case.emulated:
            case.note, case.repeats = EMULATED, min(repeats, _EMULATED_REPEATS)


def _run(cases: list[Case], repeats: int, warm_up: int) -> None:
    from tqdm import tqdm

    for turn in tqdm(range(1 - warm_up, repeats), "timing", unit="round", delay=3):
        for case in cases:
            if case.worker is None or turn >= case.repeats or (turn < 0 and case.emulated):
                continue
            with _refusal_noted(case):
                answer = case.worker.run()
                case.peak_bytes = answer["peak_bytes"]
                if turn >= 0:
                    case.times.append(answer["ms"])


@contextlib.contextmanager
def _refusal_noted(case: Case):
    """What a GPU refuses, then or in the middle, becomes the case's note and leaves it without
    figures.
    """
    try:
        yield
    except NotOnThisGpu as error:
        case.worker, case.device, case.first_ms, case.times = None, "GPU", None, []
        case.emulated, case.note = False, error.reason


def _with_peaks(cases: list[Case]) -> list[dict]:
    peaks = {
        (case.summary.arithmetic, case.threads): _row(case)["gmac_s"]
        for case in cases
        if case.is_peak
    }
    rows = []
    for case in cases:
        if case.is_peak:
            continue
        row, peak = _row(case), peaks.get((case.summary.arithmetic, case.threads))
        share = round(row["gmac_s"] / peak, 4) if peak and row["gmac_s"] else None
        rows.append(
            {
                **row,
                "peak_gmac_s": peak,
                "peak_share": share,
                "emulated": case.emulated,
                "note": case.note,
            }
        )
    return rows


def _row(case: Case) -> dict:
    import numpy as np

    facts = (
        case.worker.facts
        if case.worker
        else {"input_shape": list(case.summary.input_shape), "input_dtype": None}
    )
    shape, macs = facts["input_shape"], case.summary.macs
    # An image network's input is [1, H, W, C]; anything else has no pixels.
    pixels = shape[1] * shape[2] if len(shape) == 4 else None
    median = float(np.median(case.times)) if case.times else None
    return {
        "file": one_line(case.path),
        "device": case.device,
        "threads": case.threads,
        "input_shape": shape,
        "input_dtype": facts["input_dtype"],
        "median_ms": median and round(median, 4),
        "p90_ms": median and round(float(np.percentile(case.times, 90)), 4),
        "first_ms": case.first_ms and round(case.first_ms, 4),
        "us_per_pixel": round(median * 1e3 / pixels, 5) if median and pixels else None,
        "peak_mb": round(case.peak_bytes / 1e6, 2) if median else None,
        "macs": macs,
        "arithmetic": case.summary.arithmetic,
        "gmac_s": round(macs / median / 1e6, 4) if median and macs else None,
    }
