"""Writes brush.json: sizes at which photos are translated and of the canvases they come back by, and
what export.photos makes of small pictures that are resized, upsampled and given brushstrokes, for
the tests of the app's brush size.

python android_demo/test_vectors/make_brush_vectors.py [OUT.json]

`exact` are results that the app must have to the bit; those of `upsampled`, `sharpened` and `refined`
may be a level apart, since sums of floats depend on their order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from export.conversion.gpu_check import GPU_BOUNDS
from export.photos.brushstrokes import (
    CANVAS,
    broad_sizes,
    canvas_sizes,
    refined,
    sharpen_strokes,
)
from export.photos.guided_upsampling import upsample
from export.photos.resampling import resized
from export.photos.stylize_job import _working_size
from export.photos.translator import Translator

# Recorded working size, brush, height, width: smaller, equal, larger by less and by more than may
# be enlarged, elongated, one pixel, brushes that don't divide evenly.
_SIZES = (
    (256, 1, 3000, 4000),
    (256, 0.7, 3000, 4000),
    (256, 1.4, 480, 640),
    (256, 4, 480, 641),
    (256, 1, 256, 192),
    (256, 1, 200, 171),
    (256, 1, 170, 100),
    (256, 0.5, 341, 340),
    (256, 2, 100, 4000),
    (320, 0.7, 90, 7),
    (5, 4, 1, 1),
    (512, 1, 1, 3000),
)
# Height, width, new height, new width.
_RESIZED = ((31, 45, 10, 14), (31, 45, 30, 44), (7, 9, 10, 13), (40, 3, 20, 2), (5, 5, 1, 1))
# Height, width, reduced height and width, strength: a scale of more than 2, of nearly 1, different
# along the axes, one row.
_UPSAMPLED = (
    (57, 76, 24, 32, 1.0),
    (40, 31, 39, 30, 0.4),
    (64, 20, 16, 19, 1.0),
    (12, 90, 4, 30, 0.75),
    (3, 40, 1, 13, 1.0),
)
# Height and width of translations: none, one and more canvases, tall, elongated, larger than one.
_CANVASES = (
    (768, 1024),
    (600, 950),
    (512, 683),
    (192, 256),
    (256, 144),
    (64, 1024),
    (21, 85),
    (1, 3),
    (1200, 900),
)
# Height and width of a small picture, and of the same enlarged.
_SHARPENED = (
    (48, 60, 48, 60),
    (24, 30, 48, 60),
    (40, 12, 70, 21),
    (1, 1, 1, 1),
    (1, 20, 1, 40),
    (5, 2, 9, 3),
)


# Height and width of translations: all broad sizes, halves to the even one, one, none, elongated.
_BROAD = ((384, 512), (153, 225), (96, 96), (95, 128), (56, 80), (55, 200), (64, 1024), (1, 3))
# Height and width.
_REFINED = ((40, 56), (1, 1), (1, 30), (9, 2))


def main(out: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = {
        "sizes": [_size(*case) for case in _SIZES],
        "exact": [_resized(_picture(rng, *case[:2]), *case[2:]) for case in _RESIZED],
        "upsampled": [_upsampled(rng, *case) for case in _UPSAMPLED],
        "canvas": CANVAS,
        "canvases": [_canvases(*case) for case in _CANVASES],
        "sharpened": [_sharpened(rng, *case) for case in _SHARPENED],
        "broad": [
            {"translated": list(size), "sizes": list(map(list, broad_sizes(*size)))}
            for size in _BROAD
        ],
        "refined": [_refined(rng, *case) for case in _REFINED],
        "bounds": {
            name: {"psnr_db": bound.psnr_db, "max_levels": bound.max_levels}
            for name, bound in GPU_BOUNDS.items()
        },
    }
    out.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


def _size(recorded: int, brush: float, height: int, width: int) -> dict:
    size = _working_size("", recorded, brush)
    translated = Translator._translated_size(SimpleNamespace(working_size=size), height, width)
    return {
        "recorded": recorded,
        "brush": brush,
        "photo": [height, width],
        "working_size": size,
        "translated": list(translated[:2]),
    }


def _resized(picture: np.ndarray, height: int, width: int) -> dict:
    return {"photo": _packed(picture), "result": _packed(resized(picture, height, width))}


def _upsampled(rng, height: int, width: int, tall: int, wide: int, strength: float) -> dict:
    """A "translation" that shifts colours and flattens them to a few levels."""
    photo = _picture(rng, height, width)
    reduced = resized(photo, tall, wide)
    translated = (reduced[..., ::-1] // 48 * 48 + 20).astype(np.uint8)
    result = photo.copy()
    upsample(result, reduced, translated, strength, threads=1)
    return {
        "photo": _packed(photo),
        "reduced": _packed(reduced),
        "translated": _packed(translated),
        "strength": strength,
        "result": _packed(result),
    }


def _canvases(height: int, width: int) -> dict:
    enlargement = CANVAS / max(height, width)
    sizes = canvas_sizes(height, width, enlargement)
    return {
        "translated": [height, width],
        "enlargement": enlargement,
        "sizes": [list(size) for size in sizes],
    }


def _sharpened(rng, height: int, width: int, tall: int, wide: int) -> dict:
    picture = resized(_picture(rng, height, width), tall, wide)
    photo = resized(_picture(rng, height, width), tall, wide)
    photo[:, wide // 2 :] = 90  # no details
    result = picture.copy()
    sharpen_strokes(result, photo, threads=1)
    return {"picture": _packed(picture), "photo": _packed(photo), "result": _packed(result)}


def _refined(rng, height: int, width: int) -> dict:
    """A photo with an edge in a flat area at its left, and ever more contrast to the right."""
    broad, fine, photo = (_picture(rng, height, width) for _ in range(3))
    contrast = np.linspace(0, 1, width)[:, None] ** 2
    flat = np.where(np.arange(width) < width // 4, 40.0, 170.0)[:, None]
    photo = (flat + contrast * (photo - flat)).astype(np.uint8)
    result = refined(broad, fine, photo)
    pictures = {"broad": broad, "fine": fine, "photo": photo, "result": result}
    return {name: _packed(picture) for name, picture in pictures.items()}


def _picture(rng, height: int, width: int) -> np.ndarray:
    """uint8 [height, width, 3]: slopes, an edge and noise."""
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([x * 255 / width, y * 255 / height, 128 + 60 * np.sin(x / 5)], -1)
    edge = 50 * ((x // 9 + y // 7) % 2)[..., None]
    return (slopes + edge + rng.normal(0, 12, slopes.shape)).clip(0, 255).astype(np.uint8)


def _packed(picture: np.ndarray) -> dict:
    height, width = picture.shape[:2]
    return {"height": height, "width": width, "pixels": picture.tobytes().hex()}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("brush.json"))
