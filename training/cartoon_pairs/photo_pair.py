"""One photograph to one pair of cartoon and photo, or the reason why it is left out.

Nothing here knows about folders of results or about other pictures, so any runner can spread
pictures over processes or
machines: `make_pair` a picture, then `duplicates_among` once over the features of those that
    passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.image_files import MAX_ELONGATION, read_image, resize_short_side
from tf_i2i.data.screening import (
    Dropped,
    Features,
    Limits,
    drop_reason,
    measure,
    open_picture,
)


@dataclass(frozen=True)
class Drawing:
    """How the cartoon is made.

    Attributes:
        style: a key of `tf_i2i.data.cartoon_styles.STYLES`.
        strengths: (keyword, value) pairs for that style; what is not named keeps the style's
            default.
        size: shorter side in pixels that the photo is resized to first, so that outlines have one
            width; None: as is.
    """

    style: str = "cartoon"
    strengths: tuple[tuple[str, float], ...] = ()
    size: int | None = None


class Pair(NamedTuple):
    """uint8 [H, W, 3] RGB of one shape each."""

    cartoon: np.ndarray
    photo: np.ndarray


def draw(file: str | Path | bytes, drawing: Drawing) -> Pair:
    """Makes the pair of a picture, given as its path or as its encoded bytes.

    Raises:
        UnreadableImage: it can't be decoded.
    """
    photo = read_image(
        open_picture(file), max_side=MAX_ELONGATION * drawing.size if drawing.size else None
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
