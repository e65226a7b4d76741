"""Runs a .tflite file on LiteRT's GPU accelerator and holds its pictures against the CPU's:
resident is not yet right.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from export.conversion.fidelity import MAX_PSNR_DB
from tf_i2i.litert.gpu_delegate import is_refusal, refusals
from tf_i2i.litert.gpu_process import GpuOutcome, run_on_gpu
from tf_i2i.litert.model_file import read_bytes
from tf_i2i.metrics.image_metrics import psnr_of_error

# Equal to the last bit has no PSNR; JSON has no infinity.


_CHECK_SECONDS = 120.0


@dataclass(frozen=True)
class Bound:
    """How far the GPU's pictures may be from the CPU's, in steps of 1/255: PSNR over all photos,
    and the worst value.
    """

    psnr_db: float
    max_levels: float


# Seen with the student over SwiftShader, 24 held-out photos of 128 px and 6 of 256 px: float32 and
# float16 143.5 dB and 0.0003 levels, dynamic 55.1 dB and 7.5 levels, int8 45.8 dB and 8 levels; the
# teacher 129.4 dB and 0.001 levels. The bounds leave room for other networks.
GPU_BOUNDS = {
    # A real GPU computes in float16, SwiftShader in float32. XNNPACK made to compute in float16,
    # against itself in float32: 77.8 dB and 0.2 levels for the student, 73.5 dB and 0.6 levels for
    # the teacher.
    "float32": Bound(60.0, 4.0),
    "float16": Bound(60.0, 4.0),
    # The CPU rounds activations to 8 bits by the range of each picture, the GPU keeps them as
    # floats and is nearer to the float network by it (60.1 against 53.8 dB).
    "dynamic": Bound(40.0, 24.0),
    # The GPU rounds floats to the file's 8-bit steps, the CPU computes in integers: some values end
    # up a step apart, and further layers spread that. Both are as far from the float network (44.8
    # and 44.9 dB).
    "int8": Bound(38.0, 24.0),
    # Never got there: LiteRT 2.3.0 takes no int16 tensors. Were it to, it would round 256 times as
    # finely as int8.
    "int16": Bound(40.0, 24.0),
}


@dataclass(frozen=True)
class GpuCheck:
    """A file on the GPU.

    Attributes:
        resident: every operation runs there; None when that could not be found out.
        note: one line: what was seen, why nothing was, or why which operations stay on the CPU.
        device: its name; None without one, or where the accelerator does not say.
        is_software: no GPU but SwiftShader or the like; None without a device.
        psnr_db, max_levels: against the CPU, over all photos; None when none was done, or one has
            NaN or infinity.
        photos: how many were done.
        agrees: within the variant's bound; False also when it loads and then fails; None when that
            is not known.
        refused: operation name to the reasons why it does not run there.
    """

    resident: bool | None
    note: str
    device: str | None = None
    is_software: bool | None = None
    psnr_db: float | None = None
    max_levels: float | None = None
    photos: int = 0
    agrees: bool | None = None
    refused: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        answer = {True: "all operations resident", False: "not resident", None: "not checked"}[
            self.resident
        ]
        return f"{answer}: {self.note}"

    def entry(self) -> dict:
        """The fields of export.json."""
        return {
            "gpu_resident": self.resident,
            "gpu_note": self.note,
            "gpu_device": self.device,
            "gpu_psnr_db": None if self.psnr_db is None else round(self.psnr_db, 2),
            "gpu_max_levels": None if self.max_levels is None else round(self.max_levels, 6),
            "gpu_photos": self.photos,
            "gpu_agrees": self.agrees,
            "gpu_refused": self.refused,
        }


def check_gpu(
    path: str | os.PathLike,
    photos: np.ndarray,
    variant: str,
    seconds: float = _CHECK_SECONDS,
    on_slow: Callable[[], None] | None = None,
) -> GpuCheck:
    """Runs an image network's file on the GPU and on the CPU, in a process of its own.

    Args:
        path: .tflite file with one input and one output, [1, S, S, 3], float32 in [-1, 1] or uint8.
        photos: uint8 [N, S, S, 3], N at least 1.
        variant: names the bound (GPU_BOUNDS).
        seconds: after which the process is ended; what it did until then counts.
        on_slow: called without arguments when it takes more than a few seconds.

    Raises:
        UserError: the file can't be read, or is no .tflite file.
        ValueError: photos of another type or shape.
    """
    if photos.dtype != np.uint8 or photos.ndim != 4 or not len(photos):
        raise ValueError(
            f"expected photos as uint8 [N, S, S, 3], got {photos.dtype} {list(photos.shape)}"
        )
    data = read_bytes(path)
    outcome = run_on_gpu(path, photos, seconds, on_slow)
    found = _residency(outcome, data)
    if not found.resident:
        return found
    return _compared(
        found, [answer for answer in outcome.answers if "finite" in answer], variant, outcome
    )


def _residency(outcome: GpuOutcome, data: bytes) -> GpuCheck:
    """What loading says, before any picture is looked at."""
    device, software = (
        (outcome.device.name, outcome.device.is_software) if outcome.device else (None, None)
    )
    if outcome.no_device:
        return GpuCheck(None, outcome.no_device)
    if outcome.answers and "resident" in outcome.answers[0]:
        resident = outcome.answers[0]["resident"]
        return GpuCheck(resident, outcome.failure or str(outcome.device), device, software)
    if outcome.ended == "refused" and is_refusal(outcome.log, outcome.failure):
        stays = refusals(outcome.log, data)
        return GpuCheck(False, str(stays), device, software, refused=stays.reasons)
    return GpuCheck(None, outcome.failure or "the GPU accelerator gave no answer", device, software)


def _compared(found: GpuCheck, done: list[dict], variant: str, outcome: GpuOutcome) -> GpuCheck:
    """`found`, of a file that is resident, with what its pictures are like."""
    if outcome.ended in ("refused", "crashed"):
        return replace(
            found,
            note=f"WRONG on the GPU: it loads, but {outcome.failure}",
            photos=len(done),
            agrees=False,
        )
    if not done:
        return found
    where = f"{outcome.device}" + (f"; {outcome.failure}" if outcome.failure else "")
    if not all(answer["finite"] for answer in done):
        note = f"WRONG on the GPU: NaN or infinity in its pictures ({where})"
        return replace(found, note=note, photos=len(done), agrees=False)
    mean_square = float(np.mean([answer["mean_square"] for answer in done]))
    psnr_db = min(MAX_PSNR_DB, psnr_of_error(mean_square))
    max_levels = max(answer["max_levels"] for answer in done)
    bound = GPU_BOUNDS[variant]
    agrees = psnr_db >= bound.psnr_db and max_levels <= bound.max_levels
    photos = "1 photo" if len(done) == 1 else f"{len(done)} photos"
    note = (
        f"{psnr_db:.1f} dB to the CPU, worst value {max_levels:.2g}/255 off, on {photos} ({where})"
    )
    if not agrees:
        note = f"WRONG on the GPU: {note}; {variant} should have {bound.psnr_db:g} dB and {bound.max_levels:g}/255"
    return replace(
        found, note=note, psnr_db=psnr_db, max_levels=max_levels, photos=len(done), agrees=agrees
    )
