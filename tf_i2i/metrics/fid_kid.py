"""How far two sets of pictures are apart, by their features: Frechet distance (FID) and kernel
distance (KID).

Both are 0 in expectation for two samples of one distribution (FID only in the limit of many
pictures) and grow as the distributions part. Their size means nothing by itself: only numbers from
the same features can be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_IN_SUBSET = 1000


LEAST_PICTURES = 4


class KernelDistance(NamedTuple):
    """value: mean over the subsets, unbiased, so it may lie a little below 0; error: the subsets'
    standard deviation.
    """

    value: float
    error: float


def frechet_of_gaussians(
    mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray
) -> float:
    """Squared Frechet (2-Wasserstein) distance of two Gaussians (Dowson and Landau 1982, equation
    16).

    Args: means float [D]; covariances float [D, D], symmetric, not negative.
    """
    # The trace of the root of a product of covariances is the sum of singular values of the product
    # of their roots.
    mixed = np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum()
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * mixed)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """FID (Heusel et al. 2017, equation 6): the Frechet distance of the Gaussians with the samples'
    means and covariances.

    Biased upwards, the more the fewer pictures: compare sets of equal size. Needs no D x D matrix,
    so features may be longer than pictures are many.

    Args: features float [N, D] and [M, D]. Raises ValueError for fewer than 2 of either or other
        shapes.
    """
    a, b = _checked(a, b, 2)
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    # The triangles of QR stand for the samples: at most D rows each, and no more than there are
    # pictures.
    triangles = [np.linalg.qr(x, mode="r") for x in centred]
    mixed = np.linalg.svd(triangles[0] @ triangles[1].T, compute_uv=False).sum()
    traces = sum(np.square(x).sum() for x in centred)
    return float(max(0.0, np.square(a.mean(0) - b.mean(0)).sum() + traces - 2 * mixed))


def squared_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3)
    under the kernel of Binkowski et al. 2018, section 3: k(x, y) = (x.y / D + 1)^3.

    Args: features float [N, D] and [M, D]. Raises ValueError for fewer than 2 of either or other
        shapes.
    """
    a, b = _checked(a, b, 2)
    within = [
        (kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1))
        for kernel in (_k(a, a), _k(b, b))
    ]
    return float(within[0] + within[1] - 2 * _k(a, b).mean())


def kernel_distance(
    a: np.ndarray, b: np.ndarray, subsets: int = 100, seed: int = 0
) -> KernelDistance:
    """KID (Binkowski et al. 2018): mean and spread of `squared_mmd` over random subsets, the same
    ones for a seed.

    A subset is half of the smaller set, at most 1,000 pictures. The spread of halves is about the
    standard error of the whole set's estimate where the sets differ (the delete-half jackknife:
    Shao and Wu 1989), and about twice that where they do not; that of smaller shares is larger.

    Args: features float [N, D] and [M, D]. Raises ValueError for fewer than 4 of either or other
        shapes.
    """
    a, b = _checked(a, b, LEAST_PICTURES)
    size = min(MOST_IN_SUBSET, len(a) // 2, len(b) // 2)
    random = np.random.default_rng(seed)
    drawn = [
        squared_mmd(a[random.permutation(len(a))[:size]], b[random.permutation(len(b))[:size]])
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(drawn)), float(np.std(drawn)))


def _k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _checked(a: np.ndarray, b: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"features must be [N, D] and [M, D], not {list(a.shape)} and {list(b.shape)}"
        )
    if min(len(a), len(b)) < least:
        raise ValueError(f"{len(a)} and {len(b)} pictures: at least {least} of either are needed")
    return a, b
