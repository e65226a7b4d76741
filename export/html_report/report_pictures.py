"""The report's pictures: held-out photos through teacher, student and int8 file, and details of
them enlarged.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from export.html_report.report_record import RunRecord
from tf_i2i.data.pixels import most_detailed_window
from tf_i2i.errors import UserError

ROWS = 5


DETAILS = 2


_LARGEST = 384


_DETAIL_SIDE = 112


@dataclasses.dataclass(frozen=True)
class Row:
    """One held-out photo. pictures: label to uint8 RGB [H, W, 3], all of one shape, the photo
    first.
    """

    name: str
    pictures: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """One direction's rows, and what is missing: sentences that tell the command which makes it."""

    direction: str
    rows: list[Row]
    missing: list[str]


def make_gallery(record: RunRecord, direction: str) -> Gallery:
    """Translates evenly chosen validation pictures at the scale of training; of huge ones the
    middle.
    """
    from tqdm import tqdm

    from training.evaluation.evaluated_pictures import cropped, validation
    from training.evaluation.evaluation import stride
    from training.evaluation.scoring import keras_translator
    from training.runs.finished_run import FinishedRun

    run = FinishedRun(record.root)
    models, missing = _keras_models(run, direction)
    translators = {name: keras_translator(model) for name, model in models.items()}
    exported, reason = _int8_file(record, direction)
    missing += [reason] if reason else []
    if exported:
        translators["int8 file"] = exported
    if not translators:
        return Gallery(direction, [], missing)
    try:
        everything = validation(run, direction)
        chosen = (
            np.linspace(0, len(everything.photos) - 1, min(ROWS, len(everything.photos)))
            .round()
            .astype(int)
        )
        pictures = cropped(
            dataclasses.replace(
                everything,
                names=[everything.names[i] for i in chosen],
                photos=[everything.photos[i] for i in chosen],
                truths=None
                if everything.truths is None
                else [everything.truths[i] for i in chosen],
            ),
            stride(models),
            min(filter(None, (_LARGEST, run.fixed_size, exported and exported.largest))),
        )
    except UserError as error:
        return Gallery(
            direction, [], [*missing, f"The validation pictures can't be shown: {error}"]
        )
    if pictures.truths is None:
        missing.append(
            "The true translations of these photos are not known, as is usual in unpaired training."
        )
    source, truth = ("input", "target") if record.in_pairs else ("photo", "truth")
    rows = []
    for i, photo in enumerate(tqdm(pictures.photos, "pictures", unit="row", delay=2)):
        columns = {source: photo} | {
            label: translate(photo) for label, translate in translators.items()
        }
        if pictures.truths is not None:
            columns[truth] = pictures.truths[i]
        rows.append(Row(pictures.names[i], columns))
    return Gallery(direction, rows, missing)


def _keras_models(run, direction: str) -> tuple[dict, list[str]]:
    models, missing = {}, []
    for model in ("teacher", "student"):
        try:
            models[model] = run.network(model, direction)
        except UserError as error:
            missing.append(f"There is no picture of the {model}: {error}")
    return models, missing


def _int8_file(record: RunRecord, direction: str):
    """The student's int8 file ready to run, or None and why."""
    from training.evaluation.scoring import ExportedFile

    entries = [
        entry
        for entry in record.exports
        if (entry.get("variant"), entry.get("model", "student"), entry.get("direction", "ab"))
        == ("int8", "student", direction)
    ]
    if not entries:
        command = f"python -m export.tflite --run {record.root} --direction {direction} --int8"
        return None, f"There is no int8 file of this direction; make it with: {command}"
    largest = max(entries, key=lambda entry: entry.get("size", 0))
    try:
        return ExportedFile(record.file(largest)), None
    except UserError as error:
        return None, f"The int8 file is not shown: {error}"


def details(gallery: Gallery) -> list[Row]:
    """Square cut-outs of the spots with most detail, doubled in size: each pixel becomes 2x2,
    nothing is smoothed.

    One from each half of the rows, so that they show different scenes; in the order student,
    teacher, file, truth.
    """
    found = []
    for part in np.array_split(np.arange(len(gallery.rows)), DETAILS):
        places = []
        for i in part:
            photo = next(iter(gallery.rows[i].pictures.values()))
            side = min(_DETAIL_SIDE, *photo.shape[:2])
            places.append((*most_detailed_window(photo, side), side, int(i)))
        if not places:
            continue
        _, top, left, side, i = max(places)
        pictures = gallery.rows[i].pictures
        enlarged = {
            label: pictures[label][top : top + side, left : left + side].repeat(2, 0).repeat(2, 1)
            for label in ("student", "teacher", "int8 file", "truth", "target")
            if label in pictures
        }
        found.append(Row(gallery.rows[i].name, enlarged))
    return found
