"""Flicker of stylised clips: what a network makes of noise and of motion.

Frames are uint8 RGB [H, W, 3]. Flow is given as places: float32 [H, W, 2], for each pixel of a frame
where (x, y) it was in the frame before.
"""

import cv2
import numpy as np

# Sundaram et al. 2010, "Dense point trajectories by GPU-accelerated large displacement optical
# flow", equation 5: what a pixel's way there and back may differ by.
_SHARE, _PIXELS = 0.01, 0.5


def noise_gain(
    output: np.ndarray, noisy_output: np.ndarray, frame: np.ndarray, noisy_frame: np.ndarray
) -> float:
    """|G(x + n) - G(x)| / |n|: 1 where noise becomes as much noise, 0 where none is left of it."""
    noise = np.linalg.norm(noisy_frame.astype(np.float64) - frame)
    return float(np.linalg.norm(noisy_output.astype(np.float64) - output) / noise)


def warping_error(
    before: np.ndarray, after: np.ndarray, places: np.ndarray, visible: np.ndarray
) -> float:
    """Root mean square, in levels of 255, of what a frame differs by from the one before it, moved
    as the scene moved (Lai et al. 2018, "Learning blind video temporal consistency", section 4.2).

    visible: bool [H, W]: pixels that count, those that were in the frame before.
    """
    moved = cv2.remap(before, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    difference = after[visible].astype(np.float64) - moved[visible]
    return float(np.sqrt(np.mean(np.square(difference))))


def affine_flow(
    height: int, width: int, before: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places, and which pixels are visible, between two views of a flat scene.

    before, after: [2, 3]: from pixels (x, y, 1) of either frame to the scene.
    """
    inverse = cv2.invertAffineTransform(before)
    matrix = np.vstack([inverse, [0, 0, 1]])[:2] @ np.vstack([after, [0, 0, 1]])
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ matrix.T
    return places.astype(np.float32), _inside(places)


def estimated_flow(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for frames of a real clip, by dense inverse search (Kroeger et al. 2016); where the
    way there and back does not end where it began, the pixel was covered.
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = search.calc(grey[1], grey[0], None), search.calc(grey[0], grey[1], None)
    x, y = np.meshgrid(np.arange(before.shape[1]), np.arange(before.shape[0]))
    places = (np.stack([x, y], axis=-1) + back).astype(np.float32)
    returned = cv2.remap(forth, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = np.square(back).sum(-1) + np.square(returned).sum(-1)
    agrees = np.square(back + returned).sum(-1) < _SHARE * lengths + _PIXELS
    return places, agrees & _inside(places)


def _inside(places: np.ndarray) -> np.ndarray:
    height, width = places.shape[:2]
    x, y = places[..., 0], places[..., 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
