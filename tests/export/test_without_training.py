"""The installation without training software: what its user runs, in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded_clips import contents, drawn_frames, encode
from exported_models import exported
from fetched_networks import fetched
from PIL import Image

from export.web_app.litert_js import PACKAGE
from tf_i2i.pretrained.npm_packages import npm_tarball

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "tests" / "references" / "run-840e232" / "cyclegan"
MODEL = RUN / "export" / "ab-64-int8.tflite"


# A slow network, or a machine that has other work, takes long to install it.
pytestmark = pytest.mark.timeout(900)


def newest_python() -> str:
    """Later versions than the training software takes, where there are some."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found = {
        int(path.parents[1].name.split(".")[1]): path for path in root.glob("3.1?.*/bin/python")
    }
    return str(found[max(found)]) if found else sys.executable


def run(python: str | Path, *arguments: object, path: Path | None = None, cwd: Path):
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables |= {"PYTHONPATH": str(path)} if path else {}
    command = [str(python), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Its interpreter."""
    folder = tmp_path_factory.mktemp("small")
    python = folder / "venv" / "bin" / "python"
    pip = ("-m", "pip", "--python", python, "--disable-pip-version-check")
    for command in (
        (newest_python(), "-m", "venv", "--without-pip", folder / "venv"),
        # Its own pip: that of Python 3.10 is too old for another's environment.
        (newest_python(), *pip, "install", "-q", ROOT / "without_training"),
        (newest_python(), *pip, "check"),
    ):
        done = run(*command, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return python


def test_its_size_is_that_in_the_readme(installed):
    packages = next(installed.parents[1].glob("lib/python*/site-packages"))
    assert not {"tensorflow", "cv2", "scipy"} & {path.name for path in packages.iterdir()}
    files = [path for path in packages.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    told = re.search(r"without_training.*?\((\d+) MB", (ROOT / "README.md").read_text(), re.S)
    assert megabytes == pytest.approx(int(told[1]), rel=0.15)


def test_a_photo_of_12_megapixels_comes_out_as_from_the_full_installation(installed, tmp_path):
    random = np.random.default_rng(0)
    blobs = Image.fromarray(random.integers(0, 256, (60, 80, 3), np.uint8))
    blobs.resize((4000, 3000), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg")
    results = []
    for python, path in ((installed, None), (sys.executable, ROOT)):
        out = tmp_path / f"out-{len(results)}"
        options = ("--working-size", 320, "--strength", 0.9, "--out", out)
        command = ("-m", "export.stylize", MODEL, "photo.jpg", *options)
        done = run(python, *command, path=path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        results.append(np.asarray(Image.open(out / "photo.jpg")).astype(np.int16))
    assert results[0].shape == (3000, 4000, 3)
    # Another version of numpy multiplies matrices in another order; JPEG spreads a level.
    difference = np.abs(results[0] - results[1])
    assert difference.mean() < 0.01 and difference.max() <= 8


def test_a_file_is_timed(installed, tmp_path):
    command = ("-m", "export.benchmark", MODEL, "--repeats", 3, "--json", "times.json")
    done = run(installed, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "times.json").read_text())["results"]
    assert [row["threads"] for row in rows] == [1, 2] and all(row["median_ms"] for row in rows)


@pytest.mark.parametrize(
    "command",
    [
        f"export.benchmark {MODEL} --chart times.svg",
        f"export.tflite --run {RUN} --int8",
        f"export.report --run {RUN}",
        f"training.evaluate --run {RUN}",
        "training.onesided --domain-a photos --domain-b paintings",
    ],
)
def test_what_needs_more_says_what_to_install(installed, tmp_path, command):
    done = run(installed, "-m", *command.split(), cwd=tmp_path)
    assert done.returncode == 2
    message = r"error: this needs \w+, which is not installed; .*: pip install -e \..*\n"
    assert re.fullmatch(message, done.stderr)


def test_a_page_of_a_file(installed, tmp_path):
    litert = ("--litert", fetched(npm_tarball, PACKAGE, "LiteRT.js"))
    command = ("-m", "export.web", "--model", MODEL, "--out", "site", *litert)
    done = run(installed, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    site = json.loads((tmp_path / "site" / "site.json").read_text())
    (model,) = site["models"]
    assert model["title"] == "Ab 64 int8"
    assert (tmp_path / "site" / model["file"]).read_bytes() == MODEL.read_bytes()
    assert Image.open(tmp_path / "site" / site["example"]).size == (600, 400)
    assert all((tmp_path / "site" / name).is_file() for name in site["files"])


def test_a_file_in_the_app(installed, tmp_path):
    """In a clone, where its sources are; an APK needs a JDK besides."""
    file, assets = tmp_path / "monet.tflite", tmp_path / "assets"
    # Large enough for the app's tiles.
    file.write_bytes(exported("int8", 80))
    command = ("-m", "export.android", "--model", file, "--assets", assets)
    done = run(installed, *command, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((assets / "models.json").read_text())
    assert (entry["name"], entry["title"], entry["size"]) == ("monet", "Monet", 80)
    assert (assets / entry["file"]).read_bytes() == file.read_bytes()
    thumbnail = np.asarray(Image.open(assets / entry["thumbnail"]))
    assert thumbnail.shape == (256, 256, 3) and thumbnail.std() > 5


def test_pictures_of_a_run_need_more(installed, tmp_path):
    """In the app's thumbnails."""
    command = ("-m", "export.android", "--assets", tmp_path / "assets", "--run", RUN)
    done = run(installed, *command, cwd=ROOT)
    assert done.returncode == 2 and done.stderr.startswith("error: this needs ")
    assert not (tmp_path / "assets").exists()


def test_videos_with_their_extra(installed, tmp_path):
    """The last test: it adds to the installation."""
    clip = encode(tmp_path / "clip.mp4", drawn_frames(4, 48, 64), sound="aac")
    command = ("-m", "export.stylize", MODEL, clip, "--out", tmp_path / "out")
    done = run(installed, *command, cwd=tmp_path)
    assert done.returncode == 2 and "install it with: pip install av" in done.stderr
    pip = ("-m", "pip", "--python", installed, "--disable-pip-version-check")
    for words in (("install", "-q", f"{ROOT / 'without_training'}[video]"), ("check",)):
        done = run(newest_python(), *pip, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run(installed, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = contents(tmp_path / "out" / "clip.mp4")
    assert len(result.frames) == 4 and result.sound
