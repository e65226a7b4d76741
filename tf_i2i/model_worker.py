"""A process of its own for one model: a damaged file may crash it, and its memory is its own to measure.

Protocol, one JSON object a line on standard output: first what was loaded (or {"error": ...}), then, for each line
on standard input, the milliseconds of one inference and the peak memory so far.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from pathlib import Path

from tf_i2i.errors import UserError, one_line

_START_SECONDS = 120
_RUN_SECONDS = 300


class ModelWorker:
    """A running worker process.

    Args:
        path: .tflite file.
        threads: of the CPU.

    Attributes:
        facts: input_shape, output_shape (lists), input_dtype, output_dtype (names), memory_bytes at the start.

    Raises:
        UserError: the file can't be loaded, or crashes the runtime.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        self._shown = one_line(path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tf_i2i.model_worker", str(path), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([_ROOT, os.environ.get("PYTHONPATH", "")])},
        )  # fmt: skip
        try:
            self.facts = self._answer(_START_SECONDS)
        except BaseException:
            self.close()
            raise

    def run(self) -> dict:
        """One inference on a fixed picture: {"ms": milliseconds, "peak_bytes": growth since before the file was loaded}.

        Raises:
            UserError: the runtime failed or crashed.
        """
        try:
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._refused("it crashes the runtime") from error
        return self._answer(_RUN_SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> ModelWorker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _answer(self, seconds: float) -> dict:
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise self._refused("it crashes the runtime" if ready else f"no answer in {seconds} seconds")
        answer = json.loads(line)
        if "error" in answer:
            raise self._refused(answer["error"])
        return answer

    def _refused(self, reason: str) -> UserError:
        return UserError(f"{self._shown}: can't be run ({one_line(reason)}); is it a complete .tflite file?")


def check(path: str | os.PathLike) -> dict:
    """Loads and runs a file once in a process of its own; returns the worker's facts.

    Raises:
        UserError: the file can't be run.
    """
    with ModelWorker(path) as worker:
        worker.run()
        return worker.facts


def _serve(path: str, threads: int) -> None:
    # Native code prints to descriptor 1; answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        import numpy as np
        from ai_edge_litert.interpreter import Interpreter

        before = _reset_peak()
        interpreter = Interpreter(model_path=path, num_threads=threads)
        interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        facts = {
            "input_shape": [int(n) for n in inputs[0]["shape"]],
            "output_shape": [int(n) for n in outputs[0]["shape"]],
            "input_dtype": np.dtype(inputs[0]["dtype"]).name,
            "output_dtype": np.dtype(outputs[0]["dtype"]).name,
        }
        for tensor in inputs:
            interpreter.set_tensor(tensor["index"], _noise(np, tensor))
        print(json.dumps(facts), file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(_timed(interpreter, before)), file=answers, flush=True)
    except Exception as error:  # the runtime raises nearly every type on damaged files
        print(json.dumps({"error": str(error) or type(error).__name__}), file=answers, flush=True)


def _noise(np, tensor):
    random, dtype = np.random.default_rng(0), np.dtype(tensor["dtype"])
    if dtype.kind == "f":
        return random.uniform(-1, 1, tensor["shape"]).astype(dtype)
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.iinfo(np.uint8)
    return random.integers(limits.min, limits.max, tensor["shape"], np.int64, endpoint=True).astype(dtype)


def _timed(interpreter, before: int) -> dict:
    import time

    start = time.perf_counter()
    interpreter.invoke()
    return {"ms": (time.perf_counter() - start) * 1e3, "peak_bytes": max(0, _peak_bytes() - before)}


def _reset_peak() -> int:
    """Bytes resident now; Linux also forgets the peak that the imports left."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_ROOT = str(Path(__file__).resolve().parent.parent)

if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
