"""What makes a picture unfit for a training set, measured: greyness, and likeness to another
picture.

Pure functions of pixels or of numbers; who uses them sets the limits.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_i2i.data.faces import DETECTION_SIDE, face_ratio
from tf_i2i.data.image_files import MAX_ELONGATION, picture_size, read_image, resize_short_side

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


TOO_SMALL, GREY, NO_FACE, DUPLICATE = (
    "too small",
    "near-grey",
    "no face or too small a face",
    "near-duplicate",
)


DROP_REASONS = (TOO_SMALL, GREY, NO_FACE, DUPLICATE)


@dataclass(frozen=True)
class Features:
    """What is measured of one picture; no option changes it.

    Attributes:
        width, height: pixels at full size, as the picture is to be seen.
        chroma: mean distance from grey, `tf_i2i.data.screening.mean_chroma`.
        face_ratio: side of the largest frontal face over the shorter side, 0 (none found) to 1.
        hash: `tf_i2i.data.screening.difference_hash` in 32 hexadecimal digits.
    """

    width: int
    height: int
    chroma: float
    face_ratio: float
    hash: str


@dataclass(frozen=True)
class Limits:
    """What a picture needs in order not to be dropped; 0 turns a limit off.

    Attributes:
        min_size: pixels of the shorter side.
        min_chroma: mean distance from grey, levels.
        min_face_ratio: side of the largest face over the shorter side.
    """

    min_size: int = 64
    min_chroma: float = 3.0
    min_face_ratio: float = 0.0


class Dropped(NamedTuple):
    """Why a picture is left out: one of DROP_REASONS, and what was measured."""

    reason: str
    detail: str


def measure(file: str | Path | bytes) -> Features:
    """Measures a picture, given as its path or as its encoded bytes.

    Raises:
        UnreadableImage: it can't be decoded.
    """
    width, height = picture_size(open_picture(file))
    return features_of(
        read_image(open_picture(file), max_side=MAX_ELONGATION * DETECTION_SIDE), width, height
    )


def features_of(small: np.ndarray, width: int, height: int) -> Features:
    """The features of a picture that is already decoded: uint8 [h, w, 3] RGB, at any size from 192
    pixels a side on, of a picture that has width x height pixels at full size."""
    if min(small.shape[:2]) > DETECTION_SIDE:
        small = resize_short_side(small, DETECTION_SIDE)
    return Features(
        width,
        height,
        chroma=round(mean_chroma(small), 2),
        face_ratio=round(face_ratio(small), 4),
        hash=f"{difference_hash(small):032x}",
    )


def drop_reason(features: Features, limits: Limits) -> Dropped | None:
    """Why `limits` leave a picture out, None where they do not. Near-duplicates are another step:
    they need all pictures.
    """
    if min(features.width, features.height) < limits.min_size:
        return Dropped(
            TOO_SMALL,
            f"{features.width}x{features.height} pixels, the shorter side is under {limits.min_size}",
        )
    if features.chroma < limits.min_chroma:
        return Dropped(GREY, f"mean chroma {features.chroma:.2f} is under {limits.min_chroma:g}")
    if features.face_ratio < limits.min_face_ratio:
        found = (
            f"the largest face is {features.face_ratio:.3f} of it"
            if features.face_ratio
            else "no face found"
        )
        return Dropped(NO_FACE, f"{found}, wanted {limits.min_face_ratio:g}")
    return None


def duplicates_among(passed: Mapping[str, Features], bound: int) -> dict[str, Dropped]:
    """Which of the pictures that passed the limits are near-duplicates of others; independent of
    their order.

    Args:
        passed: name -> features.
        bound: bits of 128 that near-duplicates may differ in.

    Returns:
        Name of each picture to leave out -> why, with the name of the one that stays.
    """
    alike = near_duplicates(
        {n: (int(f.hash, 16), f.width * f.height) for n, f in passed.items()}, bound
    )
    return {
        name: Dropped(DUPLICATE, f"of {kept}, {bits} bits apart")
        for name, (kept, bits) in alike.items()
    }


def open_picture(file: str | Path | bytes):
    return io.BytesIO(file) if isinstance(file, bytes) else file
