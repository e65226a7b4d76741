"""What a translation does to the classes of a picture, by the masks of a segmentation network."""

from collections.abc import Sequence

import numpy as np


def class_changes(
    photos: Sequence[np.ndarray], translations: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    """By class, the most frequent first: mean shares of the photos' and translations' pixels, and
    iou over all pixels of all pictures together (Long et al. 2015, section 5).

    Integer label maps, at least one each; a photo and its translation have one shape.
    """
    changes = {}
    for label in np.unique(np.concatenate([mask.ravel() for mask in (*photos, *translations)])):
        before, after = ([mask == label for mask in masks] for masks in (photos, translations))
        pairs = list(zip(before, after, strict=True))
        intersection = sum(np.count_nonzero(a & b) for a, b in pairs)
        union = sum(np.count_nonzero(a | b) for a, b in pairs)
        changes[str(label)] = {
            "photo": round(float(np.mean([mask.mean() for mask in before])), 5),
            "translation": round(float(np.mean([mask.mean() for mask in after])), 5),
            "iou": round(intersection / union, 5),
        }
    return dict(sorted(changes.items(), key=lambda item: -item[1]["photo"]))


def mean_iou(labels: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union (Long et al. 2015, section 5), mean over the classes in either: 0..1.

    Integer label maps [H, W]; ValueError when their shapes differ.
    """
    if labels.shape != truth.shape:
        raise ValueError(f"masks differ in size: {list(labels.shape)} and {list(truth.shape)}")
    classes = [(labels == c, truth == c) for c in np.union1d(labels, truth)]
    return float(np.mean([np.sum(a & b) / np.sum(a | b) for a, b in classes]))
