"""One direction of a run evaluated: all its models on one set of pictures, by pixels and by judges."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from tf_i2i.data.pixels import centre_multiple, to_float, to_uint8
from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from training.evaluation import scoring
from training.evaluation.evaluated_pictures import Pictures, cropped, evaluated_pictures
from training.evaluation.judges import JudgedPhotos, Judges
from training.evaluation.scoring import STUDENT, TEACHER, ExportedFile, keras_translator
from training.options.evaluate_options import EvaluateOptions
from training.runs.finished_run import FinishedRun

_CYCLE_METRICS = {"l1": metrics.l1, "psnr_db": metrics.psnr, "ssim": metrics.ssim}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores and translations of some pictures by model, the scores of each picture as rows, and
    the teacher's way back, or None.
    """

    pictures: Pictures
    scores: dict[str, dict]
    rows: dict[str, list[dict[str, float]]]
    outputs: dict[str, list[np.ndarray]]
    reconstructions: list[np.ndarray] | None


def evaluate_direction(
    run: FinishedRun,
    options: EvaluateOptions,
    direction: str,
    exported: dict[str, ExportedFile],
    judges: Judges,
) -> Evaluation:
    """Scores the photos as they are ("untouched"), the run's networks and exported files, by names
    of their scores. Raises UserError for pictures that can't be used.
    """
    models = load_models(run, direction)
    multiple = stride(models)
    sides = [run.fixed_size, *(file.largest for file in exported.values())]
    max_side = min(filter(None, sides), default=None)
    pictures, styles = evaluated_pictures(run, options, direction)
    pictures = cropped(pictures, multiple, max_side)
    styles = [centre_multiple(picture, multiple, max_side) for picture in styles]
    translators = {name: keras_translator(model) for name, model in models.items()}
    rows, outputs = scoring.score_each(translators | exported, pictures)
    reconstructions = None
    if not run.paired and TEACHER in models:
        back = run.network(TEACHER, direction[::-1])
        reconstructions = _reconstruct(models[TEACHER], back, pictures.photos, rows[TEACHER])
    judged, scores = JudgedPhotos(pictures, styles, judges), {}
    for name, of_model in rows.items():
        if name == scoring.UNTOUCHED:
            scores[name] = metrics.mean_scores(of_model) | judged.distribution(outputs[name])
            continue
        for row, photo, output in zip(of_model, pictures.photos, outputs[name], strict=True):
            row["photo_psnr_db"] = metrics.psnr(output, photo)
            row["photo_ssim"] = metrics.ssim(output, photo)
        # Before the judges: their scores of single pictures may be missing in some rows.
        means = metrics.mean_scores(of_model)
        scores[name] = means | judged.judge(outputs[name], of_model, name)
    return Evaluation(pictures, scores, rows, outputs, reconstructions)


def load_models(run: FinishedRun, direction: str) -> dict:
    """{"teacher": model, "student": model}; prints why where there is no student. Raises UserError
    where there is neither.
    """
    if not run.has_teacher:
        return {STUDENT: run.network(STUDENT, direction)}
    models = {TEACHER: run.network(TEACHER, direction)}
    try:
        models[STUDENT] = run.network(STUDENT, direction)
    except UserError as error:
        print(f"no student is scored: {error}")
    return models


def stride(models: dict) -> int:
    """The sides of a picture must be multiples of this, for all of these Keras models; at least 4."""
    return math.lcm(4, *(getattr(model, "stride", 4) for model in models.values()))


def _reconstruct(
    forth, back, photos: Sequence[np.ndarray], rows: list[dict[str, float]]
) -> list[np.ndarray]:
    """x, G(x), F(G(x)) as floats (Zhu et al. 2017, equation 2); adds the errors to the rows."""
    outputs = []
    bar = tqdm(photos, "there and back", unit="image", delay=2)
    for photo, row in zip(bar, rows, strict=True):
        output = to_uint8(back(forth(to_float(photo[None]), training=False), training=False))[0]
        for name, metric in _CYCLE_METRICS.items():
            row[f"cycle_{name}"] = metric(output, photo)
        outputs.append(output)
    return outputs
