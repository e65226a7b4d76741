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
# A warm black, RGB, 0..1.
_INK = np.array((0.14, 0.11, 0.17), np.float32)
# Lines follow edges that are even over this standard deviation, this far both ways, in pixels.
_FLOW_SIGMA, _LINE_REACH = 2.0, 6


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


def illustration(
    image: np.ndarray,
    *,
    radius: float = 2.5,
    levels: int = 10,
    line_width: float = 0.9,
    line_contrast: float = 0.8,
) -> np.ndarray:
    """Flat areas in shades of their colour, and smooth ink lines along the edges.

    Areas: two passes of a Kuwahara filter with smooth sectors (Papari et al. 2007, "Artistic Edge
    and Corner Enhancing Smoothing", equation 10); soft levels of lightness (Winnemoeller et al.
    2006, "Real-Time Video Abstraction", equation 6). Lines: differences of Gaussians across the
    edge, averaged along it (Kang et al. 2007, "Coherent Line Drawing", section 2.2), with the flow
    of the smoothed structure tensor (Kyprianidis and Doellner 2008).

    Args:
        image: uint8 [H, W, 3], RGB.
        radius: of the filter, pixels; larger areas lose smaller detail.
        levels: number of levels of lightness.
        line_width: standard deviation of the smaller Gaussian, pixels.
        line_contrast: a line is darker than its surroundings by more than this (L*, 0..100).
    """
    flat = _checked(image).astype(np.float32) / 255
    for _ in range(2):
        flat = _kuwahara(flat, radius)
    lab = cv2.cvtColor(flat, cv2.COLOR_RGB2LAB)
    # Lines of what is half photo: the filter has lost thin ones, the photo has noise.
    drawn = cv2.cvtColor((image / np.float32(255) + flat) / 2, cv2.COLOR_RGB2LAB)[..., 0]
    paper = _flow_lines(drawn, line_width, line_contrast)[..., None]
    step = 100 / levels
    middle = (np.floor(lab[..., 0] / step) + 0.5) * step
    shade = middle + step / 2 * np.tanh(6 * (lab[..., 0] - middle) / step)
    # Lighter and stronger in colour than a photo, as print is.
    lab = np.dstack([12 + 0.88 * shade, 1.25 * lab[..., 1:]])
    colour = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB).clip(0, 1)
    return np.rint((_INK + (colour - _INK) * paper) * 255).astype(np.uint8)


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


def _kuwahara(image: np.ndarray, radius: float, num_sectors: int = 8) -> np.ndarray:
    """Of the means of a pixel's sectors, mostly those of the evenest: float32 [H, W, 3], 0..1."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angle, weight = np.arctan2(y, x), np.exp(-2 * (x**2 + y**2) / radius**2)
    total, share = 0.0, 0.0
    for direction in np.arange(num_sectors) * 2 * np.pi / num_sectors:
        apart = np.abs(np.angle(np.exp(1j * (angle - direction))))
        sector = weight * np.clip(1.5 - apart * num_sectors / (2 * np.pi), 0, 1)
        sector[reach, reach] = 1
        sector = (sector / sector.sum()).astype(np.float32)
        mean, square = (
            cv2.filter2D(values, -1, sector, borderType=cv2.BORDER_REPLICATE)
            for values in (image, image**2)
        )
        deviation = np.sqrt(np.maximum(square - mean**2, 0).sum(-1, keepdims=True))
        evenness = (1 + 255 * deviation) ** -8
        total, share = total + evenness * mean, share + evenness
    return total / share


def _flow_lines(lightness: np.ndarray, width: float, contrast: float) -> np.ndarray:
    """Ink on float32 [H, W] of L*, 0..100: 0 where it is, to 1 where the paper is left."""
    along_x, along_y = _edge_tangents(lightness)
    y, x = np.mgrid[: lightness.shape[0], : lightness.shape[1]].astype(np.float32)
    difference = 0.0
    offsets = np.arange(-int(np.ceil(5 * width)), int(np.ceil(5 * width)) + 1)
    # Across the edge: each pixel compared with its wider surroundings.
    gaussians = [np.exp(-(offsets**2) / (2 * sigma**2)) for sigma in (width, 1.6 * width)]
    kernel = gaussians[0] / gaussians[0].sum() - gaussians[1] / gaussians[1].sum()
    for offset, factor in zip(offsets.tolist(), kernel.tolist(), strict=True):
        difference = difference + factor * _at(
            lightness, x - offset * along_y, y + offset * along_x
        )
    # Along the edge, both ways.
    line, weights = difference.copy(), 1.0
    for sign in (1, -1):
        here_x, here_y, step_x, step_y = x, y, sign * along_x, sign * along_y
        for distance in range(1, _LINE_REACH + 1):
            here_x, here_y = here_x + step_x, here_y + step_y
            weight = float(np.exp(-2 * (distance / _LINE_REACH) ** 2))
            line, weights = line + weight * _at(difference, here_x, here_y), weights + weight
            next_x, next_y = (_at(field, here_x, here_y) for field in (along_x, along_y))
            # A tangent has no sign of its own.
            turn = np.where(next_x * step_x + next_y * step_y < 0, -1, 1).astype(np.float32)
            step_x, step_y = turn * next_x, turn * next_y
    return 1 + np.tanh(np.minimum(line / weights + contrast, 0))


def _edge_tangents(lightness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors along the edges, x and y: the smoothed structure tensor's minor axis."""
    dx, dy = (
        cv2.Sobel(lightness, cv2.CV_32F, *order, borderType=cv2.BORDER_REPLICATE)
        for order in ((1, 0), (0, 1))
    )
    xx, xy, yy = (cv2.GaussianBlur(v, (0, 0), _FLOW_SIGMA) for v in (dx * dx, dx * dy, dy * dy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    return np.cos(angle), np.sin(angle)


def _at(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


# Name on the command line -> style.
STYLES: dict[str, Callable[..., np.ndarray]] = {
    style.__name__: style for style in (cartoon, bold, painting, pencil, poster, illustration)
}


def strengths(style: str) -> dict[str, float]:
    """The keyword arguments of a style with their defaults."""
    parameters = inspect.signature(STYLES[style]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
