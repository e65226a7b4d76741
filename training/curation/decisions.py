"""Which pictures of a domain are left out, and why: from the measurements alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_i2i.data.image_files import resize_short_side
from tf_i2i.data.pixels import centre_square
from tf_i2i.data.screening import DUPLICATE, GREY, TOO_SMALL, Dropped, Limits, drop_reason
from tf_i2i.errors import UserError, one_line
from training.curation.measures import Look, picture_within
from training.curation.near_copies import near_copies
from training.curation.scans import Box

UNREADABLE, TEXT, NOT_SHARED = "unreadable", "page of text", "not in both domains"


REASONS = (UNREADABLE, TOO_SMALL, GREY, TEXT, DUPLICATE, NOT_SHARED)


@dataclass
class Domain:
    """One folder and what was decided about its pictures.

    Attributes:
        root: the folder. files: name -> path, in their order.
        looks: name -> measurements, of those that could be read.
        rejects: name -> why it is left out.
    """

    root: Path
    files: dict[str, Path]
    looks: dict[str, Look] = field(default_factory=dict)
    rejects: dict[str, Dropped] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, Look]:
        return {name: look for name, look in self.looks.items() if name not in self.rejects}

    @property
    def trims(self) -> dict[str, Box]:
        """Name -> what is left without margins, of the pictures that stay."""
        return {name: look.box for name, look in self.kept.items() if look.box}

    def take(self, name: str, found: Look | str) -> None:
        if isinstance(found, Look):
            self.looks[name] = found
        else:
            self.rejects[name] = Dropped(UNREADABLE, found)


def judge(domain: Domain, limits: Limits, max_text: float, copies: bool) -> None:
    """Decides on all pictures of one domain by themselves.

    Args:
        limits: of size and chroma. max_text: share of the picture that text may cover. copies:
            whether they may stay.
    """
    for name, look in domain.looks.items():
        if reason := drop_reason(look.features, limits):
            domain.rejects[name] = reason
        elif look.text > max_text:
            domain.rejects[name] = Dropped(
                TEXT, f"text covers {look.text:.2f} of it, over {max_text:g}"
            )
    if copies:
        return
    views = {name: look.view for name, look in domain.kept.items()}
    found = near_copies(
        views, progress=lambda names: tqdm(names, "comparing", unit="picture", delay=1)
    )
    for name, (stays, likeness) in found.items():
        domain.rejects[name] = Dropped(DUPLICATE, f"of {stays}, likeness {likeness:.3f}")


def counts_of(domains: Sequence[Domain]) -> list[tuple[str, list[int]]]:
    """Lines of a table: what, how many in each domain."""
    found = [Counter(dropped.reason for dropped in domain.rejects.values()) for domain in domains]
    lines = [("pictures", [len(domain.files) for domain in domains])]
    lines += [(reason, [count[reason] for count in found]) for reason in REASONS]
    lines.append(("kept", [len(domain.kept) for domain in domains]))
    return [*lines, ("of these with margins", [len(domain.trims) for domain in domains])]


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
        features: maps uint8 pictures to float64 [N, D], as `tf_i2i.metrics.feature_networks` does.
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
