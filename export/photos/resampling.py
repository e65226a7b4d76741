"""Pictures resized and blurred by products of matrices, with the results of OpenCV's filters."""

import functools
from collections.abc import Iterator

import numpy as np

from export.photos.tiling import mirrored_indices

# Of the weights and of what stands between rows and columns when a picture is resized: every sum is
# then exact in float32, whatever its order, and the page (export/web_app) gets the same picture. One
# level more or less would be several behind a network.
_WEIGHT_STEPS, _LEVEL_STEPS = 2048, 16
# The matrix of a filter is zero except near its diagonal, so it is applied in blocks: of so many
# results, or of fewer where these see more values than that.
_BLOCK = 32


class Filter:
    """A linear map along one axis. Result i is the sum of weights[i] times the values at places[i],
    both [results, weights of each]; a value may be there several times.
    """

    def __init__(self, places: np.ndarray, weights: np.ndarray):
        self._results, self._blocks = len(places), []
        length = max(int(np.ptp(places)), len(places))
        step = max(1, _BLOCK * len(places) // length)
        for first in range(0, len(places), step):
            block = slice(first, min(first + step, len(places)))
            low, high = int(places[block].min()), int(places[block].max()) + 1
            matrix = np.zeros((block.stop - first, high - low), np.float32)
            rows = np.arange(len(matrix))[:, None]
            np.add.at(matrix, (rows, places[block] - low), weights[block])
            self._blocks.append((slice(low, high), block, matrix))

    def rows(self, values: np.ndarray) -> np.ndarray:
        """[..., h, w] to float32 [..., results, w]."""
        shape = (*values.shape[:-2], self._results, values.shape[-1])
        filtered = np.empty(shape, np.float32)
        for block, part in self.some_rows(values):
            filtered[..., block, :] = part
        return filtered

    def some_rows(self, values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """The same a few rows at a time: which ones, and the rows."""
        for seen, block, matrix in self._blocks:
            yield block, matrix @ values[..., seen, :].astype(np.float32, copy=False)

    def columns(self, values: np.ndarray) -> np.ndarray:
        """float32 [..., w] to float32 [..., results]."""
        flat = values.reshape(-1, values.shape[-1])
        filtered = np.empty((len(flat), self._results), np.float32)
        for seen, block, matrix in self._blocks:
            np.matmul(flat[:, seen], matrix.T, out=filtered[:, block])
        return filtered.reshape(*values.shape[:-1], -1)


@functools.lru_cache(maxsize=16)
def gaussian(length: int, sigma: float) -> Filter:
    """A blur that is cut off at 4 sigma, borders mirrored."""
    radius = round(4 * sigma)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-((offsets / sigma) ** 2) / 2)
    mirrored = mirrored_indices(-radius, length + 2 * radius, length)
    places = mirrored[np.arange(length)[:, None] + offsets + radius]
    return Filter(places, np.broadcast_to(weights / weights.sum(), places.shape))


def blur(planes: np.ndarray, sigma: float) -> np.ndarray:
    """`gaussian` of [..., h, w], both ways."""
    height, width = planes.shape[-2:]
    return gaussian(height, sigma).rows(gaussian(width, sigma).columns(planes))


def cubic(places: np.ndarray, length: int) -> Filter:
    """Values between those of `length` pixels, at `places` of their centers; borders repeated."""
    return Filter(*_cubic(places, length))


def _cubic(places: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    near = np.floor(places).astype(int)[:, None] + np.arange(-1, 3)
    x = np.abs(places[:, None] - near)
    inner, outer = (1.25 * x - 2.25) * x * x + 1, -0.75 * (((x - 5) * x + 8) * x - 4)
    return near.clip(0, length - 1), np.where(x <= 1, inner, outer)


def centers(length: int, results: int) -> np.ndarray:
    """Where the pixels of an axis of `results` pixels lie among those of one of `length`."""
    return (np.arange(results) + 0.5) * (length / results) - 0.5


def _area(length: int, results: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the pixels, and parts of pixels, that a larger pixel covers."""
    ends = np.arange(results + 1) * (length / results)
    first = np.floor(ends[:-1] + 1e-6).astype(int)[:, None]
    places = first + np.arange(-(-length // results) + 1)
    inside = np.minimum(ends[1:, None], places + 1) - np.maximum(ends[:-1, None], places)
    weights = inside.clip(0) / inside.clip(0).sum(1, keepdims=True)
    return places.clip(0, length - 1), weights


def _exact(places: np.ndarray, weights: np.ndarray) -> Filter:
    """Weights of whole steps that add up to 1."""
    sums = np.rint(weights.cumsum(1) * _WEIGHT_STEPS)
    return Filter(places, np.diff(sums, axis=1, prepend=0) / _WEIGHT_STEPS)


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [H, W, 3] to uint8 [height, width, 3]: means to reduce it, `cubic` to enlarge it."""

    def filter_of(length: int, results: int) -> Filter:
        is_smaller = height * width < image.shape[0] * image.shape[1]
        if is_smaller:
            return _exact(*_area(length, results))
        return _exact(*_cubic(centers(length, results), length))

    columns, result = filter_of(image.shape[1], width), np.empty((height, width, 3), np.uint8)
    # Rows first, on the photo as it lies in memory.
    for block, rows in filter_of(len(image), height).some_rows(image.reshape(len(image), -1)):
        planes = np.ascontiguousarray(rows.reshape(len(rows), -1, 3).transpose(2, 0, 1))
        planes = columns.columns(np.rint(planes * _LEVEL_STEPS) / _LEVEL_STEPS)
        result[block] = np.rint(planes.clip(0, 255)).transpose(1, 2, 0)
    return result
