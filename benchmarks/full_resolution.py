"""Times export.stylize on large photos against single tiles of 256 pixels."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import BenchmarkOptions, Results, Target, parse_options, table
from benchmarks.timing import interleave, ratio
from export.photos.tiling import Tiling
from export.photos.translator import Translator
from tf_i2i.command_line import command, option, run_command
from tf_i2i.console import say
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import write_jpeg
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile, read_bytes, read_facts
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.receptive_field import bytes_per_pixel

SIDE = 256
_BLOCK_SECONDS = 0.4
# The peak memory that the system reports of a process begins with that of its parent, which
# therefore has to be a small one.
_STARTER = """
import resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


@dataclasses.dataclass(frozen=True)
class FullResolutionOptions(BenchmarkOptions):
    model: str | None = option(None, "a student's file, from export.tflite", metavar="FILE")
    run: str | None = option(None, "or a run with an int8 student (one required)", metavar="RUN")
    megapixels: tuple[int, ...] = option(
        (12, 100), "sizes of the photos; targets are judged at the first", minimum=1, maximum=300
    )
    threads: int = option(2, "of the CPU", minimum=1)
    repeats: int = option(5, "rounds with the photo and a block of single tiles", minimum=1)


def main(argv: list[str] | None = None) -> None:
    options = parse_options(FullResolutionOptions, argv, "full_resolution", __doc__)
    results = Results(options.json)
    model = options.model or int8_student(options.run)
    with tempfile.TemporaryDirectory() as folder:
        photos = {
            f"{size} MP": measure(model, size, options, Path(folder)) for size in options.megapixels
        }
    claim = f"time per pixel to a {SIDE} px tile"
    ratios = [(f"{name}: {claim}", photo.pop("ratio")) for name, photo in photos.items()]
    targets = [Target(ratios[0][0], ratios[0][1].value, 1.15, at_most=True)]
    for name, photo in photos.items():
        claim = f"{name}: peak memory of the command, MB"
        targets.append(Target(claim, photo["command MB"], 1000, at_most=True))
        if photo["max difference"] is not None:
            claim = f"{name}: difference of tiles to whole photo, of 255"
            targets.append(Target(claim, photo["max difference"], 1, at_most=True))
    rows = [
        (name, *(f"{v:.4g}" if isinstance(v, float) else v for v in photo.values()))
        for name, photo in photos.items()
    ]
    header = ("photo", *next(iter(photos.values())))
    results.report(options, [table(header, rows)], ratios, targets, photos=photos)


def int8_student(run: str | None) -> str:
    """The run's int8 file.

    Raises:
        UserError: no run was named, or it has none.
    """
    if not run:
        raise UserError("--model FILE or --run RUN is missing: a student to time")
    files = sorted(Path(run, "export").glob("[ab][ab]-*-int8.tflite"))
    if not files:
        export = command("export.tflite", run=run, int8=True)
        raise UserError(f"--run {run}: has no int8 student; make it: {export}")
    return str(files[0])


def mosaic(height: int, width: int, patch: int = 300) -> np.ndarray:
    """uint8 [height, width, 3]: squares of the bundled photographs at full scale, side by side."""
    source = bundled_photographs()
    photos = (source.read(index) for index in range(len(source)))
    pieces = [photo[:patch, :patch] for photo in photos if min(photo.shape[:2]) >= patch]
    rows, columns = -(-height // patch), -(-width // patch)
    numbers = np.arange(rows * columns).reshape(rows, columns) % len(pieces)
    whole = np.concatenate([np.concatenate([pieces[n] for n in row], axis=1) for row in numbers])
    return np.ascontiguousarray(whole[:height, :width])


def measure(model: str, megapixels: int, options: FullResolutionOptions, folder: Path) -> dict:
    """Time a photo (4:3) and single tiles in turn, then run the command on it.

    Returns:
        "ratio" of the times per pixel of photo and tile, and the columns of the table by name.
        "max difference" is that from one inference on the whole photo, None without the memory.
    """
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    photo = mosaic(height, round(megapixels * 1e6 / height))
    translator = Translator(model, threads=options.threads)
    if not translator.is_tiled:
        raise UserError(f"{model}: needs the whole picture and can't be tiled; name a student")
    work, build_s = photo.copy(), _seconds(lambda: translator.prepare(*photo.shape[:2]))
    single = LiteModel(resized(read_bytes(model), SIDE), options.threads)
    tile = np.ascontiguousarray(photo[:SIDE, :SIDE])

    def run_photo() -> Sequence[float]:
        work[:] = photo
        return [_seconds(lambda: translator.translate(work, f"{megapixels} MP"))]

    def run_tiles() -> Sequence[float]:
        single.run_uint8(tile)  # until now the caches have the photo
        count = max(1, round(_BLOCK_SECONDS / _seconds(lambda: single.run_uint8(tile))))
        return [_seconds(lambda: [single.run_uint8(tile) for _ in range(count)]) / count]

    say(f"{megapixels} MP")
    runners = {"photo": run_photo, "tile": run_tiles}
    timings = interleave(runners, lambda run: run(), options.repeats)
    tiling, pixels = translator.tiling, math.prod(photo.shape[:2])
    count = math.prod(tiling.grid(*photo.shape[:2]))
    translator.release()
    difference = _max_difference(model, photo, work, options.threads)
    command_s, command_bytes = _run_command(model, photo, options.threads, folder)
    return {
        "ratio": ratio(timings["photo"], timings["tile"], scale=SIDE**2 / pixels),
        "tiles": f"{count} of {tiling.width}x{tiling.height}",
        "us per pixel": 1e6 * timings["photo"].median / pixels,
        f"{SIDE} px tile": 1e6 * timings["tile"].median / SIDE**2,
        "inference s": timings["photo"].median,
        "build s": build_s,
        "command s": command_s,
        "command MB": command_bytes / 1e6,
        "max difference": difference,
    }


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _max_difference(model: str, photo: np.ndarray, tiled: np.ndarray, threads: int) -> int | None:
    """Of `tiled` and one inference on the whole photo, mirrored outward by more than the halo."""
    data = read_bytes(model)
    facts = read_facts(data)
    stride, margin = facts["stride"], 2 * -(-facts["halo_px"] // facts["stride"]) * facts["stride"]
    height, width = (-(-side // stride) * stride + 2 * margin for side in photo.shape[:2])
    known = "SC_AVPHYS_PAGES" in os.sysconf_names
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else 0
    if height * width * bytes_per_pixel(ModelFile(data)) > available / 2:
        say("too little memory for the whole photo at once: not compared")
        return None
    whole = photo.copy()
    network = LiteModel(resized(data, height, width), threads)
    Tiling(height, width, margin).translate(whole, [network.run_uint8])
    return max(int(np.abs(a.astype(np.int16) - b).max()) for a, b in zip(whole, tiled, strict=True))


def _run_command(model: str, photo: np.ndarray, threads: int, folder: Path) -> tuple[float, int]:
    """Seconds and peak memory (bytes) of `python -m export.stylize` on the photo as a JPEG."""
    source = folder / f"{photo.shape[1]}x{photo.shape[0]}.jpg"
    write_jpeg(source, photo, quality=95)
    say("the command as a whole")
    arguments = ["-m", "export.stylize", model, source, "--out", folder / "out"]
    return run_apart([*arguments, "--threads", threads])


def run_apart(arguments: Sequence[object]) -> tuple[float, int]:
    """Seconds and peak memory (bytes) of `python ARGUMENTS` in a process of its own.

    Raises UserError: it failed.
    """
    words = list(map(str, arguments))
    command = [sys.executable, "-c", _STARTER, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"python {' '.join(words)}: exit status {done.returncode}; see above")
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak) * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    run_command(main)
