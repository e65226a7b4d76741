"""Child side of tf_i2i.litert.sandbox: runs one .tflite file on the CPU or the GPU.

python -m tf_i2i.litert.sandbox_worker MODEL.tflite ACCELERATOR THREADS MEMORY

Answers one JSON object per line on standard output: the facts of the loaded file, then one for each
line of standard input, a JSON list of the name and the arguments of a method of `Worker`. {"error"}
is the last answer. What native code writes goes to standard error.
"""

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator

from tf_i2i.data.pixels import to_float
from tf_i2i.litert.interpreter import LiteModel, open_interpreter
from tf_i2i.litert.model_resizing import resized


class Worker:
    """One network. Its methods' results are the answers."""

    def __init__(self, path: str, accelerator: str, threads: int):
        self._path, self._threads = path, threads
        self._bytes_before = _reset_peak()
        if accelerator == "gpu":
            self._network = _GpuNetwork(path)
        else:
            self._network = _CpuNetwork(threads, model_path=path)
        self._network.write(*map(noise, self._network.inputs))
        self._cpu: LiteModel | None = None

    def facts(self) -> dict:
        """Of the first input and output, and how many there are; resident: all is on the GPU."""
        inputs, outputs = self._network.inputs, self._network.outputs
        return {
            "input_shape": [int(side) for side in inputs[0]["shape"]],
            "output_shape": [int(side) for side in outputs[0]["shape"]],
            "input_dtype": np.dtype(inputs[0]["dtype"]).name,
            "output_dtype": np.dtype(outputs[0]["dtype"]).name,
            "inputs": len(inputs),
            "outputs": len(outputs),
            "resident": self._network.is_resident,
        }

    def run(self) -> dict:
        start = time.perf_counter()
        self._network.run()
        milliseconds = (time.perf_counter() - start) * 1e3
        return {"ms": milliseconds, "peak_bytes": max(0, _peak_bytes() - self._bytes_before)}

    def resize(self, side: int) -> dict:
        data = resized(Path(self._path).read_bytes(), side)
        self._network = _CpuNetwork(self._threads, model_content=data)
        self._network.write(*map(noise, self._network.inputs))
        return {**self.run(), "finite": self._network.is_finite()}

    def compare(self, photo_file: str) -> dict:
        photo = np.load(photo_file)
        self._cpu = self._cpu or LiteModel(Path(self._path).read_bytes())
        value = photo if self._cpu.input_dtype == np.uint8 else to_float(photo)
        self._network.write(value[None])
        return difference(self._network.run()[0][0], self._cpu.run(photo))


class _CpuNetwork:
    """A network on the CPU, by LiteRT's interpreter, and its details of inputs and outputs."""

    is_resident = False

    def __init__(self, threads: int, **source):
        self._interpreter = open_interpreter(threads, **source)
        self.inputs = self._interpreter.get_input_details()
        self.outputs = self._interpreter.get_output_details()

    def write(self, *values: np.ndarray) -> None:
        for tensor, value in zip(self.inputs, values, strict=True):
            self._interpreter.set_tensor(tensor["index"], value)

    def run(self) -> None:
        self._interpreter.invoke()

    def is_finite(self) -> bool:
        """Whether the outputs have neither NaN nor infinity."""
        results = (self._interpreter.get_tensor(tensor["index"]) for tensor in self.outputs)
        return all(bool(np.isfinite(r).all()) for r in results if r.dtype.kind == "f")


class _GpuNetwork:
    """The same on the GPU alone: with the CPU as fallback, any file counts as fully accelerated."""

    def __init__(self, path: str):
        self._model = CompiledModel.from_file(path, hardware_accel=HardwareAccelerator.GPU)
        self.is_resident = bool(self._model.is_fully_accelerated())
        self._sources = self._model.create_input_buffers(0)
        self._results = self._model.create_output_buffers(0)
        self.inputs = [buffer.get_tensor_details() for buffer in self._sources]
        self.outputs = [buffer.get_tensor_details() for buffer in self._results]

    def write(self, *values: np.ndarray) -> None:
        for buffer, value in zip(self._sources, values, strict=True):
            buffer.write(np.ascontiguousarray(value))

    def run(self) -> list[np.ndarray]:
        """All outputs, read: without that the GPU may not have finished."""
        self._model.run_by_index(0, self._sources, self._results)
        pairs, results = zip(self._results, self.outputs, strict=True), []
        for buffer, details in pairs:
            shape, dtype = details["shape"], np.dtype(details["dtype"]).type
            results.append(buffer.read(prod(map(int, shape)), dtype).reshape(shape))
        return results


def noise(details: Mapping) -> np.ndarray:
    """Random values, always the same, for a tensor: floats in [-1, 1], integers over all values."""
    random, dtype = np.random.default_rng(0), np.dtype(details["dtype"])
    shape = [int(side) for side in details["shape"]]
    if dtype.kind == "f":
        return random.uniform(-1, 1, shape).astype(dtype)
    limits = np.iinfo(dtype if dtype.kind in "iu" else np.uint8)
    return random.integers(limits.min, limits.max, shape, np.int64, endpoint=True).astype(dtype)


def difference(image: np.ndarray, reference: np.ndarray) -> dict:
    """max_levels and mean_square (in 1/255 of the range), finite; of uint8, or float in [-1, 1]."""
    scale = 1.0 if image.dtype == np.uint8 else 127.5
    levels = (image.astype(np.float64) - reference.astype(np.float64)) * scale
    finite = bool(np.isfinite(levels).all())
    return {
        "max_levels": float(np.abs(levels).max()) if finite else None,
        "mean_square": float(np.square(levels).mean()) if finite else None,
        "finite": finite,
    }


def _limit_memory(limit: int) -> None:
    """A damaged size may ask for all memory, and end somebody else's process."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _reset_peak() -> int:
    """Bytes resident now; Linux also forgets the peak of the imports."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)


def _serve(path: str, accelerator: str, threads: int, memory: int) -> None:
    # Native code prints to descriptor 1 too; answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict) -> None:
        print(json.dumps(value), file=answers, flush=True)

    try:
        if accelerator == "cpu":  # a GPU's driver maps what it likes
            _limit_memory(memory)
        worker = Worker(path, accelerator, threads)
        answer(worker.facts())
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            answer(getattr(worker, name)(*arguments))
    except Exception as error:  # the runtime raises nearly every type on damaged files
        answer({"error": str(error) or type(error).__name__})


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
