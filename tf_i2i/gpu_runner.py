"""One network on LiteRT's GPU accelerator (WebGPU over Vulkan), and what its log says of the device and of refusals.

Meant for a process of its own (tf_i2i.model_worker): the accelerator can't be unloaded, and a driver may crash it.
"""

from __future__ import annotations

import ctypes.util
import glob
import os
import re
import time

_DRIVERS = ("/etc/vulkan/icd.d/*.json", "/usr/share/vulkan/icd.d/*.json", "/usr/local/share/vulkan/icd.d/*.json")
_SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json"
NO_DEVICE = "no Vulkan device; it takes libvulkan1 and a GPU driver, or Debian's chromium for its CPU emulation"


class GpuRunner:
    """A network whose every operation runs on the GPU.

    Args:
        path: .tflite file.

    Attributes:
        facts: input_shape, output_shape (lists), input_dtype, output_dtype (names).

    Raises:
        RuntimeError: there is no device, or it can't run some operation; standard error says which (see `refusal`).
    """

    def __init__(self, path: str):
        import numpy as np
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator

        from tf_i2i.model_worker import noise

        self._model = CompiledModel.from_file(path, hardware_accel=HardwareAccelerator.GPU)
        self._inputs, self._outputs = self._model.create_input_buffers(0), self._model.create_output_buffers(0)
        given, self._results = (
            [buffer.get_tensor_details() for buffer in buffers] for buffers in (self._inputs, self._outputs)
        )
        self._sizes = [int(np.prod(one["shape"])) for one in self._results]
        for buffer, tensor in zip(self._inputs, given, strict=True):
            buffer.write(noise(np, tensor["shape"], np.dtype(tensor["dtype"])))
        self.facts = {
            "input_shape": [int(n) for n in given[0]["shape"]],
            "output_shape": [int(n) for n in self._results[0]["shape"]],
            "input_dtype": np.dtype(given[0]["dtype"]).name,
            "output_dtype": np.dtype(self._results[0]["dtype"]).name,
        }

    def run(self) -> float:
        """Milliseconds of one inference and of reading its results: without those the GPU may not have finished."""
        start = time.perf_counter()
        self._model.run_by_index(0, self._inputs, self._outputs)
        for buffer, tensor, size in zip(self._outputs, self._results, self._sizes, strict=True):
            buffer.read(size, tensor["dtype"])
        return (time.perf_counter() - start) * 1e3


def vulkan_environment() -> dict[str, str]:
    """What a GPU process needs in its environment: where there is no driver, that of Chromium's SwiftShader."""
    chosen = {"VK_ICD_FILENAMES", "VK_DRIVER_FILES"} & os.environ.keys()
    installed = any(glob.glob(pattern) for pattern in _DRIVERS)
    return {} if chosen or installed or not os.path.exists(_SWIFTSHADER) else {"VK_ICD_FILENAMES": _SWIFTSHADER}


def has_vulkan() -> bool:
    """Whether a loader and some driver, be it the emulation, are there."""
    named = os.environ.get("VK_ICD_FILENAMES") or os.environ.get("VK_DRIVER_FILES")
    drivers = bool(named) or bool(vulkan_environment()) or any(glob.glob(pattern) for pattern in _DRIVERS)
    return drivers and ctypes.util.find_library("vulkan") is not None


def device(log: str) -> tuple[str, bool]:
    """The device's name in the accelerator's log, and whether it is a CPU that emulates one; ("GPU", False) if unsaid."""
    found = re.search(r"Selected adapter: ([^,\n]+).*?adapterType=([^\n]*)", log)
    return (found[1].strip(), "CPU" in found[2]) if found else ("GPU", False)


def refusal(log: str) -> str | None:
    """Why the accelerator's log says that it does not run the network, in one line; None when it does not say."""
    if "No adapters found" in log:
        return NO_DEVICE
    found = re.search(
        r"Following operations are not supported by GPU delegate:\n(.*?)\n(?:No|\d+) operations", log, re.DOTALL
    )
    if found:
        return "not all on the GPU: " + "; ".join(found[1].splitlines()[:3])
    return None
