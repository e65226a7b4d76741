"""The folder that training.collect fills: locked, with safe names, and with pictures only that were
read to their end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tf_i2i.errors import UserError, one_line
from tf_i2i.images import UnreadableImage, picture_size, read_image
from training.collecting.item import (
    BROKEN,
    NOT_A_PICTURE,
    TOO_MANY_PIXELS,
    TOO_SMALL,
    Item,
    Refused,
)
from training.collecting.record import Record
from training.file_names import safe_part
from training.folder_lock import lock_folder

HIDDEN = ".collect"
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}
_STEM = 60
# Enough to read a file to its end; a JPEG is reduced while it is decoded.
_LOOK_AT = 256


class PictureFacts(NamedTuple):
    """What the file itself says. suffix: of its true format; width, height: as it is to be seen."""

    suffix: str
    width: int
    height: int


class CollectionFolder:
    """DIR: pictures and tables; DIR/.collect: journal, answers of services, unfinished transfers.
    Trainers pass over it.

    Entered by one process at a time.
    """

    def __init__(self, root: Path):
        self.root, self.hidden = root, root / HIDDEN
        self.partials, self.answers = self.hidden / "partial", self.hidden / "answers"

    def __enter__(self) -> CollectionFolder:
        """Raises UserError: it can't be written, another process writes here, or its journal is
        damaged.
        """
        try:
            self.partials.mkdir(parents=True, exist_ok=True)
            self._held = lock_folder(self.hidden)
        except BlockingIOError as error:
            raise UserError(
                f"--out {one_line(self.root)}: another collect is writing here; wait for it"
            ) from error
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            self.record = Record(self.root, self.hidden)
        except BaseException as error:
            self._let_go()
            if isinstance(error, OSError):
                raise self.unwritable(error) from error
            raise
        return self

    def __exit__(self, *exception) -> None:
        self.record.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)

    def unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"--out {one_line(self.root)}: can't be written ({error.strerror or error}); "
            "make room or name another folder, then run the same command again"
        )

    def partial(self, item: Item) -> Path:
        """Where the transfer of a picture is kept until it is whole."""
        return self.partials / (_digest(item.url) + ".part")

    def discard(self, item: Item) -> None:
        for path in (self.partial(item), self.partial(item).with_suffix(".etag")):
            path.unlink(missing_ok=True)

    def discard_all(self) -> None:
        """Nothing is unfinished any more."""
        shutil.rmtree(self.partials, ignore_errors=True)


def picture_facts(file: Path, min_size: int, max_pixels: int) -> PictureFacts:
    """Reads a file to its end.

    Args:
        min_size: pixels of the shorter side. max_pixels: of the whole picture, checked before it is
            decoded.

    Raises:
        Refused: it is no picture that trainers read, or outside of the limits, or damaged.
    """
    try:
        width, height = picture_size(file)
        if width * height > max_pixels:
            raise Refused(
                TOO_MANY_PIXELS, f"{width}x{height}, over {max_pixels / 1e6:g} megapixels"
            )
        if min(width, height) < min_size:
            raise Refused(TOO_SMALL, f"{width}x{height}, the shorter side is under {min_size}")
        with Image.open(file) as image:
            kind = image.format
        if kind not in _SUFFIXES:
            raise Refused(NOT_A_PICTURE, f"{kind} format")
        read_image(file, max_side=_LOOK_AT)
    except UnreadableImage as error:
        raise Refused(
            TOO_MANY_PIXELS if "megapixels" in error.reason else BROKEN, error.reason
        ) from error
    return PictureFacts(_SUFFIXES[kind], width, height)


def file_name(item: Item, suffix: str) -> str:
    """Artist, title and date as far as they are known, and some digits of the URL's hash, which
    tell any two apart.
    """
    said = "-".join(part for part in (item.artist, item.title, item.date) if part)
    stem = (
        "-".join("".join(c if c.isalnum() else " " for c in said).split())
        .lower()[:_STEM]
        .strip("-")
    )
    return safe_part("-".join(part for part in (stem, _digest(item.url)[:10]) if part)) + suffix


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]
