"""Runs a .tflite file in a child process (sandbox_worker), on the CPU or the GPU: a damaged file or
a driver may crash it, take all memory, or never answer.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line
from tf_i2i.litert import gpu_delegate
from tf_i2i.litert.gpu_delegate import Device, Refusals, device_in
from tf_i2i.litert.model_file import read_bytes, read_facts

_ROOT = str(Path(__file__).resolve().parents[2])
_LOAD_SECONDS, _RUN_SECONDS = 120.0, 300.0

_DTYPES = {"float32", "uint8"}
# Far more than any network of ours sees; a damaged number would ask for tiles that no memory holds.
_MAX_HALO = 2048
# Of memory; our networks take 1 to 5 KiB per pixel. A damaged operation might take all there is.
_CHECK_BYTES, _BASE_BYTES, _BYTES_PER_PIXEL = 2**32, 2**28, 2**14


class GpuError(UserError):
    """There is no GPU, or it can't run this network.

    reason: the message without the file's name. ended: "refused" (an exception of the runtime),
    "crashed", or "late". device: that was opened, or None. refusals: operations that stay on the
    CPU, or None where the reason is another.
    """

    def __init__(self, path: str, ended: str, failure: str, log: str):
        self.ended, self.device, self.refusals = ended, device_in(log), None
        missing = gpu_delegate.why_no_device(log)
        if not missing and ended == "refused" and gpu_delegate.is_refusal(log, failure):
            self.refusals: Refusals | None = gpu_delegate.refusals(log, read_bytes(path))
        self.reason = missing or str(self.refusals or failure)
        super().__init__(f"{one_line(path)}: {self.reason}")


class Sandbox:
    """A child process with one network, loaded and filled with noise.

    accelerator: "cpu", or "gpu": all operations on the first GPU that is available. memory: bytes
    that it may take on the CPU; None is half of the machine's. seconds: for everything together;
    None: two minutes to load, five for each answer. Raises, as all methods do, GpuError (there is
    no GPU, or it can't run the file) or UserError (the file can't be loaded, or crashes).
    """

    def __init__(
        self,
        path: str | os.PathLike,
        accelerator: str = "cpu",
        threads: int = 1,
        memory: int | None = None,
        seconds: float | None = None,
    ):
        self._path, self._accelerator = str(path), accelerator
        self._seconds, self._start_time = seconds, time.monotonic()
        memory = memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        environments = [dict(os.environ)]
        if accelerator == "gpu":
            environments = gpu_delegate.vulkan_environments()
        for variables in environments:
            self._start([self._path, accelerator, str(threads), str(memory)], variables)
            try:
                self.facts = self._answer(_LOAD_SECONDS)
                return
            except BaseException as error:
                self.close()
                # Without its GPU, a driver finds none or crashes: the next one may do better.
                is_gpu_missing = isinstance(error, GpuError) and not error.device
                is_last = variables is environments[-1]
                if not is_gpu_missing or error.ended == "late" or is_last:
                    raise

    def run(self) -> dict:
        """One inference: "ms", and "peak_bytes", growth of memory by the file and its run."""
        return self._ask("run")

    def resize(self, side: int) -> dict:
        """Resizes the network on the CPU to side x side; answers like `run`, with "finite"."""
        return self._ask("resize", side)

    def compare(self, photo: np.ndarray) -> dict:
        """The output for uint8 [H, W, 3] against the CPU's: see sandbox_worker.difference."""
        file = self._folder / "photo.npy"
        np.save(file, photo)
        return self._ask("compare", str(file))

    @property
    def device(self) -> Device | None:
        """The GPU that the file runs on, where the accelerator says so."""
        return device_in(self._log)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _start(self, arguments: list[str], variables: dict[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp())
        python_path = filter(None, [_ROOT, variables.get("PYTHONPATH")])
        with open(self._folder / "log", "wb") as log:
            command = [sys.executable, "-m", "tf_i2i.litert.sandbox_worker", *arguments]
            environment = variables | {"PYTHONPATH": os.pathsep.join(python_path)}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
            self._process = subprocess.Popen(command, **pipes, text=True, env=environment)

    @property
    def _log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")

    def _ask(self, *request) -> dict:
        with contextlib.suppress(OSError):  # where it has ended, there is no answer
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer(_RUN_SECONDS)

    def _answer(self, seconds: float) -> dict:
        remaining = seconds
        if self._seconds is not None:
            seconds = self._seconds
            remaining = max(0.0, self._start_time + seconds - time.monotonic())
        if not select.select([self._process.stdout], [], [], remaining)[0]:
            raise self._error("late", f"no answer in {seconds:g} seconds")
        line = self._process.stdout.readline()
        if not line:
            raise self._error("crashed", "it crashes the runtime")
        answer = json.loads(line)
        if "error" in answer:
            raise self._error("refused", answer["error"])
        return answer

    def _error(self, ended: str, failure: str) -> UserError:
        if self._accelerator == "gpu":
            # The last of the runtime's lines is the innermost cause.
            cause = one_line((failure.splitlines() or [""])[-1].lstrip("└ "))
            return GpuError(self._path, ended, f"the GPU accelerator failed ({cause})", self._log)
        path, failure = one_line(self._path), one_line(failure)
        return UserError(f"{path}: can't be run ({failure}); is it a complete .tflite file?")


def check(path: str | os.PathLike) -> dict:
    """Loads and runs a file once in a sandbox; returns its facts, or raises UserError."""
    with Sandbox(path) as sandbox:
        sandbox.run()
        return sandbox.facts


@dataclass(frozen=True)
class ImageModel:
    """An image network that has run in a sandbox; at a second size too where it has a halo.

    Input and output of `data` are [1, size, size, 3], float32 in [-1, 1] or uint8. halo: pixels
    around an output pixel that can change it; None: all, or not known. stride: a shift of the input
    by this shifts the output by the same; None: not known.
    """

    data: bytes
    size: int
    halo: int | None
    stride: int | None


def read_image_model(path: str | os.PathLike) -> ImageModel:
    """Reads a file and runs it where a crash does no harm.

    Raises UserError when it can't be run, is no image network, or its facts can't be true.
    """
    data, shown = read_bytes(path), one_line(path)
    with Sandbox(path, memory=_CHECK_BYTES) as sandbox:
        size = _checked_size(sandbox.facts, shown)
        halo, stride = _checked_halo(read_facts(data) or {}, size, shown)
        sandbox.run()
        side = size if halo is None else size + stride
        answer = sandbox.resize(side)
    if answer["peak_bytes"] > _BASE_BYTES + _BYTES_PER_PIXEL * side**2:
        takes = f"it takes {answer['peak_bytes'] // 10**6} MB for a picture of {side} pixels"
        raise UserError(f"{shown}: damaged, {takes}; export it again")
    if not answer["finite"]:
        raise UserError(f"{shown}: damaged, its output has NaN or infinity; export it again")
    return ImageModel(data, size, halo, stride)


def _checked_size(facts: dict, shown: str) -> int:
    shape = facts["input_shape"]
    is_picture = len(shape) == 4 and shape == [1, shape[1], shape[1], 3] == facts["output_shape"]
    is_single = facts["inputs"] == facts["outputs"] == 1
    if is_picture and is_single and {facts["input_dtype"], facts["output_dtype"]} <= _DTYPES:
        return shape[1]
    names = ("input", "output")
    ends = (f"{facts[f'{n}s']} {facts[f'{n}_dtype']} {facts[f'{n}_shape']}" for n in names)
    wanted = "not 1 float32 or uint8 [1, size, size, 3] each; name a file of export.tflite"
    raise UserError(f"{shown}: takes {' and returns '.join(ends)}, {wanted}")


def _checked_halo(facts: dict, size: int, shown: str) -> tuple[int | None, int | None]:
    halo, stride = facts.get("halo_px"), facts.get("stride")
    # Not isinstance: True is no halo.
    has_halo = type(halo) is int and 0 <= halo <= _MAX_HALO
    has_stride = type(stride) is int and 1 <= stride <= size
    if has_halo and has_stride and size % stride == 0:
        return halo, stride
    if halo is None and (has_stride or stride is None):
        return halo, stride
    values = f"a halo of {one_line(halo)} and a stride of {one_line(stride)}"
    raise UserError(f"{shown}: damaged, {values} can't be; export it again")
