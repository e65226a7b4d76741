"""A child process that runs training steps when its parent asks, and the parent's end of it.

The child may live in another environment than the parent (PyTorch does), so this module needs the
standard library only. Protocol, a line of JSON each way: the child first says {"ready": facts}; to
each number k that it reads it answers {"seconds": [k times]}; at the end of its input it leaves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def serve(prepare: Callable[[dict], tuple[Callable[[], None], dict]]) -> None:
    """The child's main. prepare(settings) returns a function that runs one whole step, and facts
    about it.
    """
    # Native libraries print as they like: the protocol keeps standard output to itself.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    settings = json.loads(sys.argv[1])
    use_cores(settings["threads"])
    step, facts = prepare(settings)
    for _ in range(settings["warm_up"]):
        step()
    answer({"ready": facts})
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        answer({"seconds": seconds})


def use_cores(count: int) -> None:
    """Keeps this process to the first `count` cores it may use, where the system lets it: thread
    pools that a library sizes by itself then are no larger than what is compared."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


class StepWorker:
    """The parent's end: starts `python -m module` with the settings and talks to it.

    Args:
        python: interpreter of the environment that the module needs.
        module: one that calls `serve`.
        settings: plain values, handed on as JSON; holds "threads" and "warm_up".
    """

    def __init__(self, python: str, module: str, settings: dict):
        self._name = module
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        self._process = subprocess.Popen(
            [python, "-m", module, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def facts(self) -> dict:
        """Waits until the worker is warm. Call once, first."""
        return self._read()["ready"]

    def run(self, steps: int) -> Sequence[float]:
        """Seconds of each of `steps` steps."""
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return self._read()["seconds"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self._name} ended with status {self._process.wait()}; its messages are above"
            )
        return json.loads(line)
