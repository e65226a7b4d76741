"""Damaged and foreign files through every command that takes one: a line and an exit status,
nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import PAIRED_TINY, TINY, draw_pictures
from exported_models import exported
from mutations import damaged_models, damaged_photos
from PIL import Image

COUNT, SEED = 200, 2
ROOT = Path(__file__).resolve().parents[2]
DRIVER = ROOT / "tests" / "helpers" / "fuzz_driver.py"


@dataclass(frozen=True)
class Ended:
    """A command that ran; status is below 0 where it took its process with it."""

    command: str
    arguments: list[str]
    status: int
    error: str

    @property
    def complaint(self) -> str | None:
        """What is wrong with how it ended."""
        lines = self.error.splitlines()
        where = f"{self.command} {self.arguments[0]}: status {self.status}"
        if self.status not in (0, 2, 3) or "Traceback" in self.error:
            return f"{where}: {lines[-1:]}"
        if self.status == 2 and not (
            lines and lines[-1].startswith("error: ") and _is_told(lines[:-1])
        ):
            return f"{where}: {self.error}"
        return None


def _is_told(lines: list[str]) -> bool:
    """Only photos that are left out may be named before the one line that tells the end."""
    return all(line.startswith(("warning: ", "--")) for line in lines)


def run_jobs(jobs: list[tuple[str, list[str]]], folder: Path) -> list[Ended]:
    """Runs [(command, arguments)] in two processes (tests/helpers/fuzz_driver.py); one that dies is
    followed by another.
    """
    folder.mkdir()
    waiting = [(number, jobs[number::2]) for number in range(2) if jobs[number::2]]
    ended, number = [], 0
    while waiting:
        started = []
        for lane, part in waiting:
            list_file, answers = folder / f"jobs-{number}.json", folder / f"answers-{number}"
            list_file.write_text(json.dumps(part))
            command = [sys.executable, str(DRIVER), str(list_file), str(answers)]
            process = subprocess.Popen(
                command, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder
            )
            started.append((lane, part, process, answers))
            number += 1
        waiting = []
        for lane, part, process, answers in started:
            status = process.wait()
            found = {
                one["job"]: one
                for one in map(json.loads, answers.read_text().splitlines())
                if "status" in one
            }
            ended += [Ended(*part[job], one["status"], one["error"]) for job, one in found.items()]
            if len(found) < len(part):
                ended.append(
                    Ended(*part[len(found)], -abs(status or 1), "the process was taken along")
                )
                if rest := part[len(found) + 1 :]:
                    waiting.append((lane, rest))
    return ended


def check_results(folder: Path) -> int:
    """Every file below is whole and under its final name; returns how many there are."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        assert not path.name.startswith("."), path
        assert path.suffix in (".png", ".jpg", ".webp", ".json"), path
        if path.suffix == ".json":
            json.loads(path.read_text())
        else:
            Image.open(path).load()
    return len(files)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Path]:
    return _written(damaged_models(COUNT, SEED), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    return _written(damaged_photos(COUNT, SEED), tmp_path_factory.mktemp("photos"))


def _written(files, folder: Path) -> list[Path]:
    paths = []
    for name, data in files:
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    assert len(paths) == COUNT
    return paths


@pytest.mark.parametrize(
    "command", ["export.stylize", "export.benchmark", "evaluate --model", "phone_model --peer"]
)
def test_every_damaged_network_ends_a_command_cleanly(command, models, tmp_path):
    photo = draw_pictures(tmp_path / "photos", 1, seed=3, size=(90, 70)) / "00.png"
    out = tmp_path / "out"
    out.mkdir()
    more = {
        "export.stylize": lambda path: [str(photo), "--out", str(out / path.stem)],
        "export.benchmark": lambda path: [
            "--threads",
            "1",
            "--repeats",
            "1",
            "--warm-up",
            "1",
            "--json",
            str(out / f"{path.stem}.json"),
        ],
    }.get(command, lambda path: [])
    ended = run_jobs([(command, [str(path), *more(path)]) for path in models], tmp_path / "jobs")
    assert [one.complaint for one in ended if one.complaint] == []
    assert len(ended) == COUNT
    refused = [one for one in ended if one.status == 2]
    assert all(Path(one.arguments[0]).name in one.error for one in refused)
    assert COUNT // 3 < len(refused) < COUNT
    assert [one.error for one in ended if one.status == 0 and one.error] == []
    if command.startswith("export."):
        assert check_results(out) == COUNT - len(refused)


def test_every_damaged_photo_is_named_and_left_out_by_stylize(photos, tmp_path):
    model, out = tmp_path / "model.tflite", tmp_path / "out"
    model.write_bytes(exported("int8"))
    (ended,) = run_jobs(
        [("export.stylize", [str(model), *map(str, photos), "--out", str(out)])], tmp_path / "jobs"
    )
    assert ended.status == 0, ended.error
    warnings = ended.error.splitlines()
    assert all(line.startswith(f"warning: {photos[0].parent}") for line in warnings), ended.error
    used = "only the first is used", "become white"
    left_out = [line for line in warnings if not line.endswith(used)]
    assert check_results(out) + len(left_out) == COUNT
    assert COUNT // 4 < len(left_out) < COUNT * 3 // 4


def test_damaged_photos_among_good_ones_stop_no_command(photos, tiny_run, tmp_path):
    """Trainer, distillation, evaluation and pairs on one folder: each photo is used or named."""
    folder = draw_pictures(tmp_path / "domain", COUNT, seed=4, size=(48, 40))
    for path in photos:
        shutil.copy(path, folder)
    style = draw_pictures(tmp_path / "style", 4, seed=5)
    runs = [tmp_path / "distilled", tmp_path / "evaluated"]
    for run in runs:
        shutil.copytree(tiny_run, run)
    source, pairs = str(folder), tmp_path / "pairs"
    shutil.copytree(folder, tmp_path / "target")
    jobs = [
        (
            "training.cyclegan",
            [
                *TINY,
                "--run",
                str(tmp_path / "trained"),
                "--domain-a",
                source,
                "--domain-b",
                str(style),
                "--steps",
                "1",
                "--student",
                "none",
            ],
        ),
        (
            "training.distill",
            ["--run", str(runs[0]), "--extra", source, "--steps", "1", "--label-views", "1"],
        ),
        ("training.evaluate", ["--run", str(runs[1]), "--domain-a", source]),
        (
            "training.pix2pix",
            [
                *PAIRED_TINY,
                "--run",
                str(tmp_path / "paired"),
                "--input",
                source,
                "--target",
                str(tmp_path / "target"),
                "--steps",
                "1",
                "--student",
                "none",
            ],
        ),
        (
            "training.prepare",
            [
                source,
                "--out",
                str(tmp_path / "data"),
                "--name",
                "fuzz",
                "--size",
                "40",
                "--min-size",
                "16",
            ],
        ),
        (
            "training.cartoonize",
            [source, "--out", str(pairs), "--size", "40", "--min-size", "16", "--workers", "2"],
        ),
    ]
    ended = run_jobs(jobs, tmp_path / "jobs")
    assert [one.complaint for one in ended if one.complaint] == []
    assert [one.status for one in ended] == [0] * len(jobs), [
        one.error for one in ended if one.status
    ]
    assert check_results(pairs) > COUNT
    by_name = {one.command: one.error for one in ended}
    for command in ("training.cyclegan", "training.distill", "training.pix2pix"):
        assert by_name[command].count("left out") > COUNT // 4
