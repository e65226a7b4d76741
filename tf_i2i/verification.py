"""Do two pictures show one person? How well distances of embeddings tell."""

from __future__ import annotations

import numpy as np


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
