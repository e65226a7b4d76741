"""Brushstrokes of a translation that is enlarged: smooth along their way, with edges across it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from export.photos.resampling import blur

# Long side of a canvas in pixels, that of a picture on a screen: there the strokes get their edges.
CANVAS = 1024
# Diffusion in an iteration: its size along the strokes, and the share of it that goes across them where
# no direction prevails, as in grain.
_ITERATIONS, _SMOOTHING, _SPREADING = 4, 0.35, 0.3
# How far a pixel goes towards the darkest or brightest one beside it, and the curvature, in levels of
# 255 per square pixel, from which on it does: less is not an edge.
_SHARPENING, _CURVATURE = 0.3, 1.5
# Sigmas in pixels: of the gradient, of its direction, of the curvature. Squared levels per square
# pixel: a gradient under this has no direction.
_FINE, _AROUND, _ACROSS, _FLAT = 1.0, 4.0, 1.4, 0.25
# What the photo shows with more contrast than this, in levels of 255, stays as it is: eyes, letters.
# Sigmas of its luminance and of the window.
_DETAIL, _DETAIL_FINE, _DETAIL_WINDOW = 20.0, 0.7, 2.0
# How much smaller the photo is for broader strokes, and the least side of one in pixels.
_BROADER, _LEAST_SIDE = (3.0, 1.73), 32
# Fine strokes: contrast in levels of 255 where half of it is these, sigma in pixels of how far around,
# and how much faster they prevail. Further around strong contrasts, where broad strokes leave rims.
_REFINED = ((10.0, 2.0, 1.5), (25.0, 4.0, 3.0))
# Rows that can change one, over all iterations, and rows of a canvas that fit into a processor's cache.
_MARGIN, _ROWS_AT_ONCE = 60, 48
_LUMINANCE = np.float32([0.299, 0.587, 0.114])


def canvas_sizes(height: int, width: int, enlargement: float) -> list[tuple[int, int]]:
    """From just above a picture's size, in pixels, to `enlargement` times that, each at most about
    twice the one before: a stroke that is not yet an edge of a pixel or two can't become one.
    """
    steps = max(0, int(np.ceil(np.log2(enlargement) - 0.1)))
    factors = (enlargement ** (i / steps) for i in range(1, steps + 1))
    return [(round(height * factor), round(width * factor)) for factor in factors]


def broad_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Smaller than a picture's size, where the same strokes are broader; smallest first."""
    sizes = [(round(height / factor), round(width / factor)) for factor in _BROADER]
    return [size for size in sizes if min(size) >= _LEAST_SIDE]


def refined(broad: np.ndarray, fine: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] each: broad strokes with fine ones where the photo has detail, as Hertzmann 1998
    paints, "Painterly Rendering with Curved Brush Strokes of Multiple Sizes", section 2.1.
    """
    variance = _variance(_planes(photo))
    shares = [rate * blur(_detail(variance, level), around) for level, around, rate in _REFINED]
    share = np.maximum(*shares).clip(0, 1)[..., None]
    return np.rint(broad + share * (fine.astype(np.float32) - broad)).astype(np.uint8)


def sharpen_strokes(picture: np.ndarray, photo: np.ndarray, threads: int = 2) -> None:
    """Changes uint8 [H, W, 3], 0..255, in place. photo: of the same shape, what `picture` translates.

    Edges across the strokes by a shock filter (Weickert 2003, "Coherence-Enhancing Shock Filters",
    equations 4 to 6: erosion where the luminance is curved upwards across the direction in which it
    changes least, else dilation), and diffusion along that direction (Weickert 1999,
    "Coherence-Enhancing Diffusion Filtering"), as Kyprianidis and Kang 2011 alternate the two in
    "Image and Video Abstraction by Coherence-Enhancing Filtering".
    """
    rows = max(_MARGIN, -(-len(picture) // threads))

    def run(first: int) -> np.ndarray:
        top = max(0, first - _MARGIN)
        band = np.s_[top : first + rows + _MARGIN]
        before, kept = _planes(picture[band]), _detail(_variance(_planes(photo[band])))
        result = _sharpened(before)
        result += kept * (before - result)
        result = np.rint(result.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0)
        return result[first - top :][:rows]

    with ThreadPoolExecutor(threads) as pool:
        picture[:] = np.concatenate(list(pool.map(run, range(0, len(picture), rows))))


def _planes(band: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] to float32 [3, h, w]."""
    return np.ascontiguousarray(band.transpose(2, 0, 1), np.float32)


def _variance(photo: np.ndarray) -> np.ndarray:
    """Of the luminance around each place of float32 [3, h, w], in squared levels: [h, w]."""
    luminance = blur(np.tensordot(_LUMINANCE, photo, 1), _DETAIL_FINE)
    mean = blur(luminance, _DETAIL_WINDOW)
    return (blur(luminance * luminance, _DETAIL_WINDOW) - mean**2).clip(0)


def _detail(variance: np.ndarray, contrast: float = _DETAIL) -> np.ndarray:
    """How much of the photo's detail a place has, from 0 up to 1; 1/2: that much contrast."""
    return variance / (variance + contrast**2)


def _sharpened(x: np.ndarray) -> np.ndarray:
    """float32 [3, h, w] to the same."""
    xx, yy, xy, coherence = _across(x)
    aside = _SPREADING * (1 - coherence)
    along = yy + aside * xx, xx + aside * yy, (aside - 1) * xy
    for _ in range(_ITERATIONS):
        x = _everywhere(_smoothed, x, *along)
        luminance = blur(np.tensordot(_LUMINANCE, x, 1), _ACROSS)
        edges = _everywhere(_curvature, luminance, xx, yy, xy) / _CURVATURE
        edges = edges.clip(-1, 1) * (_SHARPENING * coherence)
        x = _everywhere(_shocked, x, edges)
    return x


def _everywhere(stencil: Callable, x: np.ndarray, *parts: np.ndarray) -> np.ndarray:
    """stencil(rows of x with the pixels around them, rows of each part) for all rows of [..., h, w],
    borders repeated; so few at once that they stay in the processor's cache.
    """
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1), (1, 1)], "edge")
    result = np.empty_like(x)
    for top in range(0, x.shape[-2], _ROWS_AT_ONCE):
        rows = np.s_[top : top + _ROWS_AT_ONCE]
        around = padded[..., top : top + _ROWS_AT_ONCE + 2, :]
        result[..., rows, :] = stencil(around, *(part[rows] for part in parts))
    return result


def _smoothed(around: np.ndarray, *direction: np.ndarray) -> np.ndarray:
    return around[..., 1:-1, 1:-1] + _SMOOTHING * _curvature(around, *direction)


def _shocked(around: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Towards the darkest of 3 x 3 pixels where `edges` is above 0, else to the brightest."""
    x = around[..., 1:-1, 1:-1]
    darkest, brightest = (_most(function, around) for function in (np.minimum, np.maximum))
    return x + np.abs(edges) * (np.where(edges > 0, darkest, brightest) - x)


def _curvature(around: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Second derivative in a direction, given as by `_across`."""
    top, middle, bottom = around[..., :-2, :], around[..., 1:-1, :], around[..., 2:, :]
    twice = 2 * middle[..., 1:-1]
    right = middle[..., :-2] + middle[..., 2:] - twice
    down = top[..., 1:-1] + bottom[..., 1:-1] - twice
    diagonals = top[..., :-2] + bottom[..., 2:] - top[..., 2:] - bottom[..., :-2]
    return xx * right + yy * down + xy / 2 * diagonals


def _most(function: Callable, around: np.ndarray) -> np.ndarray:
    """np.minimum or np.maximum of 3 x 3 pixels."""
    rows = function(function(around[..., :-2, :], around[..., 1:-1, :]), around[..., 2:, :])
    return function(function(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _across(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Squares and product of the parts of the unit vector across the strokes, which is the structure
    tensor's first eigenvector, and the coherence: 0 where no direction prevails, up to 1. [h, w] each.
    """
    luminance = np.pad(blur(np.tensordot(_LUMINANCE, x, 1), _FINE), 1, "edge")
    right = (luminance[1:-1, 2:] - luminance[1:-1, :-2]) / 2
    down = (luminance[2:, 1:-1] - luminance[:-2, 1:-1]) / 2
    parts = np.stack([right**2 - down**2, 2 * right * down, right**2 + down**2])
    cosine, sine, energy = blur(parts, _AROUND)  # of twice the angle
    length = np.sqrt(cosine**2 + sine**2) + 1e-6
    cosine, sine = cosine / length, sine / length
    return (1 + cosine) / 2, (1 - cosine) / 2, sine / 2, length / (energy + _FLAT)
