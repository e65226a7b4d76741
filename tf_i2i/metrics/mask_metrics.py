"""What a translation does to the classes of a picture, by the masks of a segmentation network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def class_changes(
    photos: Sequence[np.ndarray], translations: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    """By class, the most frequent one first: its mean share of the photos' pixels ("photo") and of
    the translations' ("translation"), and "iou", intersection over union of all pixels of all
    pictures together (Long et al. 2015, section 5).

    Args: integer label maps, the two of a place of one shape; at least one.
    """
    classes = np.unique(np.concatenate([mask.ravel() for mask in (*photos, *translations)]))
    found = {}
    for number in classes:
        before, after = ([mask == number for mask in masks] for masks in (photos, translations))
        both = sum(np.count_nonzero(a & b) for a, b in zip(before, after, strict=True))
        either = sum(np.count_nonzero(a | b) for a, b in zip(before, after, strict=True))
        shares = (
            round(float(np.mean([mask.mean() for mask in masks])), 5) for masks in (before, after)
        )
        found[str(number)] = dict(zip(("photo", "translation"), shares, strict=True)) | {
            "iou": round(both / either, 5)
        }
    return dict(sorted(found.items(), key=lambda item: -item[1]["photo"]))


def mean_iou(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that either has of intersection over union (Long et al. 2015, section
    5): 0 to 1, equal 1.

    Args: integer label maps [H, W] of one shape. Raises ValueError when shapes differ.
    """
    if labels.shape != truth.shape:
        raise ValueError(f"masks differ in size: {list(labels.shape)} and {list(truth.shape)}")
    classes = np.union1d(labels, truth)
    ious = [
        np.sum((labels == c) & (truth == c)) / np.sum((labels == c) | (truth == c)) for c in classes
    ]
    return float(np.mean(ious))
