"""Whether translations still show the same people: verification by embeddings, as face networks are
themselves tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_i2i.verification import area_under_curve


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
