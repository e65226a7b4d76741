"""Whether a picture is painted in colours, printed in one, or drawn on paper."""

from typing import NamedTuple

import cv2
import numpy as np

from tf_i2i.data.image_files import resize_short_side

# Small: the noise of JPEG and scanner, and the grain of paper, average out.
_SIDE = 64
_NUM_TONES = 24
# CIE L*: in black, chroma is rounding errors.
_MIN_LIGHTNESS = 15.0
# CIE L*, a* and b* of paper: white to brown, grey, pale green or blue, not a sky's or a lake's. Most
# of a sheet is as even as the range.
_PAPER_LEAST, _PAPER_MOST, _PAPER_RANGE = (58, -11, -8), (100, 25, 45), 10.0
_EDGE = 1 / 8


class Tones(NamedTuple):
    """What `measure_tones` finds, all rounded to two digits."""

    # Percentiles over the pixels of 100 * (distance from the tone curve in the a*-b* plane) / L*.
    stray_75: float
    stray_98: float
    # Smallest of four shares, 0 to 1: how much of each side's edge is paper; 0 without paper.
    paper: float


def measure_tones(image: np.ndarray) -> Tones:
    """Measures uint8 RGB [H, W, 3] of any size.

    The tone curve is the median a* and b* of each lightness. All of a grey picture, a sepia print,
    a duotone or a pencil drawing on toned paper is near its curve, however strong the tint; a
    painting of few or faint colours is not. Distances are relative to lightness, as CIELUV's
    saturation is: dark pictures have little chroma, but not for lack of colours.
    """
    small = resize_short_side(image, min(_SIDE, *image.shape[:2]))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lightness, chroma = lab[..., 0].ravel(), lab[..., 1:].reshape(-1, 2)
    tones = np.array_split(np.argsort(lightness, kind="stable"), min(_NUM_TONES, lightness.size))
    levels = [np.median(lightness[tone]) for tone in tones]
    medians = np.array([np.median(chroma[tone], axis=0) for tone in tones])
    curve = [np.interp(lightness, levels, median) for median in medians.T]
    stray = np.hypot(*(chroma.T - curve)) * 100 / (lightness + _MIN_LIGHTNESS)
    values = (*np.percentile(stray, (75, 98)), _paper_around(lab))
    return Tones(*(round(float(value), 2) for value in values))


def _paper_around(lab: np.ndarray) -> float:
    """The smallest share of paper on the four sides; 0 where the commonest tone can't be paper."""
    lightness = np.minimum(lab[..., 0], 100)
    counts = np.histogram(lightness, bins=20, range=(0, 100))[0]
    middle = 5.0 * (np.argmax(counts[1:] + counts[:-1]) + 1)
    paper = np.median(lab[np.abs(lightness - middle) <= 5], axis=0)
    if (paper < _PAPER_LEAST).any() or (paper > _PAPER_MOST).any():
        return 0.0
    is_paper = np.linalg.norm(lab - paper, axis=2) < _PAPER_RANGE
    deep = max(1, round(_EDGE * min(is_paper.shape)))
    sides = is_paper[:deep], is_paper[-deep:], is_paper[:, :deep], is_paper[:, -deep:]
    return min(side.mean() for side in sides)
