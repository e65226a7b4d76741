"""Photographs drawn in several styles, by filters alone: inputs (or targets) of paired training.

Every style is a pure function of its picture: uint8 [H, W, 3] RGB in, the same shape out, the same
bytes each time on one machine; ValueError for any other array. Its strengths are keyword arguments.
"""

import inspect
from collections.abc import Callable

import cv2
import numpy as np

# More samples change a cluster's colour by less than a level.
_NUM_SAMPLES = 4096
_SEED = 1


def cartoon(
    image: np.ndarray,
    *,
    smoothings: int = 5,
    sigma_color: float = 9.0,
    level_step: int = 32,
    median: int = 5,
    outline_block: int = 9,
    outline_contrast: float = 3.0,
) -> np.ndarray:
    """Flat colours and black outlines: each channel has one of a few levels.

    Args:
        image: uint8 [H, W, 3], RGB.
        smoothings: number of bilateral filters.
        sigma_color: differences well above this (0..255) are edges and stay.
        level_step: distance between the levels of a channel, each shown by its middle value.
        median: side of the median filter before outlines are detected, odd, pixels.
        outline_block: side of the square whose mean a pixel is compared with, odd, pixels.
        outline_contrast: an outline is darker than that mean by more than this (0..255).
    """
    flat = _levels(_smoothed(image, smoothings, sigma_color), level_step)
    flat[_outlines(image, median, outline_block, outline_contrast)] = 0
    return flat


def bold(
    image: np.ndarray,
    *,
    smoothings: int = 7,
    sigma_color: float = 14.0,
    level_step: int = 64,
    median: int = 7,
    outline_block: int = 15,
    outline_contrast: float = 7.0,
    outline_width: int = 3,
) -> np.ndarray:
    """The cartoon of a thicker pen: fewer colours, fewer and wider outlines.

    outline_width: outlines are widened by a disc of this diameter, pixels; 1 leaves them. Others:
    as in `cartoon`.
    """
    flat = _levels(_smoothed(image, smoothings, sigma_color), level_step)
    drawn = _outlines(image, median, outline_block, outline_contrast)
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (outline_width, outline_width))
    flat[cv2.dilate(drawn.astype(np.uint8), pen) > 0] = 0
    return flat


def painting(image: np.ndarray, *, reach: float = 60.0, smoothness: float = 0.45) -> np.ndarray:
    """Edge-preserving smoothing with darkened contours: OpenCV's `stylization`.

    Follows Gastal and Oliveira 2011, "Domain Transform for Edge-Aware Image and Video Processing".
    reach: how far colours flow where there is no edge, pixels (1..200). smoothness: differences
    below this (0..1) are not edges.
    """
    return cv2.stylization(_checked(image), sigma_s=reach, sigma_r=smoothness)


def pencil(image: np.ndarray, *, stroke: float = 5.0, pressure: float = 2.5) -> np.ndarray:
    """A pencil sketch on white paper, three equal channels: a stand-in for drawings made by hand.

    Grey divided by its own surroundings: flat areas of any tone become paper, what is darker than
    its surroundings becomes graphite. stroke: standard deviation of the surroundings, pixels:
    larger draws broader shading. pressure: exponent on the result in 0..1; larger is darker.
    """
    grey = cv2.cvtColor(_checked(image), cv2.COLOR_RGB2GRAY)
    # 16 levels are added on both sides: noise in dark areas would come out as strongly as an edge.
    grey = cv2.medianBlur(grey, 3).astype(np.float32) + 16
    light = np.minimum(grey / cv2.GaussianBlur(grey, (0, 0), stroke), 1) ** np.float32(pressure)
    return cv2.cvtColor(np.rint(light * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def poster(
    image: np.ndarray,
    *,
    colours: int = 10,
    smoothings: int = 3,
    sigma_color: float = 25.0,
    median: int = 5,
    outline_block: int = 9,
    outline_contrast: float = 4.0,
) -> np.ndarray:
    """The picture's own few colours (k-means of its pixels) and black outlines.

    Seeds OpenCV's random numbers in the calling thread, for the same clusters each time. colours:
    maximum number besides outlines; others as in `cartoon`.
    """
    flat = _clustered(_smoothed(image, smoothings, sigma_color), colours)
    flat[_outlines(image, median, outline_block, outline_contrast)] = 0
    return flat


def _checked(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    return np.ascontiguousarray(image)


def _smoothed(image: np.ndarray, times: int, sigma_color: float) -> np.ndarray:
    smooth = _checked(image)
    for _ in range(times):
        smooth = cv2.bilateralFilter(smooth, 9, sigma_color, 7.0)
    return smooth


def _levels(image: np.ndarray, step: int) -> np.ndarray:
    # In 16 bits: the middle of the last level is above 255 where the step does not divide 256.
    return np.minimum(image.astype(np.uint16) // step * step + step // 2, 255).astype(np.uint8)


def _outlines(image: np.ndarray, median: int, block: int, contrast: float) -> np.ndarray:
    """Where a pen would draw: bool [H, W]."""
    grey = cv2.medianBlur(cv2.cvtColor(_checked(image), cv2.COLOR_RGB2GRAY), median)
    method = cv2.ADAPTIVE_THRESH_MEAN_C
    return cv2.adaptiveThreshold(grey, 255, method, cv2.THRESH_BINARY, block, contrast) == 0


def _clustered(image: np.ndarray, colours: int) -> np.ndarray:
    pixels = image.reshape(-1, 3)
    # Two at least: OpenCV takes a single row for three samples of one value.
    num_samples = max(2, min(_NUM_SAMPLES, len(pixels)))
    samples = pixels[np.linspace(0, len(pixels) - 1, num_samples).astype(np.int64)]
    cv2.setRNGSeed(_SEED)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    count, plus_plus = min(colours, len(np.unique(samples, axis=0))), cv2.KMEANS_PP_CENTERS
    _, _, centres = cv2.kmeans(samples.astype(np.float32), count, None, stop, 1, plus_plus)
    # The nearest centre is looked up for 32 levels per channel, not per pixel: 40 times less work.
    level = np.arange(4, 256, 8, dtype=np.float32)
    cells = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 1, 3)
    nearest = ((cells - centres) ** 2).sum(-1).argmin(-1)
    red, green, blue = (pixels >> 3).astype(np.int32).T
    palette = np.rint(centres).astype(np.uint8)
    return palette[nearest[(red * 32 + green) * 32 + blue]].reshape(image.shape)


# Name on the command line -> style.
STYLES: dict[str, Callable[..., np.ndarray]] = {
    style.__name__: style for style in (cartoon, bold, painting, pencil, poster)
}


def strengths(style: str) -> dict[str, float]:
    """The keyword arguments of a style with their defaults."""
    parameters = inspect.signature(STYLES[style]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
