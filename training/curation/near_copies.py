"""Whether two pictures are copies of one another, be it at another size, compressed anew or with
some of the edge cut off.

A hash alone can't tell the last: cutting 5 % off two sides changes as many bits as there are
between some pairs of different photographs. So the hash only proposes, and laying one small picture
over the other decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from tf_i2i.data.screening import HASH_BITS

# A copy that lost 5 % at two or at four sides: up to 34 bits of 128 on 158 photographs.
CANDIDATE_BITS = 36


# Correlation there: 0.944 and more for copies, 0.79 and less for different pictures.
ALIKE = 0.9


_SIDE = 128


_LEAST_PART, _STEP = 0.88, 0.01


# Standard deviation (levels) under which a picture is one flat tone, which correlates with
# anything.
_FLAT = 2.0


class View(NamedTuple):
    """What is compared of a picture.

    Attributes:
        hash: `tf_i2i.data.screening.difference_hash`.
        pixels: of the picture at full size: of copies the largest stays.
        small: uint8 [h, w], `small_grey`.
        bytes: of its file: of copies of one size the one that is least compressed stays.
    """

    hash: int
    pixels: int
    small: np.ndarray
    bytes: int = 0


def small_grey(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] RGB to uint8 [h, w] grey, the longer side 128 pixels."""
    import cv2

    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return cv2.resize(
        cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY),
        size,
        interpolation=cv2.INTER_AREA,
    )


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Largest correlation (-1 to 1) of two `small_grey` pictures over all ways to lay one into the
    other that leave out 12 % or less of its width and height. 0 where one is a flat tone."""
    if min(one.std(), other.std()) < _FLAT:
        return 0.0
    one, other = one.astype(np.float32), other.astype(np.float32)
    return max(_best_inside(one, other), _best_inside(other, one))


def near_copies(
    pictures: Mapping[str, View],
    bits: int = CANDIDATE_BITS,
    progress: Callable[[list[str]], Iterable[str]] = lambda names: names,
) -> dict[str, tuple[str, float]]:
    """Chooses which pictures to leave out so that no two that stay are copies. Independent of the
    order.

    Args:
        bits: hashes that differ in more are not compared any further; 0 to 128.
        progress: wraps the iteration over all names.

    Returns:
        Name of each picture to leave out -> (name of the one that stays for it, their likeness). Of
        copies the one with the most pixels stays, among equals that with the most bytes, then the
        one whose name sorts first.
    """
    order = sorted(pictures, key=lambda name: (-pictures[name].pixels, -pictures[name].bytes, name))
    codes = np.array(
        [
            np.frombuffer(pictures[name].hash.to_bytes(HASH_BITS // 8, "big"), np.uint8)
            for name in order
        ]
    )
    staying: list[int] = []
    left_out: dict[str, tuple[str, float]] = {}
    for number, name in enumerate(progress(order)):
        apart = (
            _BITS[codes[staying] ^ codes[number]].sum(axis=1, dtype=np.int64)
            if staying
            else np.array([])
        )
        for place in np.argsort(apart, kind="stable"):
            if apart[place] > bits:
                staying.append(number)
                break
            kept = order[staying[place]]
            found = likeness(pictures[kept].small, pictures[name].small)
            if found >= ALIKE:
                left_out[name] = (kept, round(found, 3))
                break
        else:
            staying.append(number)
    return left_out


_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint8)


def _best_inside(whole: np.ndarray, part: np.ndarray) -> float:
    """Correlation of `part` with the place of `whole` that it fits best, part being what is left of
    it after a cut.
    """
    import cv2

    height, width = whole.shape
    # How much of the height is left follows from how much of the width is, as nothing is stretched.
    squeezed = (width / height) / (part.shape[1] / part.shape[0])
    best = -1.0
    for across in np.arange(1.0, _LEAST_PART - 1e-6, -_STEP):
        down = across * squeezed
        if not _LEAST_PART <= down <= 1 + 2 * _STEP:
            continue
        size = (max(4, round(across * width)), max(4, min(height, round(down * height))))
        laid = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        found = cv2.matchTemplate(whole, laid, cv2.TM_CCOEFF_NORMED).max()
        best = max(best, float(found) if np.isfinite(found) else -1.0)
    return best
