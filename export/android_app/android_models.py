"""The exported files that go into the app, each checked and with a picture of what it does."""

import functools
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from export.android_app.android_assets import AppModel
from export.conversion.app_files import AppFile
from export.photos.photo_files import EXAMPLE
from export.photos.translator import Translator
from tf_i2i.data.image_files import read_image
from tf_i2i.data.pixels import centre_square, most_detailed_window, resize_square, spread
from tf_i2i.errors import UserError, one_line

THUMBNAIL_SIDE = 256
_MAX_CANDIDATES = 24


def app_models(files: Sequence[AppFile]) -> list[AppModel]:
    """The files as models of the app. Raises UserError: one of them is damaged, or its input too
    small for tiles.
    """
    models, photo = [], functools.cache(held_out_photo)
    for file in tqdm(files, "models", disable=None, leave=False):
        direction, size, variant = (file.entry[key] for key in ("direction", "size", "variant"))
        data, facts = file.read()
        thumbnail = _thumbnail(file.path, facts, photo(file.run, direction))
        _check_tiles(file.path, facts)
        models.append(AppModel(file.name, file.title, direction, size, variant, data, thumbnail))
    return models


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


def held_out_photo(run: Path | None, direction: str) -> np.ndarray:
    """uint8 [side, side, 3]: middle of a validation picture of medium detail; of a bundled
    photograph where there is no run, or its pictures are gone.
    """
    if run is None:
        return centre_square(read_image(EXAMPLE))
    from training.runs.finished_run import FinishedRun  # imports TensorFlow

    try:
        data = FinishedRun(run).some_data
        photos = data.val_a if direction == "ab" else data.val_b
    except UserError as error:
        fallback = "thumbnails of this run show a bundled photograph"
        print(f"warning: {error}; {fallback}", file=sys.stderr)
        return held_out_photo(None, direction)
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
