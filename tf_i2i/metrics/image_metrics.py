"""Scores of pictures against pictures, on uint8 RGB as people see it: likeness, outlines, colours,
checkerboard.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

INK_LEVEL = 48


COLOUR_BLUR_SIGMA = 6.0


def l1(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean absolute difference in steps of 0..255.

    Args: both uint8 RGB [H, W, 3]. Raises ValueError when shapes differ or the type is another.
    """
    _require_alike(image, reference)
    return float(np.mean(np.abs(image.astype(np.float64) - reference)))


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, peak 255: 48 and more is invisible, 20 plainly visible,
    equal pictures inf.

    Args: both uint8 RGB [H, W, 3]. Raises ValueError when shapes differ or the type is another.
    """
    _require_alike(image, reference)
    error = np.mean(np.square(image.astype(np.float64) - reference.astype(np.float64)))
    return 10 * math.log10(255.0**2 / error) if error else math.inf


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004), at most 1 (equal): uniform 7x7 windows, mean over
    the channels.

    Args: both uint8 RGB [H, W, 3], at least 7 pixels a side. Raises ValueError otherwise.
    """
    from skimage.metrics import structural_similarity

    _require_alike(image, reference)
    return float(structural_similarity(reference, image, channel_axis=2, data_range=255))


def misread_ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """What SSIM comes to when pixels in [-1, 1] are given with the range of 0..255: for showing the
    mistake, not a score.

    The constants that keep the quotients finite (Wang et al. 2004, equation 13) grow with the
    square of the range; here they outweigh the pictures, and nearly any two have 0.9 and more.

    Args: as `ssim`.
    """
    from skimage.metrics import structural_similarity

    _require_alike(image, reference)
    floats = (picture.astype(np.float64) / 127.5 - 1 for picture in (reference, image))
    return float(structural_similarity(*floats, channel_axis=2, data_range=255))


def outline_f1(image: np.ndarray, reference: np.ndarray) -> float:
    """F1 in 0..1 of ink, pixel by pixel: where the reference is inked is the image too, and nowhere
    else.

    Ink is darker than 48 of 255 grey levels (luma of Rec. 601). With no ink in either picture it is
    0.

    Args: both uint8 RGB [H, W, 3]. Raises ValueError when shapes differ or the type is another.
    """
    _require_alike(image, reference)
    drawn, wanted = _grey(image) < INK_LEVEL, _grey(reference) < INK_LEVEL
    return float(
        2
        * np.count_nonzero(drawn & wanted)
        / max(1, np.count_nonzero(drawn) + np.count_nonzero(wanted))
    )


def colour_error(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean CIE76 distance (2.3 is just noticeable, black to white 100) after a Gaussian blur of
    sigma 6 pixels.

    The blur spreads strokes out, so that their exact place does not count here.

    Args: both uint8 RGB [H, W, 3]. Raises ValueError when shapes differ or the type is another.
    """
    _require_alike(image, reference)
    return float(np.linalg.norm(_blurred_lab(image) - _blurred_lab(reference), axis=2).mean())


def grid_energy(image: np.ndarray) -> float:
    """Checkerboard: share of the luma's power (mean removed) at periods of exactly 2 and 4 pixels,
    times 1e4.

    Counted along both axes (each with the three lowest frequencies across, for a grid seldom stands
    alone) and where they cross. 0 for a flat picture; to be read beside that of a true picture,
    since strokes have some of it too.

    Args: image: uint8 RGB [H, W, 3], at least 12 pixels a side. Raises ValueError otherwise.
    """
    _require_picture(image)
    height, width = image.shape[:2]
    if min(height, width) < 12:
        raise ValueError(f"grid energy needs at least 12 pixels a side, not {width}x{height}")
    grey = _grey(image).astype(np.float64)
    power = np.square(np.abs(np.fft.fft2(grey - grey.mean())))
    total = power.sum()
    if not total:
        return 0.0
    rows, columns = ([n // 2, n // 4, 3 * n // 4] for n in (height, width))
    periodic = power[rows, :3].sum() + power[:3, columns].sum() + power[np.ix_(rows, columns)].sum()
    return float(1e4 * periodic / total)


def against_truth(image: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """All scores of one translation and, as grid_truth, the grid energy that the truth itself has.

    Args: both uint8 RGB [H, W, 3], at least 12 pixels a side. Raises ValueError otherwise.
    """
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
    """Means over pictures by name, beside `images`, their number; None (JSON has no inf) for an
    infinite mean.

    Raises ValueError for an empty list.
    """
    if not scores:
        raise ValueError("no scores to average")
    means = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    return {"images": len(scores)} | {
        name: round(v, 5) if math.isfinite(v) else None for name, v in means.items()
    }


def _grey(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)


def _blurred_lab(image: np.ndarray) -> np.ndarray:
    import cv2

    blurred = cv2.GaussianBlur(image, (0, 0), COLOUR_BLUR_SIGMA)
    return cv2.cvtColor(blurred.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _require_picture(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")


def _require_alike(image: np.ndarray, reference: np.ndarray) -> None:
    _require_picture(image)
    _require_picture(reference)
    if image.shape != reference.shape:
        raise ValueError(
            f"pictures differ in size: {list(image.shape)} and {list(reference.shape)}"
        )


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
