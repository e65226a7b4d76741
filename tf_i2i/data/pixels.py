"""Pixel values as pictures and as networks hold them, and crops of pictures."""

import math

import numpy as np
from PIL import Image

from tf_i2i.errors import UserError


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 RGB to float32 in [-1, 1]."""
    return images.astype(np.float32) / 127.5 - 1.0


def to_uint8(images) -> np.ndarray:
    """Float RGB in [-1, 1] to uint8, rounded and clipped."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def centre_crop(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle [height, width, C] of an image [H, W, C], a view."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def centre_square(image: np.ndarray, size: int | None = None) -> np.ndarray:
    """The middle size x size of an image [H, W, C], by default its largest square; a view."""
    size = size or min(image.shape[:2])
    return centre_crop(image, size, size)


def centre_multiple(image: np.ndarray, multiple: int, max_side: int | None = None) -> np.ndarray:
    """The middle of [H, W, C], its sides multiples of `multiple`, at most `max_side`.

    Raises UserError when a side is shorter than `multiple`.
    """
    height, width = (min(side, max_side or side) // multiple * multiple for side in image.shape[:2])
    if not height or not width:
        size = f"{image.shape[1]}x{image.shape[0]} pixels"
        raise UserError(f"a picture of {size}: this generator needs at least {multiple} per side")
    return np.ascontiguousarray(centre_crop(image, height, width))


def resize_square(image: np.ndarray, size: int) -> np.ndarray:
    """A square uint8 [S, S, 3] as [size, size, 3], by a Lanczos filter."""
    if image.shape[:2] == (size, size):
        return image
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))


def spread(total: int, count: int) -> list[int]:
    """Up to `count` of `total` indices, evenly over all of them."""
    return np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()


def window_starts(length: int, side: int, step: float) -> list[int]:
    """Where windows of `side` begin so that they cover `length`, at most `step` sides apart."""
    count = math.ceil((length - side) / (step * side)) + 1
    return [round(start) for start in np.linspace(0, length - side, count)]


def most_detailed_window(image: np.ndarray, side: int) -> tuple[float, int, int]:
    """(mean detail, top, left) of the window of uint8 [H, W, 3] whose neighbours differ most."""
    grey = image.astype(np.float64).mean(axis=2)
    edges = np.zeros_like(grey)
    edges[1:] += np.abs(np.diff(grey, axis=0))
    edges[:, 1:] += np.abs(np.diff(grey, axis=1))
    # A strong edge counts hardly more than a clear one: detail is the number of edges.
    sums = np.pad(np.minimum(edges, 40.0).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    totals = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(np.argmax(totals), totals.shape)
    return float(totals[top, left] / side**2), int(top), int(left)
