"""One direction of a run evaluated: all its models on one set of pictures, by pixels and by judging
networks.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from tf_i2i.data.pixels import centre_multiple
from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from training.evaluation.evaluated_pictures import EvaluatedData, cropped
from training.evaluation.judges import Judges, PhotoSide, to_photo
from training.evaluation.scoring import (
    ExportedFile,
    Pictures,
    keras_translator,
    score_each,
)
from training.runs.finished_run import FinishedRun

UNTOUCHED, TEACHER = "untouched", "teacher"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """pictures: what was translated; scores: by model; rows: of each picture, by model; outputs:
    the pictures, by model;
    cycle: the teacher's way back, or None; notes: what a reader must know."""

    direction: str
    pictures: Pictures
    scores: dict[str, dict]
    rows: dict[str, list[dict[str, float]]]
    outputs: dict[str, list[np.ndarray]]
    cycle: list[np.ndarray] | None
    notes: list[str]


def evaluate_direction(
    run: FinishedRun,
    options,
    direction: str,
    data: EvaluatedData,
    exported: tuple[str, ExportedFile] | None,
    judges: Judges,
) -> Evaluation:
    """Scores the photos as they are ("untouched"), the run's networks and the file `exported` (its
    name, and itself).

    options: has split, input, target, domain_a, domain_b.

    Raises:
        UserError: pictures that can't be used.
    """
    models = load_models(run, direction)
    largest = min(filter(None, (run.fixed_size, exported and exported[1].largest)), default=None)
    whole = data.named(options, direction)
    pictures = cropped(whole, stride(models), largest)
    styles = [
        centre_multiple(picture, stride(models), largest)
        for picture in data.styles(options, direction, whole)
    ]
    translators = {name: keras_translator(model) for name, model in models.items()} | dict(
        [exported] if exported else []
    )
    rows, outputs = score_each(translators, pictures)
    side, scores, cycle = PhotoSide(pictures, styles, judges), {}, None
    if not run.paired:
        cycle = _there_and_back(
            models[TEACHER],
            run.network(TEACHER, direction[::-1]),
            pictures.photos,
            rows[TEACHER],
        )
    for name, of_model in rows.items():
        if name == UNTOUCHED:
            scores[name] = metrics.mean_scores(of_model) | side.distribution(outputs[name])
            continue
        for row, photo, output in zip(of_model, pictures.photos, outputs[name], strict=True):
            row |= to_photo(photo, output)
        means = metrics.mean_scores(of_model)
        judged, judged_rows = side.judged(outputs[name], name)
        scores[name] = means | judged
        for row, more in zip(of_model, judged_rows, strict=True):
            row |= more
    notes = [
        *judges.notes(),
    ]
    return Evaluation(direction, pictures, scores, rows, outputs, cycle, notes)


def load_models(run: FinishedRun, direction: str) -> dict:
    """{"teacher": model, "student": model}, the student only where there is one (why not is
    printed).
    """
    models = {TEACHER: run.network(TEACHER, direction)}
    try:
        models["student"] = run.network("student", direction)
    except UserError as error:
        print(f"no student is scored: {error}")
    return models


def stride(models: dict) -> int:
    """What the sides of a picture must be multiples of, for all of these Keras models, and 4 at
    least.
    """
    return math.lcm(4, *(getattr(model, "stride", 4) for model in models.values()))


def _there_and_back(
    forth, back, photos: Sequence[np.ndarray], rows: list[dict[str, float]]
) -> list[np.ndarray]:
    """x, G(x), F(G(x)) as floats all the way (Zhu et al. 2017, equation 2); adds the error to the
    rows.
    """
    from tf_i2i.data.pixels import to_float, to_uint8

    found = []
    for photo, row in zip(tqdm(photos, "there and back", unit="image", delay=2), rows, strict=True):
        again = to_uint8(back(forth(to_float(photo[None]), training=False), training=False))[0]
        row |= {f"cycle_{name}": measure(again, photo) for name, measure in _CYCLE.items()}
        found.append(again)
    return found


_CYCLE: dict[str, Callable] = {"l1": metrics.l1, "psnr_db": metrics.psnr, "ssim": metrics.ssim}
