"""The pictures that a model does worst on, by each score: names for the JSON, and a sheet to look
at.
"""

from __future__ import annotations

import math

import numpy as np

from tf_i2i.data.pixels import centre_square, resize_square
from training.evaluation.evaluation import Evaluation
from training.evaluation.score_table import SCORES, score_text
from training.reporting.image_grid import labelled_grid

_OF_A_SCORE = 2


_SIDE = 192


_NAME_LETTERS = 22


# Those of the truth say most, so they stand first.
_RANKED = ("ssim", "outline_f1", "identity_distance", "mask_iou", "cycle_l1", "photo_ssim")


def worst_cases(evaluation: Evaluation, model: str) -> dict[str, list[dict]]:
    """For each score that the pictures have, the worst ones, the very worst first: [{"name",
    "value"}, ...].
    """
    return {
        score: [
            {
                "name": evaluation.pictures.names[i],
                "value": round(evaluation.rows[model][i][score], 5),
            }
            for i in places
        ]
        for score, places in _worst_places(evaluation, model).items()
    }


def worst_sheet(evaluation: Evaluation, model: str) -> np.ndarray:
    """A row for each of the worst cases: photo, translation, the way back and the truth, where
    there are these.

    The middle square of each, 192 pixels a side: uint8 [H, W, 3].
    """
    worst = _worst_places(evaluation, model)
    places = [place for found in worst.values() for place in found]
    labels = [
        _label(evaluation, model, score, place) for score, found in worst.items() for place in found
    ]
    columns = {
        "photo": evaluation.pictures.photos,
        f"translation by {model}"[-26:]: evaluation.outputs[model],
    }
    if evaluation.cycle is not None and model == "teacher":
        columns["back again"] = evaluation.cycle
    if evaluation.pictures.truths is not None:
        columns["truth"] = evaluation.pictures.truths
    return labelled_grid(
        {
            label: np.stack([_square(pictures[place]) for place in places])
            for label, pictures in columns.items()
        },
        labels,
    )


def _worst_places(evaluation: Evaluation, model: str) -> dict[str, list[int]]:
    rows = evaluation.rows[model]
    found = {}
    for score in _RANKED:
        places = [
            place for place, row in enumerate(rows) if score in row and math.isfinite(row[score])
        ]
        places.sort(key=lambda place: rows[place][score], reverse=not SCORES[score].more_is_better)
        if places:
            found[score] = places[:_OF_A_SCORE]
    return found


def _label(evaluation: Evaluation, model: str, score: str, place: int) -> str:
    name = evaluation.pictures.names[place]
    short = name if len(name) <= _NAME_LETTERS else "..." + name[-_NAME_LETTERS + 3 :]
    return (
        f"{SCORES[score].head} {score_text(score, evaluation.rows[model][place][score])}\n{short}"
    )


def _square(picture: np.ndarray) -> np.ndarray:
    return resize_square(centre_square(picture), _SIDE)
