"""Which exported files of a run go into the app, each checked and with a picture of what it does."""

import functools
import io
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from export.android_app.android_assets import AppModel
from export.conversion.chosen_files import chosen_entries
from export.conversion.metadata import read_normalization
from export.photos.translator import Translator
from tf_i2i.data.demo_data import demo_images
from tf_i2i.data.pixels import centre_square, most_detailed_window, resize_square, spread
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from tf_i2i.litert.model_file import read_bytes, read_facts
from training.runs.finished_run import FinishedRun
from training.runs.weights import stale_files

THUMBNAIL_SIDE = 256
# What the app reads of model.json.
_NEEDED_FACTS = ("model", "direction", "variant", "size", "stride", "halo_px", "training_data")
_MAX_CANDIDATES = 24


def app_models(runs: list[Path], variants: tuple[str, ...]) -> list[AppModel]:
    """The models of run folders, in both directions where they were exported.

    variants: of each run; if empty, the preferred variant of each run and direction.
    Raises UserError: a run has no such files, or one of them is damaged, has no metadata, or is of
    earlier weights than the run has now.
    """
    chosen = []
    for run, label in zip(runs, _distinct([run.resolve().name for run in runs]), strict=True):
        entries = chosen_entries(run, variants)
        for line in stale_files(run, entries).values():
            raise UserError(f"--run {one_line(run)}: {line}")
        chosen += [(run, label, entry, _remark(entry, entries)) for entry in entries]
    models, photo = [], functools.cache(held_out_photo)
    for run, label, entry, remark in tqdm(chosen, "models", disable=None, leave=False):
        path, title = run / "export" / entry["file"], _title(label) + remark
        direction, size, variant = entry["direction"], entry["size"], entry["variant"]
        name = f"{_slug(label)}-{direction}-{size}-{variant}"
        data, facts = _read_checked(path, entry)
        thumbnail = _thumbnail(path, facts, photo(run, direction))
        _check_tiles(path, facts)
        models.append(AppModel(name, title, direction, size, variant, data, thumbnail))
    return models


def _read_checked(path: Path, entry: dict) -> tuple[bytes, dict]:
    """The file of an entry in export.json, which must be as exported, and its facts."""
    data, shown = read_bytes(path), one_line(path)
    facts = read_facts(data) or {}
    missing = [name for name in _NEEDED_FACTS if name not in facts]
    if missing:
        raise UserError(f"{shown}: its metadata lacks {', '.join(missing)}; export it again")
    if sha256_of(data) != entry.get("sha256") or facts["size"] != entry["size"]:
        raise UserError(f"{shown}: is not the file in export.json; export it again")
    try:
        read_normalization(data)
    except Exception as error:  # what flatbuffers raise on a damaged block is of many types
        raise UserError(f"{shown}: has no metadata on the range of its pixels") from error
    return data, facts


def _check_tiles(path: Path, facts: dict) -> None:
    """The app runs the file as it is, so tiles of large photos have the size of its input."""
    if facts["halo_px"] is None:
        return
    margin = -(-facts["halo_px"] // facts["stride"]) * facts["stride"]
    if facts["size"] < 3 * margin:
        raise UserError(
            f"{one_line(path)}: an input of {facts['size']} pixels is too small for tiles that "
            f"overlap by {margin}; export one of at least {3 * margin}: export.tflite --size"
        )


def held_out_photo(run: Path, direction: str) -> np.ndarray:
    """uint8 [side, side, 3]: middle of a validation picture of medium detail; of a bundled
    photograph where the run's pictures are gone.
    """
    try:
        data = FinishedRun(run).some_data
        photos = data.val_a if direction == "ab" else data.val_b
    except UserError as error:
        fallback = "thumbnails of this run show a bundled photograph"
        print(f"warning: {error}; {fallback}", file=sys.stderr)
        photos = demo_images(THUMBNAIL_SIDE).val_a
    indices = spread(len(photos), _MAX_CANDIDATES)
    squares = [centre_square(photos.image(index)) for index in indices]
    squares.sort(key=lambda square: most_detailed_window(square, len(square))[0])
    return squares[len(squares) // 2]


def _thumbnail(path: Path, facts: dict, photo: np.ndarray) -> bytes:
    """PNG of the translated photo, THUMBNAIL_SIDE pixels square."""
    translator = Translator(path, tile=None, threads=2)
    # Strokes have the width that the network learned, so a small photo is enlarged afterwards.
    max_side = facts["size"] if facts["halo_px"] is None else THUMBNAIL_SIDE
    side = min(THUMBNAIL_SIDE, len(photo), max_side)
    picture = resize_square(photo, side).copy()
    translator.translate(picture, one_line(path))
    encoded = io.BytesIO()
    Image.fromarray(resize_square(picture, THUMBNAIL_SIDE)).save(encoded, "png", optimize=True)
    return encoded.getvalue()


def _remark(entry: dict, entries: list[dict]) -> str:
    """What distinguishes an entry from the others of its run."""
    directions, variants = ({e[key] for e in entries} for key in ("direction", "variant"))
    reverse = " reversed" if entry["direction"] == "ba" and "ab" in directions else ""
    return reverse + (f" ({entry['variant']})" if len(variants) > 1 else "")


def _distinct(names: list[str]) -> list[str]:
    """Names with a number where one occurs again: run folders in several places may share one."""
    counts = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [f"{name} {n}" if n > 1 else name for name, n in zip(names, counts, strict=True)]


def _title(name: str) -> str:
    words = one_line(re.sub(r"[\s_-]+", " ", name)).strip()
    return words[:1].upper() + words[1:] or "Style"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
