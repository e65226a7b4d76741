"""Runs a .tflite file on LiteRT's GPU accelerator and compares its pictures with the CPU's: a file
whose operations are all resident may still compute the wrong picture.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from export.conversion.fidelity import MAX_PSNR_DB
from tf_i2i.litert.gpu_delegate import Device
from tf_i2i.litert.model_file import read_bytes
from tf_i2i.litert.sandbox import GpuError, Sandbox
from tf_i2i.metrics.image_metrics import psnr_of_error

CHECK_SECONDS = 120.0


@dataclass(frozen=True)
class Bound:
    """Largest difference of GPU and CPU: PSNR over all photos; the worst value, in 1/255."""

    psnr_db: float
    max_levels: float


# Seen with the student over SwiftShader, 24 held-out photos of 128 px and 6 of 256 px: float32 and
# float16 143.5 dB and 0.0003 levels, dynamic 55.1 dB and 7.5 levels, int8 45.8 dB and 8 levels; the
# teacher 129.4 dB and 0.001 levels. The bounds leave room for other networks.
GPU_BOUNDS = {
    # A real GPU computes in float16, SwiftShader in float32. XNNPACK in float16 against float32:
    # 77.8 dB and 0.2 levels for the student, 73.5 dB and 0.6 levels for the teacher.
    "float32": Bound(60.0, 4.0),
    "float16": Bound(60.0, 4.0),
    # The CPU rounds activations to 8 bits, the GPU keeps floats and so is closer to the float
    # network (60.1 against 53.8 dB).
    "dynamic": Bound(40.0, 24.0),
    # The GPU rounds floats to the file's 8-bit levels, the CPU computes in integers: some values
    # are a level apart, which further layers amplify. Both are equally close to the float network.
    "int8": Bound(38.0, 24.0),
    # Unused so far: the GPU of LiteRT 2.3.0 takes no int16 tensors.
    "int16": Bound(40.0, 24.0),
}


@dataclass(frozen=True)
class GpuCheck:
    """A file on the GPU.

    resident: every operation runs there; None when that is not known. note: the comparison in one
    line, why there is none, or which operations stay on the CPU and why. psnr_db, max_levels:
    against the CPU, over all photos; None without photos, or with NaN or infinity. agrees: within
    the variant's bound; False also when it loads and then fails; None when not known. refused:
    operation name to the reasons why it does not run there.
    """

    resident: bool | None
    note: str
    device: Device | None = None
    psnr_db: float | None = None
    max_levels: float | None = None
    photos: int = 0
    agrees: bool | None = None
    refused: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        states = {True: "all operations resident", False: "not resident", None: "not checked"}
        return f"{states[self.resident]}: {self.note}"

    def entry(self) -> dict:
        """The fields of export.json."""
        return {
            "gpu_resident": self.resident,
            "gpu_note": self.note,
            "gpu_device": self.device and self.device.name,
            "gpu_psnr_db": None if self.psnr_db is None else round(self.psnr_db, 2),
            "gpu_max_levels": None if self.max_levels is None else round(self.max_levels, 6),
            "gpu_photos": self.photos,
            "gpu_agrees": self.agrees,
            "gpu_refused": self.refused,
        }


def check_gpu(
    path: str | os.PathLike, photos: np.ndarray, variant: str, seconds: float = CHECK_SECONDS
) -> GpuCheck:
    """Runs an image network's file on the GPU and on the CPU, in a sandbox.

    path: input and output [1, S, S, 3], float32 in [-1, 1] or uint8. photos: uint8 [N, S, S, 3],
    N at least 1. variant: names the bound. seconds: then the check ends with what was compared.
    Raises UserError: the file can't be read, or is no .tflite file.
    """
    read_bytes(path)
    differences, failure = [], None
    try:
        with Sandbox(path, "gpu", seconds=seconds) as sandbox:
            loaded = GpuCheck(sandbox.facts["resident"], str(sandbox.device), sandbox.device)
            try:
                for photo in photos if loaded.resident else ():
                    differences.append(sandbox.compare(photo))
            except GpuError as error:
                failure = error
    except GpuError as error:
        refused = error.refusals.reasons if error.refusals else {}
        resident = False if error.refusals else None
        return GpuCheck(resident, error.reason, error.device, refused=refused)
    checked = replace(loaded, photos=len(differences))
    if failure and failure.ended != "late":
        note = f"WRONG on the GPU: it loads, but {failure.reason}"
        return replace(checked, note=note, agrees=False)
    if not differences:
        return replace(checked, note=failure.reason) if failure else checked
    return _compared(checked, differences, variant, failure.reason if failure else "")


def _compared(checked: GpuCheck, differences: Sequence[dict], variant: str, late: str) -> GpuCheck:
    where = "; ".join(filter(None, [str(checked.device), late]))
    if not all(difference["finite"] for difference in differences):
        note = f"WRONG on the GPU: NaN or infinity in its pictures ({where})"
        return replace(checked, note=note, agrees=False)
    mean_square = float(np.mean([difference["mean_square"] for difference in differences]))
    psnr_db = min(MAX_PSNR_DB, psnr_of_error(mean_square))
    max_levels = max(difference["max_levels"] for difference in differences)
    bound = GPU_BOUNDS[variant]
    agrees = psnr_db >= bound.psnr_db and max_levels <= bound.max_levels
    photos = f"{checked.photos} photo" + "s" * (checked.photos != 1)
    note = f"{psnr_db:.1f} dB to the CPU, worst value {max_levels:.2g}/255 off"
    note += f", on {photos} ({where})"
    if not agrees:
        expected = f"{variant} should have {bound.psnr_db:g} dB and {bound.max_levels:g}/255"
        note = f"WRONG on the GPU: {note}; {expected}"
    return replace(checked, note=note, psnr_db=psnr_db, max_levels=max_levels, agrees=agrees)
