"""What two domains have in common: CycleGAN invents whatever only one of them has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_i2i.errors import UserError, one_line
from tf_i2i.images import resize_short_side
from tf_i2i.photo_pairs import Dropped
from training.curating.judging import NOT_SHARED, Domain
from training.curating.looks import picture_within
from training.sample_grid import centre_square

_FEATURE_SIDE = 128
_BATCH = 64
# The range of face sizes goes from one percentile to another, and a little further.
_PERCENTILES, _ROOM = (5, 95), 1.25


def match_portraits(domains: Sequence[Domain], least: float) -> tuple[float, float]:
    """Keeps pictures with a face of a size that faces have in both domains.

    Args:
        least: side of the largest face over the picture's shorter side that makes a portrait.

    Returns:
        The range of that share that is kept.

    Raises:
        UserError: a domain has no portraits, or they have no size in common.
    """
    ranges = []
    for domain in domains:
        shares = [
            look.features.face_ratio
            for look in domain.kept.values()
            if look.features.face_ratio >= least
        ]
        if not shares:
            raise UserError(
                f"--match portraits: no face of {least:g} of the shorter side was found in {one_line(domain.root)}; "
                "give a smaller --min-face, or leave --match away"
            )
        ranges.append(np.percentile(shares, _PERCENTILES))
    low = max(least, max(one[0] for one in ranges) / _ROOM)
    high = min(one[1] for one in ranges) * _ROOM
    if low > high:
        said = " and ".join(f"{one[0]:.2f} to {one[1]:.2f}" for one in ranges)
        raise UserError(
            f"--match portraits: faces are {said} of the shorter side, no size is in both; crop one domain"
        )
    for domain in domains:
        for name, look in domain.kept.items():
            share = look.features.face_ratio
            if not low <= share <= high:
                found = f"its largest face is {share:.2f} of it" if share else "no face found"
                domain.rejects[name] = Dropped(
                    NOT_SHARED, f"{found}, both domains have {low:.2f} to {high:.2f}"
                )
    return float(low), float(high)


def match_features(domains: Sequence[Domain], features, neighbours: int, progress) -> None:
    """Keeps pictures that lie where the other domain's pictures lie, in the space of a feature
    network.

    After Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
    Models": a set's place is the union of spheres around its members that reach to their k-th
    neighbours. Each domain's mean is taken off first: as a whole the two differ by style, which is
    what shall be learned.

    Args:
        features: maps uint8 pictures to float64 [N, D], as `tf_i2i.feature_networks` does.
        neighbours: k.
        progress: wraps the iteration over all pictures.

    Raises:
        UserError: a domain has too few pictures.
    """
    names = [list(domain.kept) for domain in domains]
    for domain, kept in zip(domains, names, strict=True):
        if len(kept) <= neighbours:
            raise UserError(
                f"--match features: {len(kept)} pictures are left in {one_line(domain.root)}, more than --neighbours "
                f"{neighbours} are needed"
            )
    bar = iter(
        progress(
            [(domain, name) for domain, kept in zip(domains, names, strict=True) for name in kept]
        )
    )
    found = [_features_of(len(kept), bar, features) for kept in names]
    found = [one - one.mean(axis=0) for one in found]
    spread = np.sqrt(np.mean([one.var(axis=0) for one in found], axis=0)) + 1e-6
    found = [one / spread for one in found]
    for own, other, domain, kept in ((0, 1, domains[0], names[0]), (1, 0, domains[1], names[1])):
        reach = np.sort(_distances(found[other], found[other]), axis=1)[:, neighbours]
        inside = _distances(found[own], found[other]) - reach
        for name, depth in zip(kept, inside.min(axis=1), strict=True):
            if depth > 0:
                domain.rejects[name] = Dropped(
                    NOT_SHARED, f"{depth:.1f} away from all that the other domain shows"
                )


def _features_of(count: int, pictures, features) -> np.ndarray:
    found, batch = [], []
    for _ in range(count):
        domain, name = next(pictures)
        image = picture_within(domain.files[name], domain.looks[name], 4 * _FEATURE_SIDE)
        batch.append(centre_square(resize_short_side(image, _FEATURE_SIDE), _FEATURE_SIDE))
        if len(batch) == _BATCH or len(found) * _BATCH + len(batch) == count:
            found.append(features(batch))
            batch = []
    return np.concatenate(found)


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Euclidean, [N, M]."""
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squared, 0))
