"""A process of its own for one model: a damaged file may crash it, and its memory is its own to
measure.

Protocol, one JSON object a line on standard output: first what was loaded (or {"error": ...}),
then, for each line on standard input, the milliseconds of one inference and the peak memory so far.
A line is "run", or a number: the side of a square that the network is then resized to, which
replaces it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.gpu_delegate import device_in, failure_line, vulkan_environments, why_not_on_gpu
from tf_i2i.litert.gpu_model import GpuModel
from tf_i2i.litert.model_file import read_bytes
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.tensor_details import border_facts, noise

_START_SECONDS = 120


_RUN_SECONDS = 300


class NotOnThisGpu(UserError):
    """There is no GPU, or it can't run this network; `reason` is the short of it."""

    reason = ""


class ModelWorker:
    """A running worker process.

    Args:
        path: .tflite file.
        threads: of the CPU.
        accelerator: "cpu" or "gpu" (LiteRT's GPU accelerator, all operations on it).
        memory: bytes that it may take on the CPU; None is half of the machine's.

    Attributes:
        facts: of the inputs and outputs, see tf_i2i.litert.tensor_details.

    Raises:
        NotOnThisGpu: accelerator is "gpu", and there is none or it refuses an operation.
        UserError: the file can't be loaded, or crashes the runtime.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        threads: int = 1,
        accelerator: str = "cpu",
        memory: int | None = None,
    ):
        self._path, self._shown, self._accelerator = path, one_line(path), accelerator
        environments = vulkan_environments() if accelerator == "gpu" else [dict(os.environ)]
        for variables in environments:
            self._start(threads, memory or _half_of_memory(), variables)
            try:
                self.facts = self._answer(_START_SECONDS)
                return
            except BaseException as error:
                # A driver without its GPU finds no adapter, or crashes in the search for one: the
                # next may do better.
                again = (
                    isinstance(error, NotOnThisGpu)
                    and not device_in(self.log)
                    and variables is not environments[-1]
                )
                self.close()
                if not again:
                    raise

    def _start(self, threads: int, memory: int, variables: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
        paths = {"PYTHONPATH": os.pathsep.join([_ROOT, variables.get("PYTHONPATH", "")])}
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tf_i2i.litert.model_worker",
                str(self._path),
                str(threads),
                self._accelerator,
                str(memory),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=variables | paths,
        )

    def run(self) -> dict:
        """One inference on a fixed picture: {"ms": milliseconds, "peak_bytes": growth since before
        the file was loaded}.

        Raises:
            UserError: the runtime failed or crashed.
        """
        return self._ask("run")

    def run_resized(self, size: int) -> dict:
        """As `run`, on the CPU, with the network resized to size x size (tf_i2i.litert.model_resizing); it
        stays so.

        "finite" in the answer: neither NaN nor infinity came out.

        Raises:
            UserError: it can't be resized, or the runtime failed or crashed.
        """
        return self._ask(str(size))

    def _ask(self, line: str) -> dict:
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._refused("it crashes the runtime") from error
        return self._answer(_RUN_SECONDS)

    @property
    def log(self) -> str:
        """What the runtime has written to standard error so far."""
        # Not by seek and read: the process writes at the place that they would move.
        number = self._log.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode("utf-8", "replace")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def __enter__(self) -> ModelWorker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _answer(self, seconds: float) -> dict:
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise self._refused(
                "it crashes the runtime" if ready else f"no answer in {seconds} seconds"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise self._refused(
                failure_line(answer["error"]) if self._accelerator == "gpu" else answer["error"]
            )
        return answer

    def _refused(self, reason: str) -> UserError:
        if self._accelerator == "gpu":
            why = why_not_on_gpu(self.log, reason, read_bytes(self._path))
            error = NotOnThisGpu(f"{self._shown}: {why}")
            error.reason = why
            return error
        return UserError(
            f"{self._shown}: can't be run ({one_line(reason)}); is it a complete .tflite file?"
        )


def check(path: str | os.PathLike) -> dict:
    """Loads and runs a file once in a process of its own; returns the worker's facts.

    Raises:
        UserError: the file can't be run.
    """
    with ModelWorker(path) as worker:
        worker.run()
        return worker.facts


class _CpuRunner:
    """A network on the CPU, by LiteRT's interpreter; with what of GpuModel is used here."""

    def __init__(self, threads: int, **source):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(num_threads=threads, **source)
        self._interpreter.allocate_tensors()
        self._given = self._interpreter.get_input_details()
        self.facts = border_facts(self._given, self._interpreter.get_output_details())

    def write_noise(self) -> None:
        for tensor in self._given:
            self._interpreter.set_tensor(tensor["index"], noise(tensor))

    def run(self) -> None:
        self._interpreter.invoke()

    def is_finite(self) -> bool:
        results = (
            self._interpreter.get_tensor(one["index"])
            for one in self._interpreter.get_output_details()
        )
        return all(bool(np.isfinite(one).all()) for one in results if one.dtype.kind == "f")


def _serve(path: str, threads: int, accelerator: str, memory: int) -> None:
    # Native code prints to descriptor 1; answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        import ai_edge_litert.interpreter  # noqa: F401 (its memory is not the model's)

        if accelerator == "cpu":  # a GPU's driver maps what it likes
            _limit_memory(memory)
        before = _reset_peak()
        runner = GpuModel(path) if accelerator == "gpu" else _CpuRunner(threads, model_path=path)
        runner.write_noise()
        print(json.dumps(runner.facts), file=answers, flush=True)
        for line in sys.stdin:
            resize = line.strip() != "run"
            if resize:
                runner = _CpuRunner(
                    threads, model_content=resized(Path(path).read_bytes(), int(line))
                )
                runner.write_noise()
            start = time.perf_counter()
            runner.run()
            milliseconds = (time.perf_counter() - start) * 1e3
            answer = {"ms": milliseconds, "peak_bytes": max(0, _peak_bytes() - before)}
            if resize:
                answer["finite"] = runner.is_finite()
            print(json.dumps(answer), file=answers, flush=True)
    except Exception as error:  # the runtime raises nearly every type on damaged files
        print(json.dumps({"error": str(error) or type(error).__name__}), file=answers, flush=True)


def _half_of_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _limit_memory(most: int) -> None:
    """A damaged size may ask for all memory there is, and the machine comes to a halt or ends
    somebody else's process.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(
            resource.RLIMIT_DATA,
            (most if hard == resource.RLIM_INFINITY else min(most, hard), hard),
        )


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

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


_ROOT = str(Path(__file__).resolve().parents[2])


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
