"""Holds training.prepare against training.cartoonize, by content and speed: python -m benchmarks.prepare --count 2000"""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tf_i2i.errors import UserError
from training.options import option, parse, run_command

_PLAIN, _BEAM = "training.cartoonize", "training.prepare"
_SIDES = (64, 96)
# Every so many-th picture is cut short.
_BROKEN = 100


@dataclasses.dataclass(frozen=True)
class PrepareBenchmarkOptions:
    """What is compared."""

    count: int = option(2000, "crops of the bundled photographs, one in a hundred cut short", unit="files", minimum=2)
    workers: int = option(1, "processes of each of the two", minimum=1)
    seed: int = option(0, "of the crops")
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def write_crops(folder: Path, count: int, seed: int) -> None:
    """Files of 64 to 96 pixels a side, no two alike in their bytes; some of them are near-duplicates, grey or broken."""
    import numpy as np
    from PIL import Image

    from tf_i2i.demo_data import bundled_photographs

    source = bundled_photographs()
    photographs = [source.read(index) for index in range(len(source))]
    rng = np.random.default_rng(seed)
    for number in range(count):
        photo = photographs[number % len(photographs)]
        height, width = rng.integers(_SIDES[0], _SIDES[1] + 1, 2)
        top, left = (rng.integers(0, side - crop + 1) for side, crop in zip(photo.shape, (height, width), strict=False))
        file = io.BytesIO()
        Image.fromarray(photo[top : top + height, left : left + width]).save(file, "JPEG", quality=90)
        data = file.getvalue()
        cut = len(data) // 2 if number % _BROKEN == _BROKEN - 1 else len(data)
        (folder / f"{number // 1000:03}" / f"{number:06}.jpg").parent.mkdir(exist_ok=True)
        (folder / f"{number // 1000:03}" / f"{number:06}.jpg").write_bytes(data[:cut])


def differences(pairs: Path, dataset: Path) -> dict[str, int]:
    """Photos that the two commands judged differently, pairs that only one has, pictures whose pixels differ."""
    import numpy as np
    import tensorflow_datasets as tfds
    from etils import epath

    from tf_i2i.images import read_image
    from training.pair_dataset import read_photos
    from training.pair_record import RECORD

    plain = json.loads((pairs / RECORD).read_text())["pictures"]
    beam = {photo.pop("name"): photo for photo in read_photos(epath.Path(dataset))}
    told = sum(_without_stamp(plain.get(name)) != _without_stamp(beam.get(name)) for name in {*plain, *beam})
    missing = {file.relative_to(pairs / "photo").as_posix() for file in (pairs / "photo").rglob("*.png")}
    extra = unlike = 0
    for example in tfds.builder_from_directory(dataset).as_dataset("train").as_numpy_iterator():
        name = example["name"].decode()
        if name not in missing:
            extra += 1
            continue
        missing.remove(name)
        unlike += sum(not np.array_equal(example[p], read_image(pairs / p / name)) for p in ("cartoon", "photo"))
    return {"verdicts": told, "pairs": len(missing) + extra, "pictures": unlike}


def _without_stamp(photo: dict | None) -> dict | None:
    return photo and photo | {"stamp": None}


def _seconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - start


def main(argv: list[str] | None = None) -> int | None:
    options = parse(PrepareBenchmarkOptions, argv, prog="python -m benchmarks.prepare", description=__doc__)
    from benchmarks import results
    from benchmarks.timing import OtherWork

    results.check_writable(options.json)
    machine = results.machine(("apache-beam", "tensorflow-datasets", "opencv-python-headless", "numpy"))
    others = OtherWork()
    with tempfile.TemporaryDirectory() as folder:
        photos, pairs, data = (Path(folder, name) for name in ("photos", "pairs", "data"))
        photos.mkdir()
        results.show_progress(f"cutting {options.count} crops")
        write_crops(photos, options.count, options.seed)
        # A start with next to nothing to do, taken off, leaves the work.
        few = Path(folder, "few")
        few.mkdir()
        write_crops(few, 2, options.seed)
        processes = ["--direct_running_mode=multi_processing", f"--direct_num_workers={options.workers}"]
        beam = ["--", *(processes if options.workers > 1 else ["--runner=DirectRunner"])]
        seconds = {}
        for label, plain, made in (("start", "few", "few"), ("whole", "photos", "all")):
            src = str(Path(folder, plain))
            results.show_progress(f"{_PLAIN} {label}")
            out = str(pairs / made)
            seconds[_PLAIN, label] = _seconds([_PLAIN, src, "--out", out, "--workers", str(options.workers)])
            results.show_progress(f"{_BEAM} {label}")
            seconds[_BEAM, label] = _seconds([_BEAM, src, "--out", str(data), "--name", made, *beam])
        results.show_progress("comparing")
        found = differences(pairs / "all", data / "all" / "1.0.0")
        summary = json.loads((data / "all" / "1.0.0" / "prepare.json").read_text())["summary"]
    busy = others.cores()
    rates = {
        name: options.count / max(seconds[name, "whole"] - seconds[name, "start"], 1e-9) for name in (_PLAIN, _BEAM)
    }
    rows = [
        (name, f"{seconds[name, 'whole']:.1f}", f"{seconds[name, 'start']:.1f}", f"{rates[name]:.1f}") for name in rates
    ]
    targets = [results.Target(f"{what} that differ", count, 0, at_most=True) for what, count in found.items()]
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    kinds = ", ".join(f"{name} {count}" for name, count in summary.items())
    print(f"{options.count} files of {_SIDES[0]} to {_SIDES[1]} px, {options.workers} process(es): {kinds}\n")
    print(results.markdown_table(("command", "seconds", "with 2 files", "photos/s between"), rows), end="\n\n")
    print(results.targets_table(targets))
    results.write_results(options.json, {
        "machine": machine, "cores used by others": busy, "options": dataclasses.asdict(options), "summary": summary,
        "photos_per_s": rates, "seconds": {" ".join(key): value for key, value in seconds.items()}, "targets": targets,
    })  # fmt: skip
    return None if all(target.met for target in targets) else 3


if __name__ == "__main__":
    run_command(main)
