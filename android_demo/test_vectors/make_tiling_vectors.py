"""Writes tiling.json: photos, tilings and what export.photos.tiling makes of them, for the test of the
app's own tiling.

python android_demo/test_vectors/make_tiling_vectors.py [OUT.json]

The stand-in for a network is exact in whole numbers: each channel of output pixel (y, x) is
(2 in[y, x] + in[min(y + reach, height - 1), x] + in[y, max(x - reach, 0)]) // 4, all inside the
tile. It sees no further than the margin, so a wrong halo, grid or mirror changes the result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from export.photos.tiling import Tiling, mirrored_indices

# Tile height, tile width, margin, photo height, photo width, strength: photos smaller than a tile,
# one that fits exactly, one pixel more, one row, one column, a single pixel, no margin, and tiles
# that are not square.
_CASES = (
    (24, 24, 4, 9, 7, 1.0),
    (24, 24, 4, 16, 32, 1.0),
    (24, 24, 4, 17, 33, 1.0),
    (24, 24, 8, 40, 25, 1.0),
    (16, 28, 4, 31, 45, 0.37),
    (24, 24, 4, 37, 29, 0.5),
    (20, 20, 4, 1, 30, 1.0),
    (20, 20, 4, 30, 1, 0.25),
    (12, 12, 4, 1, 1, 1.0),
    (16, 16, 0, 40, 10, 0.8),
    (24, 24, 4, 26, 26, 0.0),
)
_MIRRORED = ((-7, 27, 10), (-3, 9, 2), (-5, 12, 1), (0, 8, 3))


def main(out: Path) -> None:
    vectors = {
        "mirrored": [
            {
                "start": start,
                "length": length,
                "indices": mirrored_indices(start, count, length).tolist(),
            }
            for start, count, length in _MIRRORED
        ],
        "tilings": [_case(*case, seed) for seed, case in enumerate(_CASES)],
    }
    out.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


def _case(
    height: int, width: int, margin: int, tall: int, wide: int, strength: float, seed: int
) -> dict:
    photo = np.random.default_rng(seed).integers(0, 256, (tall, wide, 3), np.uint8)
    tiling, result = Tiling(height, width, margin), photo.copy()
    rows, columns = tiling.grid(tall, wide)
    tiling.translate(result, [lambda tile: stand_in(tile, margin)], strength)
    return {
        "tile_height": height,
        "tile_width": width,
        "margin": margin,
        "reach": margin,
        "strength": strength,
        "photo_height": tall,
        "photo_width": wide,
        "rows": rows,
        "columns": columns,
        "photo": photo.tobytes().hex(),
        "result": result.tobytes().hex(),
    }


def stand_in(tile: np.ndarray, reach: int) -> np.ndarray:
    """uint8 [H, W, 3] to the same; see above."""
    wide = tile.astype(np.int64)
    below = wide[np.minimum(np.arange(len(wide)) + reach, len(wide) - 1)]
    left = wide[:, np.maximum(np.arange(wide.shape[1]) - reach, 0)]
    return ((2 * wide + below + left) // 4).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("tiling.json"))
