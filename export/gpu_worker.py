"""The process that runs one .tflite file on LiteRT's GPU accelerator: a driver may crash it or never answer.

python -m export.gpu_worker MODEL.tflite PHOTOS.npy RUNS

One JSON object a line on standard output: {"resident": true} once the file is loaded, {"ms", "max_levels",
"mean_square", "finite"} for each photo, {"ms"} for each of RUNS on noise; or {"error"} and no more. What the native
code logs goes to standard error, where it names the adapter and the operations that it refused (export.gpu_log).
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np

from tf_i2i.lite_model import LiteModel
from tf_i2i.pixels import to_float


class GpuModel:
    """A .tflite file on the GPU alone.

    With the CPU as a fall-back the runtime reports even a file without a single operation on the GPU as fully
    accelerated; alone, it refuses what is not.

    Raises:
        RuntimeError: no device, or an operation that the accelerator does not take.
    """

    def __init__(self, path: str):
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator

        self._model = CompiledModel.from_file(path, hardware_accel=HardwareAccelerator.GPU)
        self.is_resident = self._model.is_fully_accelerated()
        self._inputs, self._outputs = self._model.create_input_buffers(0), self._model.create_output_buffers(0)

    def run(self, *values: np.ndarray) -> np.ndarray:
        """Inputs as the file has them (a batch of 1) to its first output, which is awaited."""
        for buffer, value in zip(self._inputs, values, strict=True):
            buffer.write(np.ascontiguousarray(value))
        self._model.run_by_index(0, self._inputs, self._outputs)
        details = self._outputs[0].get_tensor_details()
        shape = [int(side) for side in details["shape"]]
        return self._outputs[0].read(math.prod(shape), np.dtype(details["dtype"]).type).reshape(shape)

    def noise(self) -> list[np.ndarray]:
        """Values for all inputs: uniform in [-1, 1], or over the integers of the type."""
        random = np.random.default_rng(0)
        values = []
        for buffer in self._inputs:
            details = buffer.get_tensor_details()
            dtype, shape = np.dtype(details["dtype"]), [int(side) for side in details["shape"]]
            if dtype.kind == "f":
                values.append(random.uniform(-1, 1, shape).astype(dtype))
            else:
                limits = np.iinfo(dtype)
                values.append(random.integers(limits.min, limits.max, shape, np.int64, endpoint=True).astype(dtype))
        return values


def difference(found: np.ndarray, wanted: np.ndarray) -> dict:
    """Of two pictures of one type, uint8 or float in [-1, 1], in steps of 1/255 of the range, not rounded to them."""
    scale = 1.0 if found.dtype == np.uint8 else 127.5
    steps = (found.astype(np.float64) - wanted.astype(np.float64)) * scale
    finite = bool(np.isfinite(steps).all())
    return {
        "max_levels": float(np.abs(steps).max()) if finite else None,
        "mean_square": float(np.square(steps).mean()) if finite else None,
        "finite": finite,
    }


def _serve(path: str, photos_path: str, runs: int) -> None:
    # Native code prints to descriptor 1 too; it joins the log, answers go to a copy.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**facts) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    try:
        model = GpuModel(path)
        answer(resident=bool(model.is_resident))
        photos = np.load(photos_path)
        cpu = LiteModel(Path(path).read_bytes()) if len(photos) else None
        for photo in photos:
            value = photo if cpu.input_dtype == np.uint8 else to_float(photo)
            milliseconds, found = _timed(model, value[None])
            answer(ms=milliseconds, **difference(found[0], cpu.run(photo)))
        noise = model.noise() if runs else []
        for _ in range(runs):
            answer(ms=_timed(model, *noise)[0])
    except Exception as error:  # the runtime raises nearly every type
        answer(error=str(error) or type(error).__name__)


def _timed(model: GpuModel, *values: np.ndarray) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = model.run(*values)
    return (time.perf_counter() - start) * 1e3, result


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
