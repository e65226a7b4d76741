"""How far two sets of pictures are apart by their features: FID (Frechet) and KID (kernel).

Both are 0 in expectation for two samples of one distribution (FID only in the limit of many
pictures) and grow as the distributions part. Only numbers from the same features can be compared.
All functions take features float [N, D] and [M, D] and raise ValueError for other shapes or too few
pictures: fewer than 2 of either, 4 for KID.
"""

from typing import NamedTuple

import numpy as np

MAX_IN_SUBSET = 1000
MIN_PICTURES = 4


class KernelDistance(NamedTuple):
    """value: mean over the subsets, unbiased, maybe a little below 0; error: standard deviation."""

    value: float
    error: float


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """FID (Heusel et al. 2017, equation 6): Frechet distance of Gaussians fitted to the samples.

    Biased upwards, the more the fewer pictures: compare sets of equal size. Needs no D x D matrix.
    """
    a, b = _checked(a, b, 2)
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    # The triangles of QR replace the samples: at most D rows, and no more than there are pictures.
    triangles = [np.linalg.qr(x, mode="r") for x in centred]
    # Trace of the root of the covariances' product: the singular values of their roots' product.
    mixed = np.linalg.svd(triangles[0] @ triangles[1].T, compute_uv=False).sum()
    traces = sum(np.square(x).sum() for x in centred)
    return float(max(0.0, np.square(a.mean(0) - b.mean(0)).sum() + traces - 2 * mixed))


def squared_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3)
    under the kernel of Binkowski et al. 2018, section 3: k(x, y) = (x.y / D + 1)^3.
    """
    a, b = _checked(a, b, 2)
    kernels = _kernel(a, a), _kernel(b, b)
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernels)
    return float(within - 2 * _kernel(a, b).mean())


def kernel_distance(
    a: np.ndarray, b: np.ndarray, subsets: int = 100, seed: int = 0
) -> KernelDistance:
    """KID (Binkowski et al. 2018): mean and spread of `squared_mmd` over random subsets, seeded.

    A subset is half of the smaller set, at most 1,000 pictures. The spread of halves is about the
    standard error of the whole set's estimate where the sets differ (the delete-half jackknife:
    Shao and Wu 1989), and about twice that where they do not; that of smaller shares is larger.
    """
    a, b = _checked(a, b, MIN_PICTURES)
    size = min(MAX_IN_SUBSET, len(a) // 2, len(b) // 2)
    random = np.random.default_rng(seed)
    values = [
        squared_mmd(a[random.permutation(len(a))[:size]], b[random.permutation(len(b))[:size]])
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def distribution_scores(a: np.ndarray, b: np.ndarray) -> dict[str, float | None]:
    """kid, kid_error and fid of two sets of features; None for fewer than 4 pictures of either."""
    if min(len(a), len(b)) < MIN_PICTURES:
        return {"kid": None, "kid_error": None, "fid": None}
    kid = kernel_distance(a, b)
    scores = {"kid": kid.value, "kid_error": kid.error, "fid": frechet_distance(a, b)}
    return {name: round(value, 5) for name, value in scores.items()}


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _checked(a: np.ndarray, b: np.ndarray, minimum: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features must be [N, D] and [M, D], not {a.shape} and {b.shape}")
    if min(len(a), len(b)) < minimum:
        raise ValueError(f"{len(a)} and {len(b)} pictures: at least {minimum} of each are needed")
    return a, b
