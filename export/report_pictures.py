"""The report's pictures: held-out photos through teacher, student and int8 file, and a detail of them enlarged."""

from __future__ import annotations

import base64
import dataclasses
import io
from pathlib import Path

import numpy as np

from export.report_record import RunRecord
from tf_i2i.errors import UserError

ROWS = 5
_LARGEST = 384
_DETAIL = 112
_LOSSLESS_BYTES = 150_000


@dataclasses.dataclass(frozen=True)
class Row:
    """One held-out photo. pictures: label to uint8 RGB [H, W, 3], all of one shape, the photo first."""

    name: str
    pictures: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """One direction's rows, and in sentences what is missing and why (with the command that makes it)."""

    direction: str
    rows: list[Row]
    missing: list[str]


def make_gallery(record: RunRecord, direction: str) -> Gallery:
    """Runs the networks of one direction on evenly chosen validation pictures, at the size they were trained at."""
    from tqdm import tqdm

    from training.evaluate import cropped, keras_translator, stride, validation

    models, translators, missing = _models(record, direction)
    entry, reason = _int8_file(record, direction)
    if entry:
        try:
            translators["int8 file"], size = _exported(record.file(entry))
        except UserError as error:
            entry, reason = None, str(error)
    missing += [reason] if reason else []
    try:
        pictures = validation(record.root, direction)
        whole = _evenly(pictures, ROWS)
        kept = cropped(whole, stride(models), min(_LARGEST, size) if entry else _LARGEST)
    except UserError as error:
        return Gallery(direction, [], [*missing, f"The validation pictures can't be shown: {error}."])
    if not translators:
        return Gallery(direction, [], missing)
    if kept.truths is None:
        missing.append("No true translations of these photos are known, as is usual in unpaired training.")
    names = _names(record, direction, len(pictures.photos))
    rows = []
    for i in tqdm(range(len(kept.photos)), "pictures", unit="row", delay=2):
        columns = {"photo": kept.photos[i]}
        columns |= {label: translate(kept.photos[i]) for label, translate in translators.items()}
        if kept.truths is not None:
            columns["truth"] = kept.truths[i]
        rows.append(Row(names[i], columns))
    return Gallery(direction, rows, missing)
