"""Whether translations still show the same people: verification by embeddings, as face networks are
themselves tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Verification(NamedTuple):
    """distance: mean of a photo and its own translation; impostor_distance: of a photo and another
    person's translation;
    accuracy: mean of the shares of both kinds that the threshold tells rightly, None without a
        threshold or impostors;
    same: the share of own translations under the threshold; auc: probability that an own
    translation is nearer than an impostor's, None without impostors; impostors: how many such pairs
    there are."""

    distance: float
    impostor_distance: float | None
    accuracy: float | None
    same: float | None
    auc: float | None
    impostors: int


def verify(
    photos: np.ndarray, translations: np.ndarray, people: Sequence[str], threshold: float | None
) -> Verification:
    """Pairs each photo with its translation and, as impostors, with those of all other people.

    There are many more impostors than own translations, so either kind counts for half of the
    accuracy: 0.5 is chance. The protocol is that of Huang et al. 2007 ("Labeled Faces in the
        Wild"), with all pairs in place of a list.

    Args:
        photos, translations: embeddings float [N, D], N at least 1. people: who is on each; equal
            names are no impostors.
        threshold: Euclidean distance under which two embeddings are one person's.
    """
    distances = np.linalg.norm(photos[:, None] - translations[None], axis=-1)
    names = np.asarray(people)
    own, others = np.diag(distances), distances[names[:, None] != names[None]]
    same = None if threshold is None else float(np.mean(own < threshold))
    told = (
        None
        if same is None or not others.size
        else float((same + np.mean(others >= threshold)) / 2)
    )
    apart = float(others.mean()) if others.size else None
    auc = area_under_curve(own, others) if others.size else None
    return Verification(float(own.mean()), apart, told, same, auc, int(others.size))


def verification_scores(embeddings: np.ndarray, people: np.ndarray) -> dict[str, float | int]:
    """Scores over all pairs of pictures (Huang et al. 2007, "Labeled Faces in the Wild", section
    3).

    Args:
        embeddings: float [N, D].
        people: int [N], whose picture each is; at least one person has two, and there are two
            people.

    Returns:
        auc: probability that two pictures of one person are nearer than two of different people;
            0.5 is chance.
        threshold: Euclidean distance that divides the two kinds best, both counting as much;
            accuracy: at it, 0 to 1.
        same_pairs, other_pairs: how many; same_distance, other_distance: means.

    Raises:
        ValueError: there are no pairs of one of the kinds.
    """
    first, second = np.triu_indices(len(people), 1)
    distances = np.linalg.norm(embeddings[first] - embeddings[second], axis=1)
    same = people[first] == people[second]
    if same.all() or not same.any():
        raise ValueError("verification needs pairs of one person and pairs of two")
    threshold, accuracy = best_threshold(distances[same], distances[~same])
    return {
        "auc": area_under_curve(distances[same], distances[~same]),
        "threshold": threshold,
        "accuracy": accuracy,
        "same_pairs": int(same.sum()),
        "other_pairs": int((~same).sum()),
        "same_distance": float(distances[same].mean()),
        "other_distance": float(distances[~same].mean()),
    }


def area_under_curve(same: np.ndarray, other: np.ndarray) -> float:
    """Area under the receiver operating characteristic of distances: the share of (same, other)
    pairs in right order, ties counting half (Mann and Whitney 1947)."""
    from sklearn.metrics import roc_auc_score

    labels = np.concatenate([np.ones(len(same)), np.zeros(len(other))])
    return float(roc_auc_score(labels, -np.concatenate([same, other])))


def best_threshold(same: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The distance below which pairs are best taken for one person, and the mean of both kinds'
    shares that are right.
    """
    found = np.unique(np.concatenate([same, other]))
    between = (found[1:] + found[:-1]) / 2 if len(found) > 1 else found
    right = [(np.mean(same < cut) + np.mean(other >= cut)) / 2 for cut in between]
    best = int(np.argmax(right))
    return float(between[best]), float(right[best])
