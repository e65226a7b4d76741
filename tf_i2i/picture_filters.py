"""What makes a picture unfit for a training set, measured: greyness, and likeness to another
picture.

Pure functions of pixels or of numbers; who uses them sets the limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from tf_i2i.images import resize_short_side

HASH_BITS = 128
_CHROMA_SIDE = 64
# Levels of 255; without it the bits of flat areas are those of rounding errors.
_BRIGHTER = 0.5


def mean_chroma(image: np.ndarray) -> float:
    """How far the colours are from grey: mean distance from neutral in the Cb-Cr plane.

    A grey picture has 0 to 1, a scan or JPEG of one up to 3, colour photographs 5 to 40. A toned
    picture (sepia) counts as coloured. Taken at a reduced size, so that noise in the colours
    averages out.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        Levels, 0 to about 150.
    """
    import cv2

    small = resize_short_side(image, min(_CHROMA_SIDE, *image.shape[:2]))
    chroma = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float64) - 128
    return float(np.hypot(chroma[..., 0], chroma[..., 1]).mean())


def difference_hash(image: np.ndarray) -> int:
    """A number of 128 bits that hardly changes when a picture is resized, recompressed or slightly
    corrected.

    Each bit says whether one cell of a coarse grey grid is brighter than its left (64 bits) or
    upper (64 bits) neighbour. After Krawetz' dHash, in both directions: smooth pictures with one
    gradient then stay apart.

    Args:
        image: uint8 [H, W, 3], RGB.
    """
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    across = np.diff(cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA), axis=1) > _BRIGHTER
    down = np.diff(cv2.resize(grey, (8, 9), interpolation=cv2.INTER_AREA), axis=0) > _BRIGHTER
    return int.from_bytes(
        np.packbits(np.concatenate([across.ravel(), down.ravel()])).tobytes(), "big"
    )


def hamming(a: int, b: int) -> int:
    """In how many bits two hashes differ."""
    return (a ^ b).bit_count()


def near_duplicates(
    pictures: Mapping[str, tuple[int, int]], bound: int
) -> dict[str, tuple[str, int]]:
    """Chooses which pictures to leave out so that no two that stay are alike.

    The answer depends on what is in `pictures`, not on its order: of pictures that are alike the
    one with the most pixels stays, among equals the one whose name sorts first.

    Args:
        pictures: name -> (difference_hash, number of pixels).
        bound: hashes that differ in this many bits or fewer are alike; 0 to 32.

    Returns:
        Name of each picture to leave out -> (name of the one that stays for it, bits they differ
        in).
    """
    if not 0 <= bound <= HASH_BITS // 4:
        raise ValueError(f"bound must be from 0 to {HASH_BITS // 4}, not {bound}")
    # Hashes that differ in `bound` bits have at least one of bound + 1 slices in common: only those
    # are compared.
    edges = [round(HASH_BITS * i / (bound + 1)) for i in range(bound + 2)]
    staying: dict[tuple[int, int], list[str]] = {}
    left_out: dict[str, tuple[str, int]] = {}
    for name in sorted(pictures, key=lambda one: (-pictures[one][1], one)):
        code = pictures[name][0]
        slices = [
            (i, code >> low & (1 << high - low) - 1)
            for i, (low, high) in enumerate(pairwise(edges))
        ]
        candidates = {other for part in slices for other in staying.get(part, ())}
        distance, other = min(
            ((hamming(code, pictures[one][0]), one) for one in candidates), default=(HASH_BITS, "")
        )
        if distance <= bound:
            left_out[name] = (other, distance)
            continue
        for part in slices:
            staying.setdefault(part, []).append(name)
    return left_out
