"""One photograph to one pair of cartoon and photo, for any runner that spreads pictures over
processes or machines.
"""

import dataclasses
import functools
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_i2i.command_line import flag_of
from tf_i2i.data import image_files
from tf_i2i.data.cartoon_styles import STYLES, strengths
from tf_i2i.data.faces import DETECTION_SIDE
from tf_i2i.data.image_files import MAX_ELONGATION, MAX_STRIP, UnreadableImage
from tf_i2i.data.screening import UNREADABLE, Dropped, Features, features_of
from tf_i2i.errors import UserError
from training.options.pair_options import STRENGTHS, DrawingOptions


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How the cartoon is made."""

    style: str = "cartoon"  # a key of STYLES
    strengths: tuple[tuple[str, float], ...] = ()  # (keyword, value), where not the default
    size: int | None = None  # shorter side in pixels that the photo is resized to first

    @classmethod
    def from_options(cls, options: DrawingOptions) -> "Drawing":
        """Raises UserError: a strength is not one of the style, or not odd where it must be."""
        style, fields = options.style, dataclasses.fields(options)
        names = [field.name for field in fields if field.metadata["group"] == STRENGTHS]
        given = {name: getattr(options, name) for name in names}
        given = {name: value for name, value in given.items() if value is not None}
        valid = [name for name in names if name in strengths(style)]
        if wrong := _flags(name for name in given if name not in valid):
            raise UserError(f"{wrong}: no strength of --style {style}, which has {_flags(valid)}")
        if given.get("outline_block", 1) % 2 == 0:
            raise UserError(f"--outline-block {given['outline_block']}: must be an odd number")
        return cls(style, tuple(sorted(given.items())), options.size)


def _flags(names: Iterable[str]) -> str:
    return ", ".join(map(flag_of, names))


class Pair(NamedTuple):
    """uint8 [H, W, 3] RGB, both of one shape."""

    cartoon: np.ndarray
    photo: np.ndarray


def measure(file: Path | str | bytes) -> Features | Dropped:
    """Measures a picture, given as path, URL or encoded bytes, or tells why it can't be read."""
    try:
        data = _fetched(file)
        width, height = image_files.picture_size(_opened(data))
        name = "a picture of the dataset" if isinstance(file, bytes) else file
        inspect = functools.partial(image_files.say_left_out, name)
        side = MAX_ELONGATION * DETECTION_SIDE
        small = image_files.read_image(_opened(data), side, inspect)
    except UnreadableImage as error:
        return Dropped(UNREADABLE, error.reason)
    return features_of(small, width, height)


def draw(file: Path | str | bytes, drawing: Drawing) -> Pair | Dropped:
    """Makes the pair of a picture, given as in `measure`, or tells why it can't be made."""
    max_side = drawing.size and MAX_ELONGATION * drawing.size
    try:
        photo = image_files.read_image(_opened(_fetched(file)), max_side)
        photo = (
            image_files.resize_short_side(photo, drawing.size, MAX_STRIP) if drawing.size else photo
        )
        return Pair(STYLES[drawing.style](photo, **dict(drawing.strengths)), photo)
    except UnreadableImage as error:
        return Dropped(UNREADABLE, error.reason)
    except MemoryError:
        return Dropped(UNREADABLE, "too large to be drawn in the available memory; give --size")


def _fetched(file: Path | str | bytes) -> Path | str | bytes:
    if not isinstance(file, str) or "://" not in file:
        return file
    import tensorflow as tf  # only here: workers that read files start without it

    try:
        return tf.io.gfile.GFile(file, "rb").read()
    except tf.errors.NotFoundError as error:
        raise UnreadableImage(file, "no such file") from error


def _opened(file: Path | str | bytes):
    return io.BytesIO(file) if isinstance(file, bytes) else file
