"""The page's pure functions, run by Node: pixels as in export.photos, the state, files of models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported_models import SIZE, converted, described, smooth_image, student

from export.photos.brushstrokes import (
    CANVAS,
    broad_sizes,
    canvas_sizes,
    refined,
    sharpen_strokes,
)
from export.photos.guided_upsampling import upsample
from export.photos.resampling import resized
from tf_i2i.data.image_files import reduced_size

TESTS = sorted(Path(__file__).with_name("page").glob("*.test.mjs"))
# (photo height, width, new height, width): whole and broken ratios, one axis, enlarged.
SIZES = ((60, 80, 30, 40), (61, 83, 29, 40), (40, 9, 13, 3), (300, 7, 31, 1), (20, 30, 29, 44))


def _hex(picture: np.ndarray) -> str:
    return np.ascontiguousarray(picture).tobytes().hex()


def _resized(height: int, width: int, new_height: int, new_width: int) -> dict:
    # Noise: a smooth picture has few values close to where rounding decides.
    photo = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    result = resized(photo, new_height, new_width)
    return {
        "photo_height": height,
        "photo_width": width,
        "photo": _hex(photo),
        "height": new_height,
        "width": new_width,
        "result": _hex(result),
    }


def _upsampled(height: int, width: int, scale: float, strength: float) -> dict:
    photo = smooth_image(round(height * scale), round(width * scale), seed=4).copy()
    photo[:, ::9] //= 3  # edges
    small = resized(photo, height, width)
    noise = np.random.default_rng(1).integers(-30, 31, small.shape)
    translated = (255 - small + noise).clip(0, 255).astype(np.uint8)
    result = photo.copy()
    upsample(result, small, translated, strength)
    pictures = {"photo": photo, "reduced": small, "translated": translated, "result": result}
    return {
        "photo_height": len(photo),
        "photo_width": photo.shape[1],
        "height": height,
        "width": width,
        "strength": strength,
        **{name: _hex(picture) for name, picture in pictures.items()},
    }


def _sharpened(picture: np.ndarray) -> dict:
    height, width = picture.shape[:2]
    photo, result = picture[::-1].copy(), picture.copy()
    photo[:, width // 2 :] = 90  # no details
    sharpen_strokes(result, photo)
    pictures = {"picture": picture, "photo": photo, "result": result}
    return {"height": height, "width": width, **{name: _hex(p) for name, p in pictures.items()}}


def _refined(broad: np.ndarray) -> dict:
    height, width = broad.shape[:2]
    photo, fine = broad[::-1].copy(), 255 - broad
    photo[:, width // 2 :] = 220  # no details, beside an edge
    pictures = {"broad": broad, "fine": fine, "photo": photo, "result": refined(broad, fine, photo)}
    return {"height": height, "width": width, **{name: _hex(p) for name, p in pictures.items()}}


def _stroke_pictures() -> list[np.ndarray]:
    """Soft strokes in all directions, an even area beside an edge, noise, and the smallest sizes."""
    edge = np.full((50, 61, 3), (200, 30, 90), np.uint8)
    edge[:, 40:] = 60
    sizes = ((70, 90), (1, 1), (1, 40), (3, 2), (40, 1))
    noise = [np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    return [smooth_image(210, 130, seed=3), edge, *noise]


def _painting_models() -> list[dict]:
    """Files that say, in several ways, whether they paint, and which ones do."""

    def model(paints: bool, **facts: object) -> dict:
        data = described(converted("int8"), student(), SIZE, "int8", **facts)
        return {"model": data.hex(), "brushstrokes": paints}

    others = [model(False, brushstrokes=value) for value in (False, 1, "true", None)]
    return [model(True, brushstrokes=True), model(False), *others]


@pytest.fixture(scope="module")
def vectors(tmp_path_factory) -> Path:
    """What the page's functions are compared with."""
    sizes = [(3000, 4000, 341), (4000, 300, 341), (256, 256, 256), (9, 9, None), (1, 5000, 7)]
    path = tmp_path_factory.mktemp("vectors") / "vectors.json"
    found = {
        "resized": [_resized(*size) for size in SIZES],
        "upsampled": [_upsampled(30, 41, 3.3, 1.0), _upsampled(24, 20, 2, 0.4)],
        "sharpened": [_sharpened(picture) for picture in _stroke_pictures()],
        "refined": [_refined(picture) for picture in _stroke_pictures()],
        "canvas": CANVAS,
        "canvas_sizes": [
            {"enlargement": x, "result": canvas_sizes(75, 101, x)}
            for x in (0.4, 1.0, 1.02, 1.5, 3.0, 6.0, 12.0, 40.0)
        ],
        "broad_sizes": [
            {"height": h, "width": w, "result": broad_sizes(h, w)}
            for h, w in ((256, 341), (341, 227), (75, 101), (95, 96), (96, 96), (50, 300), (1, 9))
        ],
        "models": _painting_models(),
        "sizes": [
            {"height": h, "width": w, "size": size, "result": reduced_size((h, w), size)}
            for h, w, size in sizes
        ],
    }
    path.write_text(json.dumps(found))
    return path


@pytest.mark.skipif(shutil.which("node") is None, reason="missing tool: node (apt-get install npm)")
@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.name)
def test_with_node(file, vectors):
    command = ["node", "--no-warnings", "--test", str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "VECTORS": str(vectors)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout
