"""A child process that runs training steps on request, and the parent's end of it.

The child may run in another environment than the parent (PyTorch does), so this module needs only
the standard library. Protocol, one line of JSON each way: the child first says {"ready": facts}; it
answers each number k that it reads with {"seconds": [k times]}; it ends with its input.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def serve(prepare: Callable[[dict], tuple[Callable, Sequence, dict]]) -> None:
    """The child's main. prepare(settings) returns a function that runs one whole step on a batch,
    some batches, and facts about the step.
    """
    # Native libraries print to standard output too: the protocol keeps the original to itself.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    settings = json.loads(sys.argv[1])
    # Thread pools that a library sizes by itself are then no larger than the others'.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: settings["threads"]])
    step, batches, facts = prepare(settings)
    batches = itertools.cycle(batches)
    for _ in range(settings["warm_up"]):
        step(next(batches))
    print(json.dumps({"ready": facts}), file=answers, flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            batch, start = next(batches), time.perf_counter()
            step(batch)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds}), file=answers, flush=True)


class StepWorker:
    """The parent's end: starts `python -m module` and waits until it is warm.

    Args:
        python: interpreter of the environment that the module needs.
        module: one that calls `serve`.
        settings: plain values, passed on as JSON, among them "threads" and "warm_up".

    Attributes:
        facts: those of the child's `prepare`.

    Raises:
        RuntimeError: the child ended.
    """

    def __init__(self, python: str, module: str, settings: dict):
        self._name = module
        variables = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_ENABLE_ONEDNN_OPTS": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "PYTHONWARNINGS": "ignore:Failed to initialize NumPy",  # PyTorch's, which needs none
        }
        self._process = subprocess.Popen(
            [python, "-m", module, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **variables},
        )
        self.facts = self._read()["ready"]

    def run(self, steps: int) -> Sequence[float]:
        """Seconds of each of `steps` steps."""
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._read()["seconds"]

    def close(self) -> None:
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            raise RuntimeError(f"{self._name} ended with status {status}; see its messages above")
        return json.loads(line)
