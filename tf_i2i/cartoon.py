"""The cartoon look of the demo's second domain: flat colours and black outlines, made from a
photograph.
"""

from __future__ import annotations

import numpy as np


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
