"""The pictures that a model does worst on, by each score: names for the JSON, and a sheet."""

import math

import numpy as np

from tf_i2i.data.pixels import centre_square, resize_square
from training.evaluation.evaluation import Evaluation
from training.evaluation.score_table import SCORES, score_text
from training.evaluation.scoring import TEACHER
from training.reporting.image_grid import labelled_grid

_PER_SCORE = 2
_SIDE = 192
_MAX_NAME = 22
# Those that compare with the truth are the most telling, so they come first.
_RANKED = ("ssim", "outline_f1", "identity_distance", "mask_iou", "cycle_l1", "photo_ssim")


def worst_cases(evaluation: Evaluation, model: str) -> dict[str, list[dict]]:
    """By score the worst pictures, the very worst first: [{"name", "value"}, ...]."""
    names, rows = evaluation.pictures.names, evaluation.rows[model]
    return {
        score: [{"name": names[i], "value": round(rows[i][score], 5)} for i in places]
        for score, places in _worst_places(evaluation, model).items()
    }


def worst_sheet(evaluation: Evaluation, model: str) -> np.ndarray:
    """A row for each of the worst cases: photo, translation, the way back and the truth, as far as
    they are known. The middle square of each, 192 pixels per side: uint8 [H, W, 3].
    """
    pictures, rows, labels = evaluation.pictures, [], []
    translations = {f"translation by {model}"[-26:]: evaluation.outputs[model]}
    columns = {"photo": pictures.photos} | translations
    if evaluation.reconstructions is not None and model == TEACHER:
        columns["back again"] = evaluation.reconstructions
    if pictures.truths is not None:
        columns["truth"] = pictures.truths
    for score, places in _worst_places(evaluation, model).items():
        for place in places:
            name, value = pictures.names[place], evaluation.rows[model][place][score]
            name = name if len(name) <= _MAX_NAME else "..." + name[-_MAX_NAME + 3 :]
            labels.append(f"{SCORES[score].head} {score_text(score, value)}\n{name}")
            rows.append(place)
    squares = {
        label: np.stack([resize_square(centre_square(column[i]), _SIDE) for i in rows])
        for label, column in columns.items()
    }
    return labelled_grid(squares, labels)


def _worst_places(evaluation: Evaluation, model: str) -> dict[str, list[int]]:
    """By score, indices of pictures."""
    rows, worst = evaluation.rows[model], {}
    for score in _RANKED:
        known = (i for i, row in enumerate(rows) if math.isfinite(row.get(score, math.inf)))
        more = SCORES[score].more_is_better
        order = sorted(known, key=lambda i, name=score: rows[i][name], reverse=not more)
        if order:
            worst[score] = order[:_PER_SCORE]
    return worst
