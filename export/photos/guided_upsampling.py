"""A translation of a reduced photo brought to the full photo's size, with the full photo's edges."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from export.photos.tiling import mirrored_indices

# Deviations in levels of 255. Photo: contrasts below the first don't count as edges, those above
# the second have the photo's outline in place of brushwork. Change: where brushwork is stronger,
# the photo's fine texture gives way to it.
_FLAT, _EDGE, _BRUSHWORK = 16.0, 30.0, 3.0
# Sigmas in reduced pixels, and the rows that two passes of either and a cubic kernel see; OpenCV
# cuts the kernels off at 4 sigma.
_WINDOW, _BRUSH_WINDOW, _MARGIN = 1.0, 1.5, 12
# Reduced pixels whose coefficients are computed at once (400 bytes each), and pixels of the photo
# that they are applied to at once.
_BAND_PIXELS, _STRIP_PIXELS = 100_000, 60_000


def upsample(
    photo: np.ndarray,
    reduced: np.ndarray,
    translated: np.ndarray,
    strength: float = 1.0,
    threads: int = 2,
    done: Callable[[int], object] = lambda rows: None,
) -> None:
    """Replaces `photo` (uint8 [H, W, 3], 0..255) in place by `translated` at its size.

    reduced, translated: uint8 [h, w, 3], h <= H, w <= W: the whole photo before and after.
    strength: 1 is the translation, 0 the photo. done: called with a number of rows that are ready.

    As in the fast guided filter (He and Sun 2015, algorithm 2, with the coefficients of a color
    guide of He et al. 2013, eq. 14), the translation is an affine function of the photo's color in
    each small window; coefficients are fitted at the reduced size and interpolated. Two things
    differ. What no such function explains, which is most of the brushwork, is interpolated and
    added, except at edges, where it would be a halo. And the fit is drawn towards a multiple of the
    photo, from 0 under brushwork, so that texture too fine for it goes, to 1 where the photo is
    only shifted: a constant change is added exactly.
    """
    scale = len(photo) / len(reduced), photo.shape[1] / reduced.shape[1]
    strip_rows = max(1, _STRIP_PIXELS // photo.shape[1])
    band_rows = max(_MARGIN, _BAND_PIXELS // reduced.shape[1])

    def run(first: int) -> None:
        last = min(first + band_rows, len(reduced))
        band = mirrored_indices(first - _MARGIN, last - first + 2 * _MARGIN, len(reduced))
        coefficients = _coefficients(reduced[band], translated[band], 1 - 1 / max(scale))
        start, stop = round(first * scale[0]), round(last * scale[0])
        for top in range(start, stop, strip_rows):
            strip = photo[top : min(top + strip_rows, stop)]
            # Centers of the strip's rows among those of the band.
            places = (np.arange(top, top + len(strip)) + 0.5) / scale[0] - 0.5 - first + _MARGIN
            _apply(strip, _interpolated(coefficients, places, photo.shape[1]), strength)
            done(len(strip))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(0, len(reduced), band_rows)))


def _coefficients(before: np.ndarray, after: np.ndarray, enlarged: float) -> np.ndarray:
    """float32 [h, 3, 4, w]: for each output channel the factors of R, G and B, and what is added.

    enlarged: 0 for a scale of 1, up to 1; what is not explained is blurred that much.
    """
    photo, target = before.astype(np.float32), after.astype(np.float32)
    change = target - photo
    variance = _blur(change * change, _BRUSH_WINDOW) - _blur(change, _BRUSH_WINDOW) ** 2
    brushwork = variance.clip(0).mean(-1)[..., None, None]
    texture_kept = _BRUSHWORK**2 / (_BRUSHWORK**2 + brushwork)
    photo_mean, target_mean = _blur(photo, _WINDOW), _blur(target, _WINDOW)
    covariance = _covariance(photo, photo, photo_mean, photo_mean)
    cross = _covariance(photo, target, photo_mean, target_mean)
    flat = _FLAT**2 * np.eye(3, dtype=np.float32)
    factors = _inverse(covariance + flat) @ (cross + texture_kept * flat)
    offset = target_mean - _product(photo_mean, factors)
    factors, offset = _blur(factors, _WINDOW), _blur(offset, _WINDOW)
    unexplained = target - _product(photo, factors) - offset
    contrast = enlarged**2 * np.trace(covariance, axis1=2, axis2=3)[..., None] / 3
    offset += unexplained * (_EDGE**2 / (_EDGE**2 + contrast))
    both = np.concatenate([factors, offset[:, :, None]], axis=2)
    return np.ascontiguousarray(both.transpose(0, 3, 2, 1))


def _blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """Of vectors or matrices, [h, w, ...]."""
    channels = np.ascontiguousarray(field).reshape(*field.shape[:2], -1)
    return cv2.GaussianBlur(channels, (0, 0), sigma).reshape(field.shape)


def _product(vectors: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    return np.einsum("hwi,hwij->hwj", vectors, matrices)


def _covariance(x, y, x_mean, y_mean) -> np.ndarray:
    """float32 [h, w, 3, 3] of each window: of x's channels (axis 2) and y's (axis 3)."""
    products = _blur(x[..., None] * y[:, :, None], _WINDOW)
    return products - x_mean[..., None] * y_mean[:, :, None]


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Of symmetric ones, [..., 3, 3], by Cramer's rule: numpy's takes 50 times as long."""
    a, b, c = (matrices[..., i, :] for i in range(3))
    adjugate = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=-2)
    determinant = (a * adjugate[..., 0, :]).sum(-1)
    return adjugate / determinant[..., None, None]


def _interpolated(coefficients: np.ndarray, places: np.ndarray, width: int) -> np.ndarray:
    """float32 [rows, 3, 4, width] at `places` of the rows, by OpenCV's cubic kernel both ways.

    Columns by OpenCV; rows as a product of matrices, since cv2.warpAffine takes 10 times as long.
    """
    first, last = int(places[0]) - 1, int(places[-1]) + 3
    rows = coefficients[first:last]
    wide = cv2.resize(
        rows.reshape(-1, rows.shape[-1]), (width, rows.shape[0] * 12), interpolation=cv2.INTER_CUBIC
    )
    x = np.abs(places[:, None] - np.arange(first, last)).astype(np.float32)
    near, far = (1.25 * x - 2.25) * x * x + 1, -0.75 * (((x - 5) * x + 8) * x - 4)
    weights = np.where(x <= 1, near, np.where(x < 2, far, 0))
    return (weights @ wide.reshape(len(rows), -1)).reshape(-1, 3, 4, width)


def _apply(strip: np.ndarray, coefficients: np.ndarray, strength: float) -> None:
    photo = [channel.astype(np.float32) for channel in cv2.split(strip)]
    results = []
    for channel, own in enumerate(photo):
        result = coefficients[:, channel, 3]
        for i, other in enumerate(photo):
            result += coefficients[:, channel, i] * other
        if strength != 1:
            result = own + np.float32(strength) * (result - own)
        results.append(np.maximum(result, 0))
    cv2.convertScaleAbs(cv2.merge(results), dst=strip)  # rounds, up to 255
