"""What export.tflite does: one network's files, kept only when they match the float32 original."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from export.conversion import fidelity
from export.conversion.converter import NetworkConverter, NotConvertible
from export.conversion.gpu_check import GpuCheck, check_gpu
from export.conversion.manifest import drop_file, put_entry, read_entries
from export.conversion.metadata import with_metadata
from export.conversion.variants import Variant
from tf_i2i import __version__
from tf_i2i.command_line import command
from tf_i2i.data.image_cache import load_images, split_held_out
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError
from tf_i2i.files import replacing, sha256_of
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile
from training.runs.finished_run import FinishedRun
from training.runs.run_data import RunData
from training.runs.weights import stale_files

_HELD_OUT_IMAGES = 16
# Over SwiftShader 256 px take up to half a second per photo; large files get fewer photos, so that
# none takes minutes.
_GPU_IMAGES, _GPU_PIXELS = 4, 4 * 256**2


class QualityTooLow(UserError):
    """An exported file differs too much from its float32 network."""

    exit_status = 3


@dataclass(eq=False)
class ExportJob:
    """Converts, checks and files the variants of one network at one size.

    network: float32 generator with `stride`, and with `halo` where an output pixel depends on its
    neighbourhood alone. folder: for the files and export.json. size: side of the input in pixels.
    working_size_px: long side at which photos look as in training (see FinishedRun).
    longer: how to train the network longer, for messages.
    name: begins file names, by default model and direction. extra_facts: packed into the file too.
    extra_entry: fields of export.json besides.
    The others are as in export.tflite.
    """

    network: keras.Model
    data: RunData
    folder: Path
    size: int
    working_size_px: int
    direction: str
    min_psnr: float
    calibration_images: int
    seed: int
    gpu_check: bool
    model: str = "student"
    longer: str = "more --student-steps"
    name: str | None = None
    extra_facts: dict = field(default_factory=dict)
    extra_entry: dict = field(default_factory=dict)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._converter = NetworkConverter(self.network, self.size, lambda: self._calibration)
        self._halo = getattr(self.network, "halo", None)
        if self._halo is None:  # takes no picture larger than its input
            self.working_size_px = min(self.working_size_px, self.size)
        # The domain that is translated: A for ab.
        domain = self.direction[0]
        self._training = getattr(self.data, f"train_{domain}")
        self._validation = getattr(self.data, f"val_{domain}")

    def file(self, variant: Variant) -> Path:
        """Where `write` puts a variant."""
        name = self.name or ("teacher-" if self.model == "teacher" else "") + self.direction
        return self.folder / f"{name}-{self.size}-{variant.name}.tflite"

    def write(self, variant: Variant) -> str:
        """Writes one file and its entry in export.json; returns two lines about it for the log.

        A file that the GPU refuses or computes wrongly is kept, for the CPU; log and entry say so.
        Raises QualityTooLow, NotConvertible: the file is not kept, nor an older one under its name.
        """
        path, facts = self.file(variant), self._facts(variant)
        try:
            data = with_metadata(self._converter.convert(variant), variant, facts)
            with replacing(path) as partial:
                partial.write_bytes(data)
                # The very bytes that will be used are measured.
                quality = self._measure(partial.read_bytes(), variant)
                gpu = self._check_gpu(partial, variant)
        except (QualityTooLow, NotConvertible):
            drop_file(self.folder, path.name)
            raise
        put_entry(self.folder, self._entry(data, variant, quality) | gpu.entry())
        if gpu.agrees is False:
            _warn(f"{path.name}: {gpu.note}; use it on the CPU only")
        return (
            f"{path}: {len(data) / 1e6:.3f} MB, {quality.psnr_db:.1f} dB, SSIM {quality.ssim:.4f} "
            f"to its float32 network\n  on the GPU accelerator: {gpu}"
        )

    @cached_property
    def _calibration(self) -> np.ndarray:
        return fidelity.random_crops(self._training, self.size, self.calibration_images, self.seed)

    @cached_property
    def _held_out(self) -> tuple[np.ndarray, np.ndarray]:
        images = fidelity.centre_crops(self._validation, self.size, _HELD_OUT_IMAGES)
        return images, fidelity.reference_outputs(self.network, images)

    def _measure(self, data: bytes, variant: Variant) -> fidelity.Agreement:
        try:
            quality = fidelity.agreement(LiteModel(data, threads=2), *self._held_out)
        except RuntimeError as error:
            # Some graphs convert to a number type that the runtime has no kernel for.
            message = f"{variant.name}: LiteRT can't run it ({error}); {self._advice()}"
            raise NotConvertible(message) from error
        if quality.psnr_db < self.min_psnr:
            raise QualityTooLow(
                f"{self.file(variant).name}: {quality.psnr_db:.1f} dB to its float32 network on "
                f"held-out pictures, --min-psnr is {self.min_psnr:g}; not kept. {self._advice()}"
            )
        return quality

    def _check_gpu(self, path: Path, variant: Variant) -> GpuCheck:
        if not self.gpu_check:
            return GpuCheck(None, "left out by --no-gpu-check")
        count = max(1, min(_GPU_IMAGES, _GPU_PIXELS // self.size**2))
        return check_gpu(path, self._held_out[0][:count], variant.name)

    def _advice(self) -> str:
        if self.model == "student":
            return f"Train it longer ({self.longer}), or use --float16"
        reason = "instance normalisation takes mean and variance at run time, too wide for integers"
        if self.network.get_config().get("norm") == "batch":
            reason = "ranges are wider than 8 bits hold well"
        distil = command("training.distill", run=self.folder.parent, direction=self.direction)
        return (
            f"The teacher's {reason}: distil it ({distil}) and export the student (--model student), "
            "or use --float16"
        )

    def _facts(self, variant: Variant) -> dict:
        """What goes with the file as model.json, for those who have the file alone."""
        source, target = self.direction.upper()
        return {
            "model": self.model,
            "direction": self.direction,
            "variant": variant.name,
            "size": self.size,
            "stride": self.network.stride,
            "halo_px": self._halo,
            "working_size_px": self.working_size_px,
            "training_data": f"{len(self._training)} pictures of domain {source}, "
            f"translated to domain {target}",
            "training_fingerprint": self._training.fingerprint,
            "version": __version__,
            **self.extra_facts,
        }

    def _entry(self, data: bytes, variant: Variant, quality: fidelity.Agreement) -> dict:
        graph = ModelFile(data)
        return {
            "file": self.file(variant).name,
            "model": self.model,
            "direction": self.direction,
            "variant": variant.name,
            "size": self.size,
            "bytes": len(data),
            "sha256": sha256_of(data),
            "input_dtype": variant.io_dtype,
            "output_dtype": variant.io_dtype,
            "params": int(self.network.count_params()),
            "macs": graph.macs,
            "halo_px": self._halo,
            "working_size_px": self.working_size_px,
            "calibration_images": len(self._calibration) if variant.calibrated else 0,
            "calibration_seed": self.seed if variant.calibrated else None,
            "psnr_db": round(quality.psnr_db, 2),
            "ssim": round(quality.ssim, 5),
            "held_out_images": len(self._held_out[0]),
            "ops": graph.ops,
            **self.extra_entry,
        }


def export_run(
    root: str | None,
    sizes: Sequence[int],
    variants: Sequence[Variant],
    model: str,
    checkpoint: str = "newest",
    pictures: str | None = None,
    **options,
) -> int:
    """Writes every variant at every size; returns 0, or 3 when some could not be written.

    pictures: a source of pictures to calibrate and check on in place of the run's own. options: direction, min_psnr, calibration_images, seed, gpu_check. Raises UserError: the run
    lacks the network or its pictures, or a size does not fit the network.
    """
    run = FinishedRun(root, checkpoint)
    network = run.network(model, options["direction"])
    for size in sizes:
        if size % network.stride:
            stride = f"{network.stride}, the stride of the {model}"
            raise UserError(f"--size {size}: must be a multiple of {stride}")
    which = "" if checkpoint == "newest" else f" of checkpoint {checkpoint}"
    print(f"{run.root}: exporting the {model} {options['direction']}{which}")
    origin = run.origin(model, options["direction"])
    in_file = dict(origin) | _training_facts(run, options["direction"])
    in_file["brushstrokes"] = run.paints(options["direction"])
    if run.features:
        origin["features"] = run.features
    data, status = _pictures(run, pictures), 0
    trained_at = run.fixed_size if model == "teacher" else None
    for size in dict.fromkeys(sizes):
        if trained_at and size != trained_at:
            _warn(
                f"this U-Net was trained at {trained_at} px, worse at {size}: --size {trained_at}"
            )
        how = {"working_size_px": run.working_size_px, "model": model}
        how |= {"extra_entry": origin, "extra_facts": in_file}
        how["longer"] = run.how_to_train_longer(options["direction"])
        job = ExportJob(network, data, run.root / "export", size, **how, **options)
        for variant in variants:
            try:
                print(job.write(variant), flush=True)
            except (QualityTooLow, NotConvertible) as error:
                print(f"error: {error}", file=sys.stderr, flush=True)
                status = error.exit_status
    for line in stale_files(run.root, read_entries(run.root / "export")).values():
        _warn(line)
    return status


def _pictures(run: FinishedRun, src: str | None) -> RunData:
    """The run's pictures, or those of `src`, of which some are held out."""
    if src is None:
        return run.some_data
    source = open_source(src, "--pictures")
    cache = load_images(source, run.options.load_size, option="--pictures", warn=_warn)
    (training,), (held_out,) = split_held_out((cache,), seed=0)
    return RunData(training, training, held_out, held_out, paired=False, descriptions={})


def _training_facts(run: FinishedRun, direction: str) -> dict:
    """What the file says of the pictures that the run was trained on, wherever it is exported."""
    (source, target), facts = direction, run.config.get("data", {})
    count = facts.get("counts", {}).get(f"train_{source}")
    if not count:
        return {}
    of, to = f"{count} pictures of domain {source.upper()}", f"domain {target.upper()}"
    fingerprint = facts.get("fingerprint", {}).get(f"train_{source}")
    return {"training_data": f"{of}, translated to {to}", "training_fingerprint": fingerprint}


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)
