"""What benchmarks.full_resolution measures: photos made of the bundled ones, through the command
and through its parts.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.full_resolution import SIDE, Measured
from benchmarks.results import show_progress
from benchmarks.timing import Timing, interleave
from export.photos.tiling import Tiling
from export.photos.translator import TiledTranslator, load_translator
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import write_jpeg
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import read_bytes, read_facts
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.receptive_field import bytes_per_pixel

_BLOCK_SECONDS = 0.4
# The peak that the system reports of a process begins with that of the process that started it, so
# a small one does.
_STARTER = """
import resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def model_file(model: str | None, run: str | None, folder: Path) -> str:
    """The .tflite file to time: the one named, the run's int8 student, or one with random weights
    made in `folder`.

    Raises:
        UserError: the run has none.
    """
    if model:
        return model
    if run:
        found = sorted(Path(run, "export").glob("[ab][ab]-*-int8.tflite"))
        if not found:
            raise UserError(
                f"--run {run}: has no int8 student; make it: python -m export.tflite --run {run} --int8"
            )
        return str(found[0])
    show_progress("converting a student with random weights")
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    from benchmarks.phone_files import student_files
    from export.conversion.metadata import with_metadata
    from export.conversion.variants import RECIPES
    from tf_i2i.models.mobile_generator import MobileGenerator

    facts = {
        "model": "student",
        "direction": "ab",
        "stride": MobileGenerator().stride,
        "halo_px": MobileGenerator().halo,
        "training_data": "none",
        "version": "0",
    }
    path = folder / "random.tflite"
    path.write_bytes(with_metadata(student_files(None, SIDE)[0], RECIPES["int8"], facts))
    return str(path)


def mosaic(height: int, width: int, patch: int = 300) -> np.ndarray:
    """uint8 [height, width, 3]: squares out of the bundled photographs at their own scale, side by
    side.
    """
    source = bundled_photographs()
    photos = (source.read(index) for index in range(len(source)))
    pieces = [photo[:patch, :patch] for photo in photos if min(photo.shape[:2]) >= patch]
    rows, columns = -(-height // patch), -(-width // patch)
    result = np.empty((height, width, 3), np.uint8)
    for number in range(rows * columns):
        top, left = number // columns * patch, number % columns * patch
        target = result[top : top + patch, left : left + patch]
        # Each time round they are shifted by a row's length, so that no photo repeats below itself.
        target[:] = pieces[number % len(pieces)][: target.shape[0], : target.shape[1]]
    return result


def measure(model: str, megapixels: int, options, folder: Path) -> Measured:
    """Times a photo of `megapixels` (4:3) and single tiles in turn, then runs the command on it."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    photo = mosaic(height, round(megapixels * 1e6 / height))
    translator = load_translator(model, None, options.threads)
    if not isinstance(translator, TiledTranslator):
        raise UserError(
            f"{model}: takes statistics over the whole picture and can't be tiled; name a student"
        )
    start = time.perf_counter()
    translator.prepare(*photo.shape[:2])
    building, work = time.perf_counter() - start, photo.copy()
    single = LiteModel(resized(read_bytes(model), SIDE), options.threads)

    def run_photo() -> Sequence[float]:
        work[:] = photo
        return [clocks["photo"].time(lambda: translator.translate(work, f"{megapixels} MP"))]

    def run_tiles() -> Sequence[float]:
        tile = np.ascontiguousarray(photo[:SIDE, :SIDE])
        single.run_uint8(tile)  # finds the caches full of the photo
        count = max(
            1, round(_BLOCK_SECONDS / clocks["warm-up"].time(lambda: single.run_uint8(tile)))
        )
        return [clocks["tile"].time(lambda: [single.run_uint8(tile) for _ in range(count)], count)]

    clocks = {name: _TwoClocks() for name in ("photo", "tile", "warm-up")}
    timings = interleave(
        {"photo": run_photo, "tile": run_tiles},
        options.repeats,
        lambda message: show_progress(f"{megapixels} MP, {message}"),
    )
    tiling = translator.tiling
    count = math.prod(tiling.grid(*photo.shape[:2]))
    translator.release()
    levels = _worst_difference(model, photo, work, options.threads)
    command, peak = _command(model, photo, options.threads, folder)
    return Measured(
        *photo.shape[:2],
        f"{count} of {tiling.width}x{tiling.height}",
        timings["photo"],
        timings["tile"],
        clocks["photo"].cpu,
        clocks["tile"].cpu,
        building,
        command,
        peak,
        levels,
    )


class _TwoClocks:
    """Returns wall time and remembers processor time, of all threads, beside it."""

    def __init__(self):
        self._cpu: list[tuple[float, ...]] = []

    def time(self, work: Callable[[], object], count: int = 1) -> float:
        """Seconds of one of the `count` things that `work` does."""
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._cpu.append((cpu / count,))
        return wall / count

    @property
    def cpu(self) -> Timing:
        return Timing(tuple(self._cpu))


def _worst_difference(model: str, photo: np.ndarray, tiled: np.ndarray, threads: int) -> int | None:
    """Levels between `tiled` and one inference on the whole photo, mirrored outward by more than
    the halo.
    """
    data = read_bytes(model)
    facts = read_facts(data)
    stride, margin = facts["stride"], 2 * -(-facts["halo_px"] // facts["stride"]) * facts["stride"]
    height, width = (-(-side // stride) * stride + 2 * margin for side in photo.shape[:2])
    if height * width * bytes_per_pixel(data) > _available_bytes() / 2:
        show_progress("too little memory for the whole photo at once: not compared")
        return None
    show_progress("one inference on the whole photo")
    whole = photo.copy()
    network = LiteModel(resized(data, height, width), threads)
    Tiling(height, width, margin).translate(whole, [network.run_uint8])
    return max(int(np.abs(a.astype(np.int16) - b).max()) for a, b in zip(whole, tiled, strict=True))


def _available_bytes() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def _command(model: str, photo: np.ndarray, threads: int, folder: Path) -> tuple[float, int]:
    """Seconds and peak memory (bytes) of `python -m export.stylize` on the photo as a JPEG."""
    source = folder / f"{photo.shape[1]}x{photo.shape[0]}.jpg"
    write_jpeg(source, photo, quality=95)
    show_progress("the command as a whole")
    arguments = [
        "-m",
        "export.stylize",
        model,
        str(source),
        "--out",
        str(folder / "out"),
        "--threads",
        str(threads),
    ]
    answer = subprocess.run(
        [sys.executable, "-c", _STARTER, *arguments], stdout=subprocess.PIPE, check=False
    )
    if answer.returncode:
        raise UserError(
            f"python {' '.join(arguments)}: failed with exit status {answer.returncode}; see above"
        )
    seconds, peak = answer.stdout.split()
    return float(seconds), int(peak) * (1 if sys.platform == "darwin" else 1024)
