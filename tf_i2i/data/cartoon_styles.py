"""Photographs drawn in several styles, by filters alone: inputs (or targets) of paired training.

Every style is a pure function of its picture: uint8 [H, W, 3] RGB in, the same shape out, the same
bytes each time on one machine. The strengths are its keyword arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

# Colours that the clusters are found in; more of them change a cluster's colour by less than a
# level.
_SAMPLES = 4096


_SEED = 1


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

    Args:
        image: uint8 [H, W, 3], RGB.
        outline_width: outlines are widened by a disc of this diameter, pixels; 1 leaves them as
            found.
        smoothings, sigma_color, level_step, median, outline_block, outline_contrast: as in
            `tf_i2i.data.cartoon_styles.cartoon`.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ValueError: `image` is not uint8 [H, W, 3].
    """
    import cv2

    flat = cartoon(
        image,
        smoothings=smoothings,
        sigma_color=sigma_color,
        level_step=level_step,
        median=median,
        outline_block=outline_block,
        outline_contrast=256.0,
    )
    drawn = outlines(
        image, median=median, outline_block=outline_block, outline_contrast=outline_contrast
    )
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (outline_width, outline_width))
    flat[cv2.dilate(drawn.astype(np.uint8), pen) > 0] = 0
    return flat


def painting(image: np.ndarray, *, reach: float = 60.0, smoothness: float = 0.45) -> np.ndarray:
    """Edge-preserving smoothing with darkened contours, as OpenCV's `stylization` does it.

    Follows Gastal and Oliveira 2011, "Domain Transform for Edge-Aware Image and Video Processing".

    Args:
        image: uint8 [H, W, 3], RGB.
        reach: how far colours flow where no edge is, pixels (1..200).
        smoothness: differences under this (0..1) are no edges.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ValueError: `image` is not uint8 [H, W, 3].
    """
    import cv2

    check_picture(image)
    return cv2.stylization(np.ascontiguousarray(image), sigma_s=reach, sigma_r=smoothness)


def pencil(image: np.ndarray, *, stroke: float = 5.0, pressure: float = 2.5) -> np.ndarray:
    """A pencil sketch on white paper, which stands in for drawings made by hand.

    Grey divided by its own surroundings: flat areas of any tone become paper, what is darker than
    its surroundings becomes graphite.

    Args:
        image: uint8 [H, W, 3], RGB.
        stroke: standard deviation of the surroundings, pixels: larger draws broader shading.
        pressure: exponent on the result in 0..1; larger is darker.

    Returns:
        uint8 [H, W, 3], three equal channels.

    Raises:
        ValueError: `image` is not uint8 [H, W, 3].
    """
    import cv2

    check_picture(image)
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    # Noise in dark areas would come out as strongly as an edge: 16 levels are added on both sides.
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

    Sets the seed of OpenCV's random numbers in the calling thread, so that the same clusters are
    found each time.

    Args:
        image: uint8 [H, W, 3], RGB.
        colours: how many at most, outlines apart.
        smoothings, sigma_color, median, outline_block, outline_contrast: as in
            `tf_i2i.data.cartoon_styles.cartoon`.

    Returns:
        uint8 [H, W, 3], RGB, of at most `colours` + 1 colours.

    Raises:
        ValueError: `image` is not uint8 [H, W, 3].
    """
    import cv2

    check_picture(image)
    smooth = np.ascontiguousarray(image)
    for _ in range(smoothings):
        smooth = cv2.bilateralFilter(smooth, 9, sigma_color, 7.0)
    result = _clustered(smooth, colours)
    result[
        outlines(
            image, median=median, outline_block=outline_block, outline_contrast=outline_contrast
        )
    ] = 0
    return result


def _clustered(image: np.ndarray, colours: int) -> np.ndarray:
    import cv2

    pixels = image.reshape(-1, 3)
    # Two at least: OpenCV takes a single row for three samples of one value.
    chosen = np.linspace(0, len(pixels) - 1, max(2, min(_SAMPLES, len(pixels)))).astype(np.int64)
    samples = pixels[chosen].astype(np.float32)
    cv2.setRNGSeed(_SEED)
    ending = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    count = min(colours, len(np.unique(samples, axis=0)))
    _, _, centres = cv2.kmeans(samples, count, None, ending, 1, cv2.KMEANS_PP_CENTERS)
    # The nearest centre is looked up for 32 levels a channel, not for each pixel: that is 40 times
    # less work.
    level = np.arange(4, 256, 8, dtype=np.float32)
    cells = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 1, 3)
    nearest = ((cells - centres) ** 2).sum(-1).argmin(-1)
    red, green, blue = (pixels >> 3).astype(np.int32).T
    return (
        np.rint(centres)
        .astype(np.uint8)[nearest[(red * 32 + green) * 32 + blue]]
        .reshape(image.shape)
    )


def cartoon(
    image: np.ndarray,
    *,
    smoothings: int = 5,
    diameter: int = 9,
    sigma_color: float = 9.0,
    sigma_space: float = 7.0,
    level_step: int = 32,
    median: int = 5,
    outline_block: int = 9,
    outline_contrast: float = 3.0,
) -> np.ndarray:
    """Turns a photograph into a cartoon, the same one each time.

    Args:
        image: uint8 [H, W, 3], RGB.
        smoothings: how many bilateral filters run one after another.
        diameter: neighbourhood of the bilateral filter, pixels.
        sigma_color: differences well above this (0..255) are edges and stay.
        sigma_space: reach of the smoothing, pixels.
        level_step: distance of the colour levels a channel; a level is shown by its middle value.
        median: side of the median filter before the outlines are looked for, odd, pixels.
        outline_block: side of the square whose mean a pixel is compared with, odd, pixels.
        outline_contrast: an outline is darker than that mean by more than this (0..255).

    Returns:
        uint8 [H, W, 3], RGB: each channel one of the levels, outlines (0, 0, 0).

    Raises:
        ValueError: `image` is not uint8 [H, W, 3].
    """
    import cv2

    check_picture(image)
    smooth = np.ascontiguousarray(image)
    for _ in range(smoothings):
        smooth = cv2.bilateralFilter(smooth, diameter, sigma_color, sigma_space)
    # In 16 bits: the middle of the last level lies above 255 where the step does not divide 256.
    levels = smooth.astype(np.uint16) // level_step * level_step + level_step // 2
    flat = np.minimum(levels, 255).astype(np.uint8)
    flat[
        outlines(
            image, median=median, outline_block=outline_block, outline_contrast=outline_contrast
        )
    ] = 0
    return flat


def outlines(
    image: np.ndarray, *, median: int, outline_block: int, outline_contrast: float
) -> np.ndarray:
    """Where a pen would draw: bool [H, W] of uint8 [H, W, 3] RGB; arguments as in `cartoon`."""
    import cv2

    grey = cv2.medianBlur(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), median)
    paper = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, outline_block, outline_contrast
    )
    return paper == 0


def check_picture(image: np.ndarray) -> None:
    """Raises ValueError where `image` is not uint8 [H, W, 3]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")


# Name on the command line -> uint8 [H, W, 3] RGB to the same.
STYLES: dict[str, Callable[..., np.ndarray]] = {
    "cartoon": cartoon,
    "bold": bold,
    "painting": painting,
    "pencil": pencil,
    "poster": poster,
}


def strengths(style: str) -> dict[str, float]:
    """The keyword arguments of a style with their defaults."""
    parameters = inspect.signature(STYLES[style]).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
