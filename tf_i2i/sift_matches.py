"""How much of a picture's local detail another one has in the same places, by SIFT."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Lowe 2004, "Distinctive Image Features from Scale-Invariant Keypoints", section 7.1: the nearest
# descriptor counts where it is nearer than this share of the second.
RATIO = 0.8
# A similarity can be laid through any two matches; fewer than these are no agreement (section 7.3
# asks for three).
LEAST_INLIERS = 4
_REACH_PX = 3.0
_LEAST_SIDE = 16


class SiftMatches(NamedTuple):
    """inliers: matches that one similarity explains; of_itself: those of the truth with itself;
    share: their ratio, None where the truth has too little detail to match even itself."""

    inliers: int
    of_itself: int
    share: float | None


def sift_matches(image: np.ndarray, truth: np.ndarray) -> SiftMatches:
    """Matches of a picture with the truth that pass the ratio test and are inliers of one
    similarity (RANSAC).

    Args: both uint8 RGB [H, W, 3], 16 pixels a side at least. Raises ValueError otherwise or when
        shapes differ.
    """
    for picture in (image, truth):
        if (
            picture.dtype != np.uint8
            or picture.ndim != 3
            or picture.shape[2] != 3
            or min(picture.shape[:2]) < _LEAST_SIDE
        ):
            raise ValueError(
                f"expected uint8 [H, W, 3] of 16 pixels or more, got {picture.dtype} {list(picture.shape)}"
            )
    if image.shape != truth.shape:
        raise ValueError(f"pictures differ in size: {list(image.shape)} and {list(truth.shape)}")
    there = _detected(truth)
    of_itself = _inliers(there, there)
    inliers = of_itself and _inliers(_detected(image), there)
    return SiftMatches(inliers, of_itself, inliers / of_itself if of_itself else None)


def _detected(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places float32 [N, 2] and descriptors float32 [N, 128]."""
    import cv2

    keypoints, descriptors = cv2.SIFT_create().detectAndCompute(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None
    )
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([keypoint.pt for keypoint in keypoints], np.float32), descriptors


def _inliers(found: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]) -> int:
    import cv2

    if min(len(found[0]), len(wanted[0])) < LEAST_INLIERS:
        return 0
    # From the truth's side: each of its places counts once, however many of the other picture's
    # resemble it.
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(wanted[1], found[1], k=2)
    good = [first for first, second in nearest if first.distance < RATIO * second.distance]
    if len(good) < LEAST_INLIERS:
        return 0
    there = wanted[0][[match.queryIdx for match in good]]
    here = found[0][[match.trainIdx for match in good]]
    _, mask = cv2.estimateAffinePartial2D(
        there, here, method=cv2.RANSAC, ransacReprojThreshold=_REACH_PX
    )
    inliers = 0 if mask is None else int(mask.sum())
    return inliers if inliers >= LEAST_INLIERS else 0
