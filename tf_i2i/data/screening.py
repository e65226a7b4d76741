"""Whether a picture is fit for a training set: size, colour, face, and near-duplicates.

Pure functions of pixels or of numbers; callers set the limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from tf_i2i.data.faces import DETECTION_SIDE, face_ratio
from tf_i2i.data.image_files import resize_short_side

HASH_BITS = 128
_CHROMA_SIDE = 64
# Levels of 255; without it the bits of flat areas are those of rounding errors.
_MIN_BRIGHTER = 0.5

UNREADABLE = "unreadable"
TOO_SMALL, GREY = "too small", "near-grey"
NO_FACE, DUPLICATE = "no face or too small a face", "near-duplicate"
DROP_REASONS = (TOO_SMALL, GREY, NO_FACE, DUPLICATE)


def mean_chroma(image: np.ndarray) -> float:
    """Mean distance from neutral in the Cb-Cr plane, at a reduced size to average out noise.

    Of uint8 RGB [H, W, 3], in levels, 0 to about 150. A grey picture has 0 to 1, a scan or JPEG of
    one up to 3, colour photographs 5 to 40. A toned picture (sepia) counts as coloured.
    """
    small = resize_short_side(image, min(_CHROMA_SIDE, *image.shape[:2]))
    chroma = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float64) - 128
    return float(np.hypot(chroma[..., 0], chroma[..., 1]).mean())


def difference_hash(image: np.ndarray) -> int:
    """128 bits of uint8 RGB [H, W, 3] that hardly change with size or compression.

    Each bit says whether one cell of a coarse grey grid is brighter than its left (64 bits) or
    upper (64 bits) neighbour. After Krawetz' dHash, in both directions: smooth pictures with one
    gradient then stay apart.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
    across = np.diff(cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA), axis=1)
    down = np.diff(cv2.resize(grey, (8, 9), interpolation=cv2.INTER_AREA), axis=0)
    bits = np.concatenate([across.ravel(), down.ravel()]) > _MIN_BRIGHTER
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """Number of bits in which two hashes differ."""
    return (a ^ b).bit_count()


@dataclass(frozen=True)
class Features:
    """What is measured of one picture; no option changes it."""

    width: int  # pixels at full size, upright
    height: int
    chroma: float  # `mean_chroma`
    face_ratio: float  # side of the largest frontal face over the shorter side, 0 (none) to 1
    hash: str  # `difference_hash` in 32 hexadecimal digits


@dataclass(frozen=True)
class Limits:
    """What a picture needs; 0 turns a limit off."""

    min_size: int = 64  # pixels of the shorter side
    min_chroma: float = 3.0
    min_face_ratio: float = 0.0


class Dropped(NamedTuple):
    """Why a picture is left out: a reason from a fixed set, and what was measured."""

    reason: str
    detail: str


def features_of(image: np.ndarray, width: int, height: int) -> Features:
    """Measures uint8 RGB [h, w, 3], of 192 pixels per side or more; width, height: at full size."""
    if min(image.shape[:2]) > DETECTION_SIDE:
        image = resize_short_side(image, DETECTION_SIDE)
    chroma, ratio = round(mean_chroma(image), 2), round(face_ratio(image), 4)
    return Features(width, height, chroma, ratio, f"{difference_hash(image):032x}")


def drop_reasons(
    pictures: Mapping[str, Features], limits: Limits, max_bits: int
) -> dict[str, Dropped]:
    """Which pictures to leave out, and why: beyond the limits, or near-duplicates among the others
    (max_bits -1: none). Independent of the order.
    """
    reasons = {name: drop_reason(features, limits) for name, features in pictures.items()}
    dropped = {name: reason for name, reason in reasons.items() if reason}
    if max_bits >= 0:
        passed = {name: pictures[name] for name in pictures if name not in dropped}
        dropped |= near_duplicates(passed, max_bits)
    return dropped


def drop_reason(features: Features, limits: Limits) -> Dropped | None:
    """Why a picture is beyond the limits; None where it is not."""
    width, height, ratio = features.width, features.height, features.face_ratio
    if min(width, height) < limits.min_size:
        size = f"{width}x{height} pixels, the shorter side is under {limits.min_size}"
        return Dropped(TOO_SMALL, size)
    if features.chroma < limits.min_chroma:
        return Dropped(GREY, f"mean chroma {features.chroma:.2f} is under {limits.min_chroma:g}")
    if ratio < limits.min_face_ratio:
        face = f"the largest face is {ratio:.3f} of it" if ratio else "no face found"
        return Dropped(NO_FACE, f"{face}, the minimum is {limits.min_face_ratio:g}")
    return None


def near_duplicates(pictures: Mapping[str, Features], max_bits: int) -> dict[str, Dropped]:
    """Which pictures to leave out so that no two of the others are similar, and why.

    Of similar pictures the one with the most pixels stays, among equals the one whose name sorts
    first. max_bits: hashes that differ in this many bits or fewer are similar; 0 to 32.
    """
    if not 0 <= max_bits <= HASH_BITS // 4:
        raise ValueError(f"max_bits must be from 0 to {HASH_BITS // 4}, not {max_bits}")
    # Hashes that differ in `max_bits` bits have at least one of max_bits + 1 slices in common: only
    # those are compared.
    edges = [round(HASH_BITS * i / (max_bits + 1)) for i in range(max_bits + 2)]
    hashes = {name: int(features.hash, 16) for name, features in pictures.items()}
    pixels = {name: features.width * features.height for name, features in pictures.items()}
    kept_with: dict[tuple[int, int], list[str]] = {}
    dropped = {}
    for name in sorted(pictures, key=lambda name: (-pixels[name], name)):
        code = hashes[name]
        slices = [(low, code >> low & (1 << high - low) - 1) for low, high in pairwise(edges)]
        candidates = {other for part in slices for other in kept_with.get(part, ())}
        distances = ((hamming(code, hashes[other]), other) for other in candidates)
        bits, nearest = min(distances, default=(HASH_BITS, ""))
        if bits <= max_bits:
            dropped[name] = Dropped(DUPLICATE, f"of {nearest}, {bits} bits apart")
            continue
        for part in slices:
            kept_with.setdefault(part, []).append(name)
    return dropped
