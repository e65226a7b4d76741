"""Runs of an older version (tests/references/run-840e232), and of Python 3.13 with Keras 3 (run-keras3):
today's commands, with the Keras at hand, read and continue them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import report, stylize, tflite
from tf_i2i.litert.interpreter import LiteModel
from training import cyclegan, distill, evaluate, pix2pix

REFERENCES = Path(__file__).resolve().parents[1] / "references"
STUDENT_FILE = Path("cyclegan", "export", "ab-64-int8.tflite")


@pytest.fixture(params=["run-840e232", "run-keras3"])
def old(request, tmp_path, monkeypatch) -> Path:
    """A copy of the runs and their pictures as the working directory, which config.json's paths are relative to."""
    shutil.copytree(REFERENCES / request.param, tmp_path / "old")
    pictures = REFERENCES / "run-840e232" / "pictures"
    shutil.copytree(pictures, tmp_path / "old" / "pictures", dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def read_json(path: Path):
    return json.loads(path.read_text())


def require_last_line(run: Path, steps: list[int], expected: dict) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == steps
    measured = {name: value for name, value in lines[-1].items() if name in expected}
    assert measured == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("run, command", [("cyclegan", cyclegan), ("pix2pix", pix2pix)])
def test_it_resumes_to_the_same_losses(old, run, command):
    before = [
        json.loads(line)["step"] for line in (old / run / "metrics.jsonl").read_text().splitlines()
    ]
    # That version left the half-life as it was; today it follows the steps, unless it is named.
    half_life = str(read_json(old / run / "config.json")["options"]["ema_half_life"])
    steps = ["--steps", "12", "--ema-half-life", half_life]
    assert not command.main(["--run", run, "--resume", *steps])
    expected = read_json(old / "resumed.json")
    added = [12] if run == "cyclegan" else [9, 10, 11, 12]
    require_last_line(old / run, before + added, expected[run])
    if run == "cyclegan":
        student = numbers(read_json(old / run / "student" / "ab" / "distillation.json"))
        assert student == pytest.approx(numbers(expected["distilled"]), rel=0.02)


def test_a_paired_run_is_distilled(old):
    assert not distill.main(["--run", "pix2pix", "--steps", "2"])
    assert read_json(old / "pix2pix/student/ab/distillation.json")["held_out_photos"] == 2


def numbers(scores: dict) -> dict[str, float]:
    """{"teacher/validation/ab/grid": 85.6, ...}"""
    flat = {}
    for name, value in scores.items():
        if isinstance(value, dict):
            flat |= {f"{name}/{inner}": number for inner, number in numbers(value).items()}
        elif isinstance(value, int | float):
            flat[name] = value
    return flat


@pytest.mark.parametrize("run", ["cyclegan", "pix2pix"])
def test_its_scores_are_the_same(old, run):
    before = numbers(read_json(old / run / "evaluation.json"))
    (old / run / "evaluation.json").unlink()
    assert not evaluate.main(["--run", run])
    now = numbers(read_json(old / run / "evaluation.json"))
    # Students are scored with the picture mirrored beyond its edges now, as export.stylize runs them.
    same = {name for name in before.keys() & now.keys() if "student" not in str(name)}
    assert len(same) >= 6
    assert {name: now[name] for name in same} == pytest.approx(
        {name: before[name] for name in same}, rel=1e-3
    )


def test_it_is_exported_to_the_same_network(old):
    (before,) = read_json(old / "cyclegan/export/export.json")
    file = LiteModel((old / STUDENT_FILE).read_bytes())
    options = ["--int8", "--size", "64", "--min-psnr", "1", "--no-gpu-check"]
    assert tflite.main(["--run", "cyclegan", *options]) == 0
    (now,) = read_json(old / "cyclegan/export/export.json")
    for name in before.keys() - {"bytes", "sha256", "psnr_db", "ssim"}:
        assert now[name] == before[name], name
    assert now["psnr_db"] == pytest.approx(before["psnr_db"], abs=0.5)
    photo = np.asarray(Image.open("pictures/target/00.png"))[:64, :64]
    again = LiteModel((old / STUDENT_FILE).read_bytes())
    difference = again.run_uint8(photo).astype(int) - file.run_uint8(photo)
    assert np.abs(difference).max() <= 2, "steps of uint8: calibration sums may round otherwise"


def test_its_exported_file_is_used_by_every_command(old):
    assert stylize.main([str(STUDENT_FILE), "pictures/target", "--out", "styled"]) == 0
    assert len(list((old / "styled").glob("*.png"))) == 14
    assert not evaluate.main(["--run", "cyclegan", "--model", str(STUDENT_FILE)])
    assert not report.main(["--run", "cyclegan"])
    assert STUDENT_FILE.name in (old / "cyclegan" / "report.html").read_text()
