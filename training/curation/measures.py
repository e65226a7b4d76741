"""What is measured of one picture, in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import UnreadableImage, picture_size, read_image, resize_short_side
from tf_i2i.data.screening import Features, features_of
from training.curation.near_copies import View, small_grey
from training.curation.scans import Box, inner_box, text_share

# Enough for small letters; a JPEG is reduced while it is decoded.
_SIDE = 1024


_COLOUR_SIDE = 64


_FRAMED = 0.9


@dataclass(frozen=True)
class Colours:
    """CIE L*a*b* over a picture: means, standard deviation of L* (contrast), mean distance from
    grey (chroma), and its mean colour as RGB, 0..255."""

    lightness: float
    green_red: float
    blue_yellow: float
    contrast: float
    chroma: float
    mean_rgb: tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """One picture, its margins already left out.

    Attributes:
        features: size, chroma, face and hash, as training.cartoonize measures them.
        small: uint8 [h, w], for the comparison with others.
        text: `training.curation.scans.text_share`.
        whole: (width, height) in pixels, with margins.
        box: what is left without margins, in pixels of the whole picture; None where it has none.
        colours: see there.
        bytes: of the file.
    """

    features: Features
    small: np.ndarray
    text: float
    whole: tuple[int, int]
    box: Box | None
    colours: Colours
    bytes: int

    @property
    def view(self) -> View:
        # Of two copies as good as equal in size, the one that never had margins has nothing left of
        # them.
        pixels = round(self.features.width * self.features.height * (_FRAMED if self.box else 1))
        return View(int(self.features.hash, 16), pixels, self.small, self.bytes)


def look_at(file: Path, trim: bool) -> Look | str:
    """Measures a picture; returns why it can't be read instead (this exception does not travel
    between processes).
    """
    try:
        width, height = picture_size(file)
        image = read_image(file, max_side=_SIDE)
    except UnreadableImage as error:
        return error.reason
    whole, text, box = (width, height), text_share(image), None
    if trim:
        inner = inner_box(image)
        if inner != (0, 0, *image.shape[:2]):
            box = scaled_box(inner, image.shape[:2], (height, width))
            image = image[inner.top : inner.bottom, inner.left : inner.right]
            width, height = box.right - box.left, box.bottom - box.top
    return Look(
        features_of(image, width, height),
        small_grey(image),
        text,
        whole,
        box,
        _colours(image),
        file.stat().st_size,
    )


def picture_within(file: Path, look: Look, max_side: int | None = None) -> np.ndarray:
    """The picture without its margins: uint8 [H, W, 3]. max_side: of the whole of it, as in
    `read_image`.

    Raises:
        UnreadableImage: it can't be decoded any more.
    """
    image = read_image(file, max_side)
    if look.box is None:
        return image
    box = scaled_box(look.box, look.whole[::-1], image.shape[:2])
    return image[box.top : box.bottom, box.left : box.right]


def scaled_box(box: Box, small: tuple[int, int], full: tuple[int, int]) -> Box:
    """A box found in a picture of (height, width) `small`, in that of `full`, without what lies
    across its edge.
    """
    down, across = full[0] / small[0], full[1] / small[1]
    return Box(
        int(np.ceil(box.top * down)),
        int(np.ceil(box.left * across)),
        int(box.bottom * down),
        int(box.right * across),
    )


def _colours(image: np.ndarray) -> Colours:
    import cv2

    small = resize_short_side(image, min(_COLOUR_SIDE, *image.shape[:2]))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    mean = lab.mean(axis=0)
    chroma = np.hypot(lab[:, 1], lab[:, 2]).mean()
    rgb = small.reshape(-1, 3).mean(axis=0)
    return Colours(
        *(round(float(v), 2) for v in (*mean, lab[:, 0].std(), chroma)),
        tuple(round(float(v)) for v in rgb),
    )
