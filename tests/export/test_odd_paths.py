"""Every command with runs, pictures and results under names that shells, patterns and formats trip
over, in terminals that have no letters for them.
"""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from conftest import PAIRED_TINY, TINY, draw_pictures
from test_help import COMMANDS

from tf_i2i.command_line import run_command
from tf_i2i.errors import UserError
from training.cyclegan import main as cyclegan

# 200 characters; file systems take 255 bytes.
ODD = "r [v2] *? 'q' \"Q\" %s %(x)d 100% #1 $HOME ~ \\n {x} é 日本語 ".ljust(200, "x")
TAME = ODD.translate(str.maketrans("[]*?", "()+!"))
SIZES = [*TINY, "--load-size", "72", "--crop-size", "64"]
STYLED = [
    "--load-size",
    "80",
    "--crop-size",
    "64",
    "--batch-size",
    "2",
    "--precision",
    "float32",
    "--steps",
    "1",
]


class Terminals(io.TextIOWrapper):
    """Two at once, neither of which has all letters."""

    def __init__(self):
        super().__init__(io.BytesIO(), "ascii")
        self._other = io.TextIOWrapper(io.BytesIO(), "cp1252")

    def reconfigure(self, **how) -> None:
        super().reconfigure(**how)
        self._other.reconfigure(**how)

    def write(self, text: str) -> int:
        self._other.write(text)
        return super().write(text)

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode("ascii")


def drive(command: str, *words, status: int = 0) -> str:
    """A command as a shell starts it; what it said."""
    main, said = importlib.import_module(command).main, Terminals()
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as end:
        run_command(lambda: main([str(word) for word in words]))
    assert end.value.code == status, said.text()
    return said.text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Under an odd name: two folders of pictures, a run on them, its exported file."""
    folder = tmp_path_factory.mktemp("odd") / ODD
    for seed, name in enumerate("AB"):
        draw_pictures(folder / name, 14, seed, size=(80, 72))
    steps = ["--steps", "2", "--student-steps", "2", "--run", folder / "run"]
    drive("training.cyclegan", *SIZES, *domains(folder), *steps)
    exporting = ["--int8", "--size", "128", "--min-psnr", "0", "--no-gpu-check"]
    said = drive("export.tflite", "--run", folder / "run", *exporting)
    assert r"\u65e5\u672c\u8a9e" in said and model(folder).is_file()
    return folder


def domains(folder: Path) -> list:
    return ["--domain-a", folder / "A", "--domain-b", folder / "B"]


def model(folder: Path) -> Path:
    return folder / "run" / "export" / "ab-128-int8.tflite"


def launch(folder: Path) -> None:
    """Processes of its own, as PYTHONIOENCODING makes them."""
    words = [*STYLED, *map(str, domains(folder)), "--run", str(folder / "styled")]
    command = [sys.executable, "-m", "training.launch", "--workers", "1", "training.onesided"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([*command, *words], capture_output=True, env=environment)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr


def prepare(folder: Path) -> None:
    photos = draw_pictures(folder / "few", 4, seed=1)
    words = [photos, "--name", "odd", "--min-size", "0", "--duplicate-bits", "-1", "--out"]
    assert "Beam reads" in drive("training.prepare", *words, folder / "data", status=2)
    drive("training.prepare", *words, folder.parent / TAME)


def embedder(folder: Path) -> None:
    for person in range(4):
        draw_pictures(folder / "people" / str(person), 2, person)
    sizes = [
        "--steps",
        "1",
        "--size",
        "32",
        "--width",
        "4",
        "--dimensions",
        "2",
        "--people",
        "2",
        "--pictures",
        "2",
    ]
    out = folder / "faces.keras"
    drive("training.embedder", "--faces", folder / "people", "--out", out, *sizes)
    assert out.is_file()


def sweep(folder: Path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")  # of its trainings
    own = [
        "cyclegan",
        "--lambda-cycle",
        "1",
        "2",
        "--seeds",
        "1",
        "--jobs",
        "2",
        "--choose",
        "photo_ssim",
    ]
    trainings = [*TINY, *domains(folder), "--steps", "1", "--student", "none"]
    evaluations = ["--features", "offline"]
    drive("training.sweep", *own, "--run", folder / "sweep", "--", *trainings, "--", *evaluations)
    assert (folder / "sweep" / "sweep.png").is_file()


def words_of(command: str, folder: Path) -> list:
    """Of commands that need nothing besides."""
    run = ["--run", folder / "run"]
    pairs = ["--input", folder / "A", "--target", folder / "B", "--steps", "1"]
    few = ["--only", "narrow", "--steps", "1", "--size", "64", "--repeats", "1", "--min-psnr", "0"]
    return {
        "export.android": [*run, "--assets", folder / "assets"],
        "export.benchmark": [*run, "--repeats", "1", "--json", folder / "times.json"],
        "export.report": run,
        "export.search": [*run, *few],
        "export.stylize": [model(folder), folder / "A", "--out", folder / "styled photos"],
        "export.tflite": [*run, "--float32", "--size", "64", "--no-gpu-check"],
        "export.web": [*run, "--out", folder / "site"],
        "training.cartoonize": [folder / "A", "--out", folder / "pairs", "--min-size", "0"],
        "training.collect": ["files", "--query", folder / "A", "--out", folder / "all"],
        "training.curate": [folder / "A", "--min-size", "16"],
        "training.cyclegan": [*run, "--resume", "--steps", "3"],
        "training.distill": [*run, "--steps", "2"],
        "training.evaluate": [*run, "--model", model(folder)],
        "training.onesided": ["--resume", "--run", folder / "styled"],
        "training.pix2pix": [*PAIRED_TINY, *pairs, "--run", folder / "p", "--student", "none"],
    }[command]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command(command, folder, monkeypatch):
    if command == "training.sweep":
        sweep(folder, monkeypatch)
    elif own := {"launch": launch, "prepare": prepare, "embedder": embedder}.get(command[9:]):
        own(folder)
    else:
        drive(command, *words_of(command, folder))


def test_a_name_that_tensorflow_can_not_take_is_refused_at_once(tmp_path):
    run = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(UserError, match=r"caf\\xe9: its name is no UTF-8 text"):
        cyclegan([*TINY, "--run", str(run)])
