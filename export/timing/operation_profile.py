"""Which operations of a .tflite file take its time, as LiteRT's profiler sees them on this
machine's CPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from export.timing import native_profiler
from tf_i2i.errors import UserError, one_line

_SECONDS = 600


def require_profiler() -> None:
    """Raises UserError when the installed ai-edge-litert has no library to profile with."""
    path = native_profiler.library()
    if not path.is_file():
        raise UserError(
            f"--profile: {path} is missing; install it again: pip install 'ai-edge-litert>=2.3.0,<2.4'"
        )


def profile(path: Path, threads: int, repeats: int) -> list[dict]:
    """Runs the file in a process of its own.

    Returns:
        One dict a kind of operation, slowest first: operation (XNNPACK's name for it, or that of
        TFLite's own kernel), count (in one inference), ms (of one inference, all of them together,
        mean), share (of the sum).

    Raises:
        UserError: the profiler can't run the file.
    """
    command = [
        sys.executable,
        "-m",
        "export.timing.native_profiler",
        str(path.resolve()),
        str(threads),
        str(repeats),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, cwd=_ROOT, errors="replace"
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"--profile: {one_line(path)}: no answer in {_SECONDS} seconds; give fewer --repeats"
        ) from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        reason = one_line(said[-1]) if said and done.returncode > 0 else "it crashes the profiler"
        raise UserError(
            f"--profile: {one_line(path)}: can't be profiled ({reason}); leave --profile out for this file"
        )
    return summed(json.loads(done.stdout), repeats)


def summed(events: list[dict], repeats: int) -> list[dict]:
    """Events of native_profiler over `repeats` inferences, by kind of operation, as `profile`
    returns them.
    """
    kinds: dict[str, dict] = {}
    for event in events:
        row = kinds.setdefault(event["name"], {"operation": event["name"], "count": 0, "ms": 0.0})
        row["count"] += 1
        row["ms"] += event["us"] / 1e3
    total = sum(row["ms"] for row in kinds.values())
    return [
        {
            "operation": row["operation"],
            "count": round(row["count"] / repeats),
            "ms": round(row["ms"] / repeats, 4),
            "share": round(row["ms"] / total, 4) if total else 0.0,
        }
        for row in sorted(kinds.values(), key=lambda row: -row["ms"])
    ]


_ROOT = str(Path(__file__).resolve().parents[2])
