"""Whether translations still show the same people: verification by embeddings (Huang et al. 2007,
"Labeled Faces in the Wild").
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Verification(NamedTuple):
    """How well photos are matched with their own translations; an impostor is a photo with another
    person's translation, and without any (or a threshold) the scores that need them are None.

    distance, impostor_distance: means. accuracy: at the threshold, mean over the shares of both
    kinds classified correctly. same: share of own translations under the threshold. auc:
    probability that an own translation is nearer than an impostor's. impostors: number of pairs.
    """

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

    There are many more impostors, so each kind counts for half of the accuracy: 0.5 is chance.

    photos, translations: embeddings float [N, D], N at least 1. people: equal names are no
    impostors. threshold: Euclidean distance under which two embeddings are of one person.
    """
    distances = np.linalg.norm(photos[:, None] - translations[None], axis=-1)
    names = np.asarray(people)
    own, others = np.diag(distances), distances[names[:, None] != names[None]]
    same = None if threshold is None else float(np.mean(own < threshold))
    impostor_distance = accuracy = auc = None
    if others.size:
        impostor_distance, auc = float(others.mean()), area_under_curve(own, others)
        if threshold is not None:
            accuracy = float((same + np.mean(others >= threshold)) / 2)
    return Verification(float(own.mean()), impostor_distance, accuracy, same, auc, int(others.size))


def verification_scores(embeddings: np.ndarray, people: np.ndarray) -> dict[str, float | int]:
    """Scores over all pairs of pictures (Huang et al. 2007, section 3).

    embeddings: float [N, D]; people: int [N], who is in each picture.

    Returns:
        auc: probability that two pictures of one person are nearer than two of different people;
            0.5 is chance. threshold: Euclidean distance that divides the two kinds best, both
            counting as much; accuracy: at it, 0 to 1. same_pairs, other_pairs: how many;
            same_distance, other_distance: means.
    Raises ValueError: there are no pairs of one of the kinds.
    """
    first, second = np.triu_indices(len(people), 1)
    distances = np.linalg.norm(embeddings[first] - embeddings[second], axis=1)
    is_same = people[first] == people[second]
    same, other = distances[is_same], distances[~is_same]
    if not len(same) or not len(other):
        raise ValueError("verification needs pairs of one person and pairs of two")
    threshold, accuracy = best_threshold(same, other)
    return {
        "auc": area_under_curve(same, other),
        "threshold": threshold,
        "accuracy": accuracy,
        "same_pairs": len(same),
        "other_pairs": len(other),
        "same_distance": float(same.mean()),
        "other_distance": float(other.mean()),
    }


def area_under_curve(same: np.ndarray, other: np.ndarray) -> float:
    """Share of (same, other) distances in the right order, ties half (Mann and Whitney 1947)."""
    from sklearn.metrics import roc_auc_score  # takes 1.4 s to import

    labels = np.repeat([1.0, 0.0], [len(same), len(other)])
    return float(roc_auc_score(labels, -np.concatenate([same, other])))


def best_threshold(same: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The distance that divides both kinds best, and the mean of the shares it classifies right."""
    values = np.unique(np.concatenate([same, other]))
    thresholds = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    accuracies = [(np.mean(same < t) + np.mean(other >= t)) / 2 for t in thresholds]
    best = int(np.argmax(accuracies))
    return float(thresholds[best]), float(accuracies[best])
