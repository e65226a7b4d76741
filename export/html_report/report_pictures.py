"""The report's pictures: held-out photos through teacher, student and int8 file, and details."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from export.html_report.report_record import RunRecord
from tf_i2i.command_line import command
from tf_i2i.data.pixels import most_detailed_window, spread
from tf_i2i.errors import UserError
from training.evaluation.evaluated_pictures import Pictures, cropped, validation
from training.evaluation.evaluation import stride
from training.evaluation.scoring import ExportedFile, Translate, keras_translator
from training.runs.finished_run import FinishedRun

_ROWS = 5
_DETAILS = 2
_MAX_SIDE = 384
_DETAIL_SIDE = 112
_SOURCES = ("photo", "input")


@dataclasses.dataclass(frozen=True)
class Row:
    """A held-out photo: caption to uint8 RGB [H, W, 3], all of one shape, the photo first."""

    name: str
    pictures: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """One direction's rows, and sentences on what is missing and how to make it."""

    direction: str
    rows: list[Row]
    missing: list[str]

    @property
    def details(self) -> list[Row]:
        """Squares of most detail, pixels doubled; one from each half of the rows."""
        found = []
        for half in np.array_split(np.arange(len(self.rows)), _DETAILS):
            spots = []
            for i in half:
                photo = next(iter(self.rows[i].pictures.values()))
                side = min(_DETAIL_SIDE, *photo.shape[:2])
                spots.append((*most_detailed_window(photo, side), side, int(i)))
            if not spots:
                continue
            _, top, left, side, i = max(spots)
            pictures = self.rows[i].pictures
            cut = np.s_[top : top + side, left : left + side]
            enlarged = {
                name: picture[cut].repeat(2, 0).repeat(2, 1)
                for name, picture in pictures.items()
                if name not in _SOURCES
            }
            found.append(Row(self.rows[i].name, enlarged))
        return found


def make_gallery(record: RunRecord, direction: str, others: Sequence[FinishedRun] = ()) -> Gallery:
    """Evenly chosen validation pictures, translated at the scale of training; huge ones cut.

    others: runs whose networks for phones translate the same photos.
    """
    run, models, missing = record.run, {}, []
    shown = [(model, run, model) for model in ("teacher", "student")]
    shown = shown[0 if run.has_teacher else 1 :]
    shown += [(f"run {other.root.name}", other, "student") for other in others]
    for label, owner, model in shown:
        try:
            models[label] = owner.network(model, direction)
        except UserError as error:
            missing.append(f"There is no picture of the {label}: {error}")
    translators: dict[str, Translate] = {n: keras_translator(model) for n, model in models.items()}
    sides = [_MAX_SIDE, run.fixed_size]
    try:
        exported = _int8_file(record, direction)
        translators["int8 file"] = exported
        sides.append(exported.largest)
    except UserError as error:
        missing.append(str(error))
    if not translators:
        return Gallery(direction, [], missing)
    try:
        photos = _evenly(validation(run, direction), _ROWS)
        photos = cropped(photos, stride(models), min(filter(None, sides)))
    except UserError as error:
        missing.append(f"The validation pictures can't be shown: {error}")
        return Gallery(direction, [], missing)
    if photos.truths is None:
        missing.append("The true translations of these photos are not known, as without pairs.")
    source, truth = ("input", "target") if run.paired else ("photo", "truth")
    rows = []
    for i, photo in enumerate(tqdm(photos.photos, "pictures", unit="row", delay=2)):
        outputs = {label: translate(photo) for label, translate in translators.items()}
        truths = {truth: photos.truths[i]} if photos.truths else {}
        rows.append(Row(photos.names[i], {source: photo, **outputs, **truths}))
    return Gallery(direction, rows, missing)


def _int8_file(record: RunRecord, direction: str) -> ExportedFile:
    """The student's largest int8 file. Raises UserError when there is none or it can't be run."""
    older = {"variant": None, "model": "student", "direction": "ab"}  # where an entry lacks these
    wanted = ["int8", "student", direction]
    entries = [e for e in record.exports if [*map((older | e).get, older)] == wanted]
    if not entries:
        export = command("export.tflite", run=record.root, direction=direction, int8=True)
        raise UserError(f"There is no int8 file of this direction; make it with: {export}")
    largest = max(entries, key=lambda entry: entry.get("size", 0))
    if line := record.stale.get(largest["file"]):
        raise UserError(f"The int8 file is not shown: {line}")
    try:
        return ExportedFile(record.root / "export" / largest["file"])
    except UserError as error:
        raise UserError(f"The int8 file is not shown: {error}") from error


def _evenly(pictures: Pictures, count: int) -> Pictures:
    chosen = spread(len(pictures.photos), count)
    lists = (pictures.names, pictures.photos, pictures.truths)
    return Pictures(pictures.split, *(of and [of[i] for i in chosen] for of in lists))
