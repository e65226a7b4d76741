"""One network at one size: its files, written only when they hold against the float32 original."""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from pathlib import Path

import numpy as np

from export.conversion.converter import NetworkConverter, NotConvertible
from export.conversion.fidelity import (
    Agreement,
    agreement,
    centre_crops,
    random_crops,
    reference_outputs,
)
from export.conversion.gpu_check import GpuCheck, check_gpu
from export.conversion.manifest import drop_file, put_entry
from export.conversion.metadata import with_metadata
from export.conversion.variants import Recipe
from tf_i2i import __version__
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import summarize

_HELD_OUT_IMAGES = 16


# Over SwiftShader 256 px take up to half a second a photo; large files get fewer photos, so that
# none takes minutes.
_GPU_IMAGES, _GPU_PIXELS = 4, 4 * 256**2


class QualityTooLow(UserError):
    """An exported file strays too far from its float32 network."""

    exit_status = 3


class ExportJob:
    """Converts, checks and files the variants of one network at one size.

    Args:
        run: run folder; files go to its export/.
        network: float32 generator with `stride`, and `halo` when it can be tiled.
        data: the run's pictures (training.runs.run_data.RunData).
        options: has direction, model, min_psnr, calibration_images, seed, gpu_check.
        size: side of the input in pixels.
    """

    def __init__(self, run: Path, network, data, options, size: int):
        self._run, self._folder, self._network = run, run / "export", network
        self._data, self._options, self._size = data, options, size
        self._folder.mkdir(parents=True, exist_ok=True)
        self._converter = NetworkConverter(network, size, lambda: self._calibration)

    def write(self, recipe: Recipe) -> str:
        """Writes one file and its entry in export.json; returns two lines about it for the log.

        A file that the GPU can't take, or computes wrongly, is kept: the CPU runs it. The log and
        its entry say so.

        Raises:
            QualityTooLow, NotConvertible: the file can't be had; none is left under its name, nor
                an older one.
        """
        file = self._file_name(recipe)
        partial = self._folder / f".{file}.{os.getpid()}.partial"
        try:
            data = with_metadata(self._converter.convert(recipe), recipe, self._facts(recipe))
            partial.write_bytes(data)
            # The very bytes that will be used are what is measured.
            found = self._measure(partial.read_bytes(), recipe)
            gpu = self._on_gpu(partial, file, recipe)
            os.replace(partial, self._folder / file)
            put_entry(self._folder, self._entry(file, data, recipe, found) | gpu.entry())
        except (QualityTooLow, NotConvertible):
            drop_file(self._folder, file)
            raise
        finally:
            partial.unlink(missing_ok=True)
        quality = f"{found.psnr_db:.1f} dB, SSIM {found.ssim:.4f} to its float32 network"
        return f"{self._folder / file}: {len(data) / 1e6:.3f} MB, {quality}\n  on the GPU accelerator: {gpu}"

    @functools.cached_property
    def _calibration(self) -> np.ndarray:
        return random_crops(
            self._domain("train"), self._size, self._options.calibration_images, self._options.seed
        )

    @functools.cached_property
    def _held_out(self) -> tuple[np.ndarray, np.ndarray]:
        images = centre_crops(self._domain("val"), self._size, _HELD_OUT_IMAGES)
        return images, reference_outputs(self._network, images)

    def _domain(self, split: str):
        """The pictures that this direction translates: domain A for ab."""
        return getattr(self._data, f"{split}_{self._options.direction[0]}")

    def _measure(self, data: bytes, recipe: Recipe) -> Agreement:
        try:
            found = agreement(LiteModel(data, threads=2), *self._held_out)
        except RuntimeError as error:
            # Some graphs convert to a number type that the runtime has no kernel for.
            raise NotConvertible(
                f"{recipe.variant}: LiteRT can't run it ({error}); {self._way_out()}"
            ) from error
        if found.psnr_db < self._options.min_psnr:
            raise QualityTooLow(
                f"{self._file_name(recipe)}: {found.psnr_db:.1f} dB to its float32 network on held-out pictures, "
                f"--min-psnr is {self._options.min_psnr:g}; not kept. {self._way_out()}"
            )
        return found

    def _on_gpu(self, path: Path, file: str, recipe: Recipe) -> GpuCheck:
        if not self._options.gpu_check:
            return GpuCheck(None, "left out by --no-gpu-check")
        photos = self._held_out[0][: max(1, min(_GPU_IMAGES, _GPU_PIXELS // self._size**2))]
        found = check_gpu(
            path,
            photos,
            recipe.variant,
            on_slow=lambda: print(f"{file}: still running on the GPU accelerator", flush=True),
        )
        if found.agrees is False:
            print(
                f"warning: {file}: {found.note}; use it on the CPU only",
                file=sys.stderr,
                flush=True,
            )
        return found

    def _way_out(self) -> str:
        if self._options.model == "student":
            return "Distil longer (python -m training.distill --student-steps N), or use --float16"
        reason = (
            "A teacher's ranges are wider than 8 bits hold well"
            if self._network.get_config().get("norm") == "batch"
            else "Its instance normalisation takes mean and variance at run time, which integers can't hold"
        )
        return (
            f"{reason}: distil first (python -m training.distill --run {self._run}) and export the student "
            "(--model student), or use --float16"
        )

    def _file_name(self, recipe: Recipe) -> str:
        prefix = "teacher-" if self._options.model == "teacher" else ""
        return f"{prefix}{self._options.direction}-{self._size}-{recipe.variant}.tflite"

    def _facts(self, recipe: Recipe) -> dict:
        """What goes with the file as model.json: all that a user of the bare file needs."""
        training = self._domain("train")
        target = "B" if self._options.direction == "ab" else "A"
        return {
            "model": self._options.model,
            "direction": self._options.direction,
            "variant": recipe.variant,
            "size": self._size,
            "stride": self._network.stride,
            "halo_px": self._network.halo if _tileable(self._network) else None,
            "training_data": f"{len(training)} pictures of domain {self._options.direction[0].upper()}, translated to domain {target}",
            "training_fingerprint": training.fingerprint,
            "version": __version__,
        }

    def _entry(self, file: str, data: bytes, recipe: Recipe, found: Agreement) -> dict:
        summary = summarize(data)
        return {
            "file": file,
            "model": self._options.model,
            "direction": self._options.direction,
            "variant": recipe.variant,
            "size": self._size,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "input_dtype": recipe.border,
            "output_dtype": recipe.border,
            "params": int(self._network.count_params()),
            "macs": summary.macs,
            "halo_px": self._network.halo if _tileable(self._network) else None,
            "calibration_images": len(self._calibration) if recipe.calibrated else 0,
            "calibration_seed": self._options.seed if recipe.calibrated else None,
            "psnr_db": round(found.psnr_db, 2),
            "ssim": round(found.ssim, 5),
            "held_out_images": len(self._held_out[0]),
            "ops": summary.ops,
        }


def _tileable(network) -> bool:
    """Whether an output pixel depends on its neighbourhood alone; then the network says how far
    that reaches.
    """
    return hasattr(network, "halo")
