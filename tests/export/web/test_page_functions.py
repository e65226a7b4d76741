"""The page's pure functions, run by Node: pixels as in export.photos, the state, files of models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported_models import smooth_image

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


@pytest.fixture(scope="module")
def vectors(tmp_path_factory) -> Path:
    """What the page's functions are compared with."""
    sizes = [(3000, 4000, 341), (4000, 300, 341), (256, 256, 256), (9, 9, None), (1, 5000, 7)]
    path = tmp_path_factory.mktemp("vectors") / "vectors.json"
    found = {
        "resized": [_resized(*size) for size in SIZES],
        "upsampled": [_upsampled(30, 41, 3.3, 1.0), _upsampled(24, 20, 2, 0.4)],
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
