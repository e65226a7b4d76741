"""Photos for training.cartoonize and what it leaves in its folder, for the tests of its command."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_pictures
from PIL import Image

from tf_i2i.data.demo_data import bundled_photographs
from training.cartoon_pairs.pair_folder import RECORD
from training.cartoonize import main

COMMAND = [sys.executable, "-m", "training.cartoonize"]


def record(out: Path) -> dict:
    return json.loads((out / RECORD).read_text())


def results(out: Path) -> dict[str, str]:
    return {
        name: photo["reason"] or photo["result"] for name, photo in record(out)["pictures"].items()
    }


def tree(out: Path) -> dict[str, bytes]:
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file()
    }


def times(out: Path) -> dict[str, int]:
    return {
        file.relative_to(out).as_posix(): file.stat().st_mtime_ns
        for file in out.rglob("*/**/*.png")
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Six drawn pictures in colour, and the astronaut in a folder of its own."""
    folder = draw_pictures(tmp_path_factory.mktemp("src") / "photos", 6, seed=5, size=(120, 90))
    (folder / "people").mkdir()
    Image.fromarray(bundled_photographs().read(0)).save(
        folder / "people" / "astronaut.jpg", quality=90
    )
    return folder


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory) -> Path:
    """The pairs of `photos` by one worker. Read only."""
    out = tmp_path_factory.mktemp("made") / "pairs"
    assert main([str(photos), "--out", str(out), "--size", "80", "--workers", "1"]) is None
    return out


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Pictures that pass, that each limit drops, of odd kinds, and that can't be read."""
    src = draw_pictures(tmp_path / "src", 2, seed=8, size=(120, 90))
    photo = Image.fromarray(bundled_photographs().read(0)).resize((256, 256))
    photo.save(src / "face.png")
    photo.resize((128, 128)).save(src / "again.jpg", quality=70)
    photo.convert("L").save(src / "grey.png")
    drawn = Image.open(src / "00.png")
    drawn.resize((60, 45)).save(src / "small.png")
    Image.new("RGB", (1, 1), "red").save(src / "pixel.png")
    others = [
        Image.open(file)
        for file in sorted(draw_pictures(tmp_path / "others", 6, seed=20, size=(120, 90)).iterdir())
    ]
    others[0].convert("CMYK").save(src / "cmyk.jpg", quality=90)
    others[1].quantize(16).save(src / "palette.png")
    others[2].save(src / "animated.webp", save_all=True, append_images=[drawn], duration=50)
    exif = Image.Exif()
    exif[0x0112] = 6
    others[3].save(src / "turned.jpg", exif=exif)
    Image.fromarray(np.asarray(others[4].convert("L")).astype(np.uint16) * 257).save(
        src / "deep.png"
    )
    file = io.BytesIO()
    others[5].save(file, "JPEG")
    (src / "cut.jpg").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    (src / "text.jpg").write_text("<html>")
    (src / "empty.png").write_bytes(b"")
    return src
