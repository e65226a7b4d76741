"""Scores of pictures against pictures: likeness, outlines, colours, checkerboards, local features.

All take uint8 RGB [H, W, 3] unless they say otherwise, and raise ValueError for another type, for
pictures that differ in shape, and for smaller ones than they need.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

INK_LEVEL = 48
COLOUR_BLUR_SIGMA = 6.0
# Lowe 2004, "Distinctive Image Features from Scale-Invariant Keypoints", section 7.1: the nearest
# descriptor counts where it is nearer than this share of the second.
RATIO = 0.8
# Any two matches fit a similarity; fewer than these are no agreement (section 7.3 asks for three).
MIN_INLIERS = 4
_MAX_REPROJECTION_PX = 3.0


def l1(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean absolute difference, 0..255."""
    _check(image, reference)
    return float(np.mean(np.abs(image.astype(np.float64) - reference)))


def psnr(image: np.ndarray, reference: np.ndarray, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB over all elements: 48 and more is invisible, 20 plainly
    visible, equal arrays have infinity. Any shape, both integers or both floats; peak: width of the
    value range, 2 for [-1, 1].
    """
    if image.dtype.kind != reference.dtype.kind:
        raise ValueError(f"types differ: {image.dtype} and {reference.dtype}")
    if image.shape != reference.shape:
        raise ValueError(f"pictures differ in size: {image.shape} and {reference.shape}")
    difference = image.astype(np.float64) - reference.astype(np.float64)
    return psnr_of_error(float(np.mean(np.square(difference))), peak)


def psnr_of_error(mean_square: float, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error."""
    return 10 * math.log10(peak**2 / mean_square) if mean_square else math.inf


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004), up to 1: 7x7 windows, mean over channels; 7 px."""
    from skimage.metrics import structural_similarity  # imports much of SciPy

    _check(image, reference)
    return float(structural_similarity(reference, image, channel_axis=2, data_range=255))


def outline_f1(image: np.ndarray, reference: np.ndarray) -> float:
    """F1 in 0..1 of ink, luma (Rec. 601) darker than 48 of 255; 0 without ink in either."""
    _check(image, reference)
    drawn, expected = _grey(image) < INK_LEVEL, _grey(reference) < INK_LEVEL
    total = np.count_nonzero(drawn) + np.count_nonzero(expected)
    return float(2 * np.count_nonzero(drawn & expected) / max(1, total))


def colour_error(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean CIE76 distance (2.3 is just noticeable, black to white 100) after a Gaussian blur of
    sigma 6 pixels, so that the exact place of strokes does not count.
    """
    _check(image, reference)
    return float(np.linalg.norm(_blurred_lab(image) - _blurred_lab(reference), axis=2).mean())


def grid_energy(image: np.ndarray) -> float:
    """Checkerboard artefacts: share of the luma's power (mean removed) at periods of exactly 2 and
    4 pixels, times 1e4; at least 12 pixels per side.

    Counted along both axes (each with the three lowest frequencies across, for a grid is seldom
    uniform) and where they cross. 0 for a flat picture; strokes have some too: compare with truth.
    """
    _check(image)
    height, width = image.shape[:2]
    if min(height, width) < 12:
        raise ValueError(f"grid energy needs at least 12 pixels per side, not {width}x{height}")
    grey = _grey(image).astype(np.float64)
    power = np.square(np.abs(np.fft.fft2(grey - grey.mean())))
    total = power.sum()
    if not total:
        return 0.0
    rows, columns = ([n // 2, n // 4, 3 * n // 4] for n in (height, width))
    periodic = power[rows, :3].sum() + power[:3, columns].sum() + power[np.ix_(rows, columns)].sum()
    return float(1e4 * periodic / total)


def against_truth(image: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """All scores of a translation, and the truth's own grid energy; at least 12 pixels per side."""
    return {
        "l1": l1(image, truth),
        "psnr_db": psnr(image, truth),
        "ssim": ssim(image, truth),
        "outline_f1": outline_f1(image, truth),
        "colour_error": colour_error(image, truth),
        "grid": grid_energy(image),
        "grid_truth": grid_energy(truth),
    }


def mean_scores(scores: list[dict[str, float]]) -> dict[str, float | int | None]:
    """Means by name, and `images`, their number; None: infinity. ValueError for an empty list."""
    if not scores:
        raise ValueError("no scores to average")
    means = {name: float(np.mean([row[name] for row in scores])) for name in scores[0]}
    rounded = {name: round(v, 5) if math.isfinite(v) else None for name, v in means.items()}
    return {"images": len(scores)} | rounded


class SiftMatches(NamedTuple):
    """inliers: matches that one similarity explains; of_itself: of the truth with itself; share:
    their ratio, None where the truth has too little detail.
    """

    inliers: int
    of_itself: int
    share: float | None


def sift_matches(image: np.ndarray, truth: np.ndarray) -> SiftMatches:
    """Matches with the truth that pass the ratio test and are inliers of one similarity; 16 px."""
    _check(image, truth)
    if min(image.shape[:2]) < 16:
        raise ValueError(f"SIFT needs at least 16 pixels per side, got {list(image.shape)}")
    expected = _keypoints(truth)
    of_itself = _inliers(expected, expected)
    inliers = of_itself and _inliers(_keypoints(image), expected)
    return SiftMatches(inliers, of_itself, inliers / of_itself if of_itself else None)


def _keypoints(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places float32 [N, 2] and descriptors float32 [N, 128]."""
    keypoints, descriptors = cv2.SIFT_create().detectAndCompute(_grey(image), None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    return np.array([keypoint.pt for keypoint in keypoints], np.float32), descriptors


def _inliers(points: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> int:
    if min(len(points[0]), len(expected[0])) < MIN_INLIERS:
        return 0
    # From the truth's side: each of its places counts once, however many in the other are similar.
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(expected[1], points[1], k=2)
    good = [first for first, second in nearest if first.distance < RATIO * second.distance]
    if len(good) < MIN_INLIERS:
        return 0
    places = expected[0][[match.queryIdx for match in good]]
    matched = points[0][[match.trainIdx for match in good]]
    ransac = {"method": cv2.RANSAC, "ransacReprojThreshold": _MAX_REPROJECTION_PX}
    _, mask = cv2.estimateAffinePartial2D(places, matched, **ransac)
    inliers = 0 if mask is None else int(mask.sum())
    return inliers if inliers >= MIN_INLIERS else 0


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)


def _blurred_lab(image: np.ndarray) -> np.ndarray:
    blurred = cv2.GaussianBlur(image, (0, 0), COLOUR_BLUR_SIGMA)
    return cv2.cvtColor(blurred.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _check(*images: np.ndarray) -> None:
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    if len({image.shape for image in images}) > 1:
        shapes = " and ".join(str(list(image.shape)) for image in images)
        raise ValueError(f"pictures differ in size: {shapes}")
