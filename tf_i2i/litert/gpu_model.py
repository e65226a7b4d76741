"""One network on LiteRT's GPU accelerator (WebGPU over Vulkan).

Meant for a process of its own (tf_i2i.litert.model_worker, tf_i2i.litert.gpu_worker): a driver may crash it or
never answer, and what it logs is the process's standard error (tf_i2i.litert.gpu_delegate and tf_i2i.litert.gpu_delegate
read it).
"""

from __future__ import annotations

from math import prod

import numpy as np

from tf_i2i.litert.tensor_details import border_facts, noise


class GpuModel:
    """A .tflite file on the GPU alone.

    With the CPU as a fall-back the runtime reports even a file without a single operation on the
    GPU as fully accelerated; alone, it refuses what is not.

    Args:
        path: .tflite file; any number of inputs of any shape.

    Attributes:
        facts: of the inputs and outputs, see tf_i2i.litert.tensor_details.
        is_resident: every operation runs on the GPU.

    Raises:
        RuntimeError: no device, or an operation that the accelerator does not take.
    """

    def __init__(self, path: str):
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator

        self._model = CompiledModel.from_file(path, hardware_accel=HardwareAccelerator.GPU)
        self.is_resident = bool(self._model.is_fully_accelerated())
        self._inputs, self._outputs = (
            self._model.create_input_buffers(0),
            self._model.create_output_buffers(0),
        )
        self._given, self._results = (
            [buffer.get_tensor_details() for buffer in buffers]
            for buffers in (self._inputs, self._outputs)
        )
        self.facts = border_facts(self._given, self._results)

    def write(self, *values: np.ndarray) -> None:
        """Sets the inputs, as the file has them (a batch of 1)."""
        for buffer, value in zip(self._inputs, values, strict=True):
            buffer.write(np.ascontiguousarray(value))

    def write_noise(self) -> None:
        """Sets all inputs to random numbers, the same each time."""
        self.write(*map(noise, self._given))

    def run(self) -> list[np.ndarray]:
        """All outputs, read: without that the GPU may not have finished."""
        self._model.run_by_index(0, self._inputs, self._outputs)
        return [
            buffer.read(prod(map(int, one["shape"])), np.dtype(one["dtype"]).type).reshape(
                one["shape"]
            )
            for buffer, one in zip(self._outputs, self._results, strict=True)
        ]
