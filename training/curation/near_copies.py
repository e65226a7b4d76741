"""Whether pictures are copies: at another size, compressed again, or with some of the edge cut off.

A hash alone can't recognise the last: cutting 5 % off two sides changes as many bits as there are
between some pairs of different photographs. So the hash only proposes candidates, and the
correlation of one small picture with the other decides.
"""

from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from tf_i2i.data.screening import HASH_BITS

# A copy that lost 5 % at two or at four sides: up to 34 bits of 128 on 158 photographs.
_CANDIDATE_BITS = 36
# Correlation there: 0.944 and more for copies, 0.79 and less for different pictures.
_MIN_SIMILARITY = 0.9
_SIDE = 128
_MIN_PART, _PART_STEP = 0.88, 0.01
# Standard deviation (levels) of a flat tone, which correlates with anything.
_FLAT = 2.0


class View(NamedTuple):
    """What is compared of a picture."""

    hash: int  # `difference_hash`
    pixels: int  # at full size: of copies the largest stays
    small: np.ndarray  # uint8 [h, w], `small_grey`
    bytes: int = 0  # of its file: of copies of one size the least compressed stays


def small_grey(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] RGB to uint8 [h, w] grey, the longer side 128 pixels."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Largest correlation (-1 to 1) of two `small_grey` pictures, each taken for the other after a
    cut of up to 12 % of its width and height. 0 where one is a flat tone.
    """
    if min(a.std(), b.std()) < _FLAT:
        return 0.0
    a, b = a.astype(np.float32), b.astype(np.float32)
    return max(_best_fit(a, b), _best_fit(b, a))


def _best_fit(whole: np.ndarray, part: np.ndarray) -> float:
    """Correlation of `part`, what a cut left of `whole`, with the place that it fits best."""
    height, width = whole.shape
    # The share of the height follows from that of the width, as nothing is stretched.
    aspect = (width / height) / (part.shape[1] / part.shape[0])
    best = -1.0
    for across in np.arange(1.0, _MIN_PART - 1e-6, -_PART_STEP):
        down = across * aspect
        if not _MIN_PART <= down <= 1 + 2 * _PART_STEP:
            continue
        size = (max(4, round(across * width)), max(4, min(height, round(down * height))))
        resized = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        score = float(cv2.matchTemplate(whole, resized, cv2.TM_CCOEFF_NORMED).max())
        best = max(best, score) if np.isfinite(score) else best
    return best


def near_copies(pictures: Mapping[str, View]) -> dict[str, tuple[str, float]]:
    """Which pictures to leave out so that no two of the others are copies: name -> (name of the one
    that stays for it, their similarity). Of copies the one with the most pixels stays, among equals
    that with the most bytes, then the one whose name sorts first.
    """
    order = sorted(pictures, key=lambda name: (-pictures[name].pixels, -pictures[name].bytes, name))
    hashes = b"".join(pictures[name].hash.to_bytes(HASH_BITS // 8, "big") for name in order)
    # Bits as -1 and 1: their dot product is the number of equal bits less that of different ones.
    bits = np.unpackbits(np.frombuffer(hashes, np.uint8)).reshape(-1, HASH_BITS)
    signs = bits.astype(np.float32) * 2 - 1
    stays = np.zeros(len(order), bool)
    copies = {}
    for number, name in enumerate(tqdm(order, "comparing", unit="picture", delay=1)):
        distances = (HASH_BITS - signs[:number] @ signs[number]) / 2
        candidates = np.flatnonzero(stays[:number] & (distances <= _CANDIDATE_BITS))
        for other in candidates[np.argsort(distances[candidates], kind="stable")]:
            score = similarity(pictures[order[other]].small, pictures[name].small)
            if score >= _MIN_SIMILARITY:
                copies[name] = (order[other], round(score, 3))
                break
        else:
            stays[number] = True
    return copies
