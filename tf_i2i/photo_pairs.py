"""One photograph to one pair of cartoon and photo, or the reason why it is left out.

Nothing here knows about folders of results or about other pictures, so any runner can spread
pictures over processes or
machines: `make_pair` a picture, then `duplicates_among` once over the features of those that
    passed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_i2i.cartoon_styles import STYLES
from tf_i2i.faces import DETECTION_SIDE, face_ratio
from tf_i2i.images import MAX_ELONGATION, picture_size, read_image, resize_short_side
from tf_i2i.picture_filters import difference_hash, mean_chroma, near_duplicates

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
        chroma: mean distance from grey, `tf_i2i.picture_filters.mean_chroma`.
        face_ratio: side of the largest frontal face over the shorter side, 0 (none found) to 1.
        hash: `tf_i2i.picture_filters.difference_hash` in 32 hexadecimal digits.
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


@dataclass(frozen=True)
class Drawing:
    """How the cartoon is made.

    Attributes:
        style: a key of `tf_i2i.cartoon_styles.STYLES`.
        strengths: (keyword, value) pairs for that style; what is not named keeps the style's
            default.
        size: shorter side in pixels that the photo is resized to first, so that outlines have one
            width; None: as is.
    """

    style: str = "cartoon"
    strengths: tuple[tuple[str, float], ...] = ()
    size: int | None = None


class Dropped(NamedTuple):
    """Why a picture is left out: one of DROP_REASONS, and what was measured."""

    reason: str
    detail: str


class Pair(NamedTuple):
    """uint8 [H, W, 3] RGB of one shape each."""

    cartoon: np.ndarray
    photo: np.ndarray


def measure(file: str | Path | bytes) -> Features:
    """Measures a picture, given as its path or as its encoded bytes.

    Raises:
        UnreadableImage: it can't be decoded.
    """
    width, height = picture_size(_opened(file))
    return features_of(
        read_image(_opened(file), max_side=MAX_ELONGATION * DETECTION_SIDE), width, height
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


def draw(file: str | Path | bytes, drawing: Drawing) -> Pair:
    """Makes the pair of a picture, given as its path or as its encoded bytes.

    Raises:
        UnreadableImage: it can't be decoded.
    """
    photo = read_image(
        _opened(file), max_side=MAX_ELONGATION * drawing.size if drawing.size else None
    )
    if drawing.size:
        photo = resize_short_side(photo, drawing.size)
    return Pair(STYLES[drawing.style](photo, **dict(drawing.strengths)), photo)


def make_pair(
    file: str | Path | bytes, drawing: Drawing, limits: Limits
) -> tuple[Features, Pair | Dropped]:
    """Measures a picture and makes its pair unless `limits` leave it out.

    Raises:
        UnreadableImage: it can't be decoded.
    """
    features = measure(file)
    return features, drop_reason(features, limits) or draw(file, drawing)


def _opened(file: str | Path | bytes):
    return io.BytesIO(file) if isinstance(file, bytes) else file
