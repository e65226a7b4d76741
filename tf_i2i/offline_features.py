"""Features of pictures that need no trained network: texture statistics of a fixed bank of oriented
filters, and colour.

After Portilla and Simoncelli 2000, "A Parametric Texture Model Based on Joint Statistics of Complex
Wavelet Coefficients": how strong each orientation is at each scale, how that varies over the
picture, which orientations go together. They tell blur, noise, grids, strokes and false colours;
what a picture shows they do not tell.
"""

from __future__ import annotations

import functools

import numpy as np

# Part of the name that scores carry: change it with anything below.
VERSION = "offline-bank-1"
LEVELS, ORIENTATIONS = 4, 6
DIMENSIONS = 9 + LEVELS * (2 * ORIENTATIONS + ORIENTATIONS * (ORIENTATIONS - 1) // 2 + 2)
LEAST_SIDE = 32
# A response of this much (of 1) is faint; logarithms start there, so that noise of rounding counts
# for nothing.
_FAINT = 0.02
_WAVELENGTH, _SPREAD, _RADIUS = 4.0, 1.6, 4
# (typical value, spread) over photographs, rounded: standardised by them, no kind outweighs the
# others in a distance.
_LIGHTNESS = ((0.4, 0.12), (0.2, 0.06), (0.3, 0.8))
_OPPONENT = ((0.05, 0.06), (0.07, 0.04), (0.5, 1.0))
_STRENGTH, _VARIATION, _TOGETHER, _CHROMA = (0.7, 0.2), (0.5, 0.1), (0.5, 0.15), (0.6, 0.3)


def offline_features(image: np.ndarray) -> np.ndarray:
    """One picture's features: float64 [DIMENSIONS].

    Args:
        image: uint8 [H, W, 3], RGB, 32 pixels a side at least. Taken at its own size: compare
            pictures of one size.

    Raises:
        ValueError: another type or shape.
    """
    import cv2

    if (
        image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
        or min(image.shape[:2]) < LEAST_SIDE
    ):
        raise ValueError(
            f"expected uint8 [H, W, 3] of 32 pixels or more, got {image.dtype} {list(image.shape)}"
        )
    red, green, blue = (image[..., i].astype(np.float32) / 255 for i in range(3))
    channels = [(red + green + blue) / 3, red - green, (red + green) / 2 - blue]
    found = _colours(channels)
    for _ in range(LEVELS):
        found += _textures(channels[0])
        found += [
            _standard(np.log1p(_band(channel).std() / _FAINT), _CHROMA) for channel in channels[1:]
        ]
        channels = [cv2.pyrDown(channel) for channel in channels]
    return np.array(found, np.float64)


def _colours(channels: list[np.ndarray]) -> list[float]:
    """Mean, standard deviation and skewness of lightness and the two opponent colours."""
    found = []
    for channel, kinds in zip(channels, (_LIGHTNESS, _OPPONENT, _OPPONENT), strict=True):
        mean, std = channel.mean(), channel.std()
        skew = np.clip(np.mean(((channel - mean) / max(std, _FAINT)) ** 3), -4, 4)
        found += map(_standard, (mean, std, skew), kinds)
    return found


def _standard(value, kind: tuple[float, float]):
    return (value - kind[0]) / kind[1]


def _textures(grey: np.ndarray) -> list[float]:
    import cv2

    strengths = np.stack(
        [np.hypot(*(cv2.filter2D(grey, cv2.CV_32F, k) for k in pair)).ravel() for pair in _bank()]
    )
    logs = np.log1p(strengths / _FAINT)
    # What is fainter than the faintest has no orientations that could go together.
    centred = strengths - strengths.mean(1, keepdims=True)
    centred /= np.maximum(np.sqrt(np.mean(centred**2, 1, keepdims=True)), _FAINT / 10)
    together = centred @ centred.T / centred.shape[1]
    upper = together[np.triu_indices(ORIENTATIONS, 1)]
    parts = ((logs.mean(1), _STRENGTH), (logs.std(1), _VARIATION), (upper, _TOGETHER))
    return [value for values, kind in parts for value in _standard(values, kind)]


def _band(channel: np.ndarray) -> np.ndarray:
    """What a colour has at the scale of this level alone."""
    import cv2

    return channel - cv2.GaussianBlur(channel, (0, 0), 2.0)


@functools.cache
def _bank() -> list[tuple[np.ndarray, np.ndarray]]:
    """Even and odd Gabor filters of each orientation: no answer to a flat ground, gain 1 for their
    own wave.
    """
    y, x = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1].astype(np.float64)
    window = np.exp(-(x**2 + y**2) / (2 * _SPREAD**2))
    pairs = []
    for turn in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
        phase = 2 * np.pi / _WAVELENGTH * (x * np.cos(turn) + y * np.sin(turn))
        even = window * np.cos(phase)
        even -= window * (even.sum() / window.sum())
        odd = window * np.sin(phase)
        pairs.append(
            tuple(
                (f / np.sum(f * w)).astype(np.float32)
                for f, w in ((even, np.cos(phase)), (odd, np.sin(phase)))
            )
        )
    return pairs
