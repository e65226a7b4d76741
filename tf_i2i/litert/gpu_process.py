"""Starts tf_i2i.litert.gpu_worker, ends it in time, and gathers what it said and logged."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_i2i.litert.gpu_delegate import (
    Device,
    device_in,
    failure_line,
    vulkan_environments,
    why_no_device,
)

_SLOW_SECONDS = 3.0


_ROOT = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class GpuOutcome:
    """One run of the worker.

    Attributes:
        answers: the worker's lines in order, without the error.
        log: what the native code wrote.
        failure: one line when it did not come to its end; empty otherwise.
        ended: "done", "refused" (an exception of the runtime), "crashed", or "late" (killed when
            its time was up).
    """

    answers: list[dict]
    log: str
    failure: str
    ended: str

    @property
    def device(self) -> Device | None:
        return device_in(self.log)

    @property
    def no_device(self) -> str | None:
        """What is missing, where there is no device."""
        return None if self.answers else why_no_device(self.log)


def run_on_gpu(
    path: str | os.PathLike,
    photos: np.ndarray,
    seconds: float,
    on_slow: Callable[[], None] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> GpuOutcome:
    """Runs the worker on the first device that is there (see gpu_device.vulkan_environments).

    Args:
        photos: uint8 [N, S, S, 3].
        seconds: for all of it; then the process is killed.
        on_slow: called once when it takes more than a few seconds.
    """
    for variables in vulkan_environments(environment):
        outcome = _attempt(path, photos, seconds, on_slow, variables)
        # A driver without its GPU finds no adapter, or crashes in the search for one: the next may
        # do better.
        if outcome.device or outcome.answers or outcome.ended == "late":
            break
    return outcome


def _attempt(path, photos, seconds: float, on_slow, variables: dict[str, str]) -> GpuOutcome:
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [_ROOT, variables.get("PYTHONPATH", "")])
    )
    with tempfile.TemporaryDirectory() as folder:
        pictures, said, log = (Path(folder) / name for name in ("photos.npy", "answers", "log"))
        np.save(pictures, photos)
        command = [
            sys.executable,
            "-m",
            "tf_i2i.litert.gpu_worker",
            os.path.abspath(path),
            str(pictures),
        ]
        with said.open("wb") as answers, log.open("wb") as messages:
            # Files, not pipes: nothing can fill up while this process waits, and a killed worker's
            # lines stay.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=answers,
                stderr=messages,
                env=variables,
                cwd=_ROOT,
            )
            try:
                status = _wait(process, seconds, on_slow)
            finally:
                process.kill()
                process.wait()
        return _outcome(
            said.read_text("utf-8", "replace"), log.read_text("utf-8", "replace"), status, seconds
        )


def _wait(
    process: subprocess.Popen, seconds: float, on_slow: Callable[[], None] | None
) -> int | None:
    """The exit status; None when time is up."""
    first = min(_SLOW_SECONDS, seconds)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(first)
    if on_slow:
        on_slow()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(max(0.0, seconds - first))
    return None


def _outcome(said: str, log: str, status: int | None, seconds: float) -> GpuOutcome:
    answers = []
    for line in said.splitlines():
        # The last line of a killed process may be half a line.
        with contextlib.suppress(ValueError):
            answers.append(json.loads(line))
    errors = [answer["error"] for answer in answers if "error" in answer]
    answers = [answer for answer in answers if "error" not in answer]
    if status is None:
        return GpuOutcome(
            answers, log, f"the GPU accelerator was not done in {seconds:g} seconds", "late"
        )
    if status:
        way = signal.Signals(-status).name if status < 0 else f"status {status}"
        return GpuOutcome(answers, log, f"the GPU accelerator crashed ({way})", "crashed")
    if errors:
        return GpuOutcome(answers, log, failure_line(errors[0]), "refused")
    return GpuOutcome(answers, log, "", "done")
