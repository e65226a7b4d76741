"""Holds training.prepare against training.cartoonize, by content and speed: python -m
benchmarks.prepare --count 2000
"""

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

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError

_PLAIN, _BEAM = "training.cartoonize", "training.prepare"
_SIDES = (64, 96)
# Every so many-th picture is cut short.
_BROKEN = 100
_FEW = 8


@dataclasses.dataclass(frozen=True)
class PrepareBenchmarkOptions:
    """What is compared."""

    count: int = option(
        2000,
        "crops of the bundled photographs, one in a hundred cut short",
        unit="files",
        minimum=100,
    )
    workers: int = option(1, "processes of each of the two", minimum=1)
    seed: int = option(0, "of the crops")
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def write_crops(folder: Path, count: int, seed: int) -> None:
    """Files of 64 to 96 pixels a side, no two alike in their bytes; some of them are
    near-duplicates, grey or broken.
    """
    import numpy as np
    from PIL import Image

    from tf_i2i.data.demo_data import bundled_photographs

    source = bundled_photographs()
    photographs = [source.read(index) for index in range(len(source))]
    rng = np.random.default_rng(seed)
    for number in range(count):
        photo = photographs[number % len(photographs)]
        height, width = rng.integers(_SIDES[0], _SIDES[1] + 1, 2)
        top, left = (
            rng.integers(0, side - crop + 1)
            for side, crop in zip(photo.shape, (height, width), strict=False)
        )
        file = io.BytesIO()
        Image.fromarray(photo[top : top + height, left : left + width]).save(
            file, "JPEG", quality=90
        )
        data = file.getvalue()
        cut = len(data) // 2 if number % _BROKEN == _BROKEN - 1 else len(data)
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data[:cut])


def differences(pairs: Path, dataset: Path) -> dict[str, int]:
    """Photos that the two commands judged differently, pairs that only one has, pictures whose
    pixels differ.
    """
    import numpy as np
    import tensorflow_datasets as tfds
    from etils import epath

    from tf_i2i.data.image_files import read_image
    from training.cartoon_pairs.pair_folder import RECORD
    from training.cartoon_pairs.prepare_job import read_photos

    plain = json.loads((pairs / RECORD).read_text())["pictures"]
    beam = {photo.pop("name"): photo for photo in read_photos(epath.Path(dataset))}
    told = sum(
        _without_stamp(plain.get(name)) != _without_stamp(beam.get(name))
        for name in {*plain, *beam}
    )
    missing = {
        file.relative_to(pairs / "photo").as_posix() for file in (pairs / "photo").rglob("*.png")
    }
    extra = unlike = 0
    for example in tfds.builder_from_directory(dataset).as_dataset("train").as_numpy_iterator():
        name = example["name"].decode()
        if name not in missing:
            extra += 1
            continue
        missing.remove(name)
        unlike += sum(
            not np.array_equal(example[p], read_image(pairs / p / name))
            for p in ("cartoon", "photo")
        )
    return {"verdicts": told, "pairs": len(missing) + extra, "pictures": unlike}


def _without_stamp(photo: dict | None) -> dict | None:
    return photo and photo | {"stamp": None}


def measure(folder: Path, options: PrepareBenchmarkOptions) -> dict[tuple[str, str], float]:
    """Seconds of (command, run), run being "few" or "all" photos; leaves folder/pairs/RUN and
    folder/data/RUN.
    """
    from benchmarks.results import show_progress

    processes = [
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={options.workers}",
    ]
    beam = processes if options.workers > 1 else ["--runner=DirectRunner"]
    seconds = {}
    for run, count in (("few", _FEW), ("all", options.count)):
        photos = folder / "photos" / run
        photos.mkdir(parents=True)
        write_crops(photos, count, options.seed)
        plain = [
            str(photos),
            "--out",
            str(folder / "pairs" / run),
            "--workers",
            str(options.workers),
        ]
        dataset = [str(photos), "--out", str(folder / "data"), "--name", run, "--", *beam]
        for command, arguments in ((_PLAIN, plain), (_BEAM, dataset)):
            show_progress(f"{command}, {count} photos")
            seconds[command, run] = _seconds([command, *arguments])
    return seconds


def _seconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-500:]}"
        )
    return time.perf_counter() - start


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        PrepareBenchmarkOptions, argv, prog="python -m benchmarks.prepare", description=__doc__
    )
    from benchmarks import results
    from benchmarks.timing import OtherWork

    results.check_writable(options.json)
    machine = results.machine(
        ("apache-beam", "tensorflow-datasets", "opencv-python-headless", "numpy")
    )
    others = OtherWork()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = measure(folder, options)
        dataset = folder / "data" / "all" / "1.0.0"
        found = differences(folder / "pairs" / "all", dataset)
        summary = json.loads((dataset / "prepare.json").read_text())["summary"]
    busy = others.cores()
    # What the few take is nearly all start.
    rates = {
        c: (options.count - _FEW) / (seconds[c, "all"] - seconds[c, "few"]) for c in (_PLAIN, _BEAM)
    }
    rows = [
        (c, f"{seconds[c, 'all']:.1f}", f"{seconds[c, 'few']:.1f}", f"{rates[c]:.1f}")
        for c in rates
    ]
    targets = [
        results.Target(f"{what} that differ", count, 0, at_most=True)
        for what, count in found.items()
    ]
    kinds = ", ".join(f"{kind} {count}" for kind, count in summary.items())
    print(f"{results.machine_line(machine)}\n{results.other_work_line(busy)}\n")
    print(
        f"{options.count} files of {_SIDES[0]} to {_SIDES[1]} px, processes: {options.workers}; {kinds}\n"
    )
    print(
        results.markdown_table(
            ("command", "seconds", f"seconds for {_FEW}", "photos/s between"), rows
        ),
        end="\n\n",
    )
    print(results.targets_table(targets))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "summary": summary,
            "seconds": {" ".join(key): value for key, value in seconds.items()},
            "photos_per_s": rates,
            "targets": targets,
        },
    )
    return None if all(target.met for target in targets) else 3


if __name__ == "__main__":
    run_command(main)
