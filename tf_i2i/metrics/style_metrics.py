"""How far a stylisation went, and what it kept of the photo.

Pictures are uint8 RGB [H, W, 3]; a photo and its stylisation have one shape, 32 pixels per side or
more (ValueError otherwise).
"""

from typing import NamedTuple

import cv2
import numpy as np

from tf_i2i.metrics.fid_kid import kernel_distance, squared_mmd

# Shorter side at which structure is compared: of 256 pixels, strokes of up to 4 vanish.
_COARSE_SIDE = 64
# Of the blur before gradients, in pixels: noise is no detail, and an edge may move by one pixel.
_EDGE_SIGMA = 1.0


class Gap(NamedTuple):
    """closed, error: percent; error: a standard error by the choice of pictures, as KID's."""

    closed: float
    error: float


def gap_closed(outputs: np.ndarray, photos: np.ndarray, paintings: np.ndarray) -> Gap:
    """Share of the distance (KID) from photos to paintings that their stylisations have closed: 0 %
    for the photos themselves, 100 % for more paintings of the style, negative for what leads away.

    The floor, the distance of two halves of the paintings, is not measured: over all ways to halve
    them, an unbiased estimate is exactly 0 on average.

    Args:
        outputs, photos, paintings: features float [N, D], [N, D] and [M, D], 4 pictures or more.

    Raises:
        ValueError: other shapes, or by these features photos and paintings do not differ.
    """
    whole = squared_mmd(photos, paintings)
    if whole <= kernel_distance(photos, paintings).error:
        raise ValueError("by these features photos and paintings do not differ")
    rest, error = squared_mmd(outputs, paintings), kernel_distance(outputs, paintings).error
    return Gap(100 * (1 - rest / whole), 100 * error / whole)


def structure(photo: np.ndarray, output: np.ndarray) -> float:
    """Whether everything is where it was: SSIM (Wang et al. 2004) of the luma at a shorter side of
    64 pixels, -1 to 1. As a coarse scale of multi-scale SSIM (Wang et al. 2003), it does not see
    brushwork.
    """
    from skimage.metrics import structural_similarity  # imports much of SciPy

    return float(structural_similarity(*map(_coarse, _lumas(photo, output)), data_range=255))


def detail(photo: np.ndarray, output: np.ndarray) -> float:
    """Share of the photo's local contrast that is kept, 0 to 1: of each gradient of its luma, as
    much as the stylisation's own gradient there has along it.

    Weighted by the photo's gradients, as in the fusion measure of Xydeas and Petrovic 2000
    ("Objective image fusion performance measure"), but a projection in place of their sigmoids of
    strength and angle, so that equal pictures have 1. New strokes and more contrast add nothing;
    what is blurred, moved or reversed is missing. A flat photo keeps all.
    """
    (x, y), (new_x, new_y) = map(_gradients, _lumas(photo, output))
    length = np.hypot(x, y)
    total = length.sum()
    along = (x * new_x + y * new_y) / np.maximum(length, 1e-6)
    return float(np.clip(along, 0, length).sum() / total) if total else 1.0


def _lumas(photo: np.ndarray, output: np.ndarray) -> list[np.ndarray]:
    for image in (photo, output):
        if image.dtype != np.uint8 or image.shape != photo.shape or image.shape[2:] != (3,):
            shapes = f"{photo.dtype} {list(photo.shape)} and {output.dtype} {list(output.shape)}"
            raise ValueError(f"expected two uint8 pictures of one shape [H, W, 3], got {shapes}")
    if min(photo.shape[:2]) < 32:
        raise ValueError(f"32 pixels per side are needed, got {list(photo.shape)}")
    return [cv2.cvtColor(np.ascontiguousarray(i), cv2.COLOR_RGB2GRAY) for i in (photo, output)]


def _coarse(luma: np.ndarray) -> np.ndarray:
    height, width = luma.shape
    scale = min(1.0, _COARSE_SIDE / min(height, width))
    size = round(width * scale), round(height * scale)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA)


def _gradients(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    smooth = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), _EDGE_SIGMA)
    return tuple(np.gradient(smooth)[::-1])
