"""A translation of a reduced photo brought to the full photo's size, with the full photo's edges."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from export.photos.resampling import Filter, blur, centers, cubic
from export.photos.tiling import mirrored_indices

# Deviations in levels of 255. Photo: contrasts below the first don't count as edges, those above
# the second have the photo's outline in place of brushwork. Change: where brushwork is stronger,
# the photo's fine texture gives way to it.
_FLAT, _EDGE, _BRUSHWORK = 16.0, 30.0, 3.0
# Sigmas in reduced pixels, and the rows that two passes of either and a cubic kernel see.
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
    widen = cubic(centers(reduced.shape[1], photo.shape[1]), reduced.shape[1])

    def run(first: int) -> None:
        last = min(first + band_rows, len(reduced))
        band = mirrored_indices(first - _MARGIN, last - first + 2 * _MARGIN, len(reduced))
        coefficients = _coefficients(reduced[band], translated[band], 1 - 1 / max(scale))
        start, stop = round(first * scale[0]), round(last * scale[0])
        for top in range(start, stop, strip_rows):
            strip = photo[top : min(top + strip_rows, stop)]
            # Centers of the strip's rows among those of the band.
            places = (np.arange(top, top + len(strip)) + 0.5) / scale[0] - 0.5 - first + _MARGIN
            _apply(strip, _interpolated(coefficients, places, widen), strength)
            done(len(strip))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(0, len(reduced), band_rows)))


def _coefficients(before: np.ndarray, after: np.ndarray, enlarged: float) -> np.ndarray:
    """float32 [4, 3, h, w]: for each output channel (axis 1) the factors of R, G and B, and what is
    added.

    enlarged: 0 for a scale of 1, up to 1; what is not explained is blurred that much.
    """
    photo, target = _planes(before), _planes(after)
    change = target - photo
    variance = blur(change * change, _BRUSH_WINDOW) - blur(change, _BRUSH_WINDOW) ** 2
    brushwork = variance.clip(0).mean(0)
    texture_kept = _BRUSHWORK**2 / (_BRUSHWORK**2 + brushwork)
    photo_mean, target_mean = blur(photo, _WINDOW), blur(target, _WINDOW)
    covariance = _covariance(photo, photo, photo_mean, photo_mean)
    cross = _covariance(photo, target, photo_mean, target_mean)
    contrast = enlarged**2 * np.trace(covariance) / 3
    for i in range(3):
        covariance[i, i] += _FLAT**2
        cross[i, i] += texture_kept * _FLAT**2
    inverse, both = _inverse(covariance), np.empty((4, *photo.shape), np.float32)
    factors, offset = both[:3], both[3]
    for i in range(3):
        factors[i] = _product(inverse[i], cross)
    offset[:] = blur(target_mean - _product(photo_mean, factors), _WINDOW)
    factors[:] = blur(factors, _WINDOW)
    unexplained = target - _product(photo, factors) - offset
    offset += unexplained * (_EDGE**2 / (_EDGE**2 + contrast))
    return both


def _planes(image: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] to float32 [3, h, w]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)


def _product(vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """At each pixel, of [3, h, w] and [3, 3, h, w]."""
    return sum(vector[i] * matrix[i] for i in range(3))


def _covariance(x, y, x_mean, y_mean) -> np.ndarray:
    """float32 [3, 3, h, w] of each window: of x's channels (axis 0) and y's (axis 1)."""
    return blur(x[:, None] * y, _WINDOW) - x_mean[:, None] * y_mean


def _inverse(matrices: np.ndarray) -> np.ndarray:
    """Of symmetric ones, [3, 3, h, w], by Cramer's rule: numpy's takes 50 times as long."""
    a, b, c = matrices
    adjugate = np.stack([np.cross(*rows, axis=0) for rows in ((b, c), (c, a), (a, b))])
    return adjugate / (a * adjugate[0]).sum(0)


def _interpolated(coefficients: np.ndarray, places: np.ndarray, widen: Filter) -> np.ndarray:
    """float32 [4, 3, rows, width] at `places` of the rows."""
    return widen.columns(cubic(places, coefficients.shape[-2]).rows(coefficients))


def _apply(strip: np.ndarray, coefficients: np.ndarray, strength: float) -> None:
    photo = _planes(strip)
    result = coefficients[3]
    for channel, factors in zip(photo, coefficients[:3], strict=True):
        result += factors * channel
    if strength != 1:
        result = photo + np.float32(strength) * (result - photo)
    strip[:] = np.rint(result.clip(0, 255)).transpose(1, 2, 0)
