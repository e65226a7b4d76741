"""The folder that training.cartoonize writes: pairs of pictures, a contact sheet, and a record of
every photo.

A picture stands under its name only whole, and only when the record's options and the photo's size
and time are those that it was drawn with. A run that was killed at any moment can therefore be
repeated: what is there is right.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np

from tf_i2i.data.image_files import read_image, resize_short_side, write_png
from tf_i2i.data.pixels import centre_square
from tf_i2i.data.screening import Features
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import safe_part, write_json
from training.cartoon_pairs.photo_pair import Pair
from training.system.locks import lock_folder

SHEET = "contact-sheet.png"


_SUFFIX = r"\.(jpe?g|png|webp|bmp)$"


_SHEET_SIDE, _SHEET_ROWS, _SHEET_COLUMNS = 128, 6, 3


class PairFolder:
    """DIR/cartoon and DIR/photo with equal file names (layout "folders"), or DIR/pairs (layout
    "pairs").

    Entered by the one process that decides what is in it; workers make their own to write with.
    """

    def __init__(self, root: Path, layout: str):
        self.root, self.layout = root, layout
        self.parts = ("cartoon", "photo") if layout == "folders" else ("pairs",)

    def __enter__(self) -> PairFolder:
        """Makes the folder, makes sure that nobody else writes here, and clears away what a killed
        run left half done.

        Raises:
            UserError: it can't be written, another process writes here, or it holds pictures
                without a record.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._held = self._lock()
        except OSError as error:
            raise self.unwritable(error) from error
        try:
            self._prepare()
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError):
                raise self.unwritable(error) from error
            raise
        return self

    def _prepare(self) -> None:
        for part in self.parts:
            (self.root / part).mkdir(exist_ok=True)
        folders = [self.root / part for part in self.parts]
        found = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
        if found and not (self.root / RECORD).exists():
            raise UserError(
                f"--out {one_line(self.root)}: there are pictures that this command did not make; name another folder"
            )
        for file in (*found, *self.root.glob(".*.partial"), *self.root.glob(f".{RECORD}.*")):
            if file.name.startswith("."):
                file.unlink()

    def __exit__(self, *exception) -> None:
        if self._held is not None:
            os.close(self._held)

    def _lock(self) -> int | None:
        try:
            return lock_folder(self.root)
        except BlockingIOError as error:
            raise UserError(
                f"--out {one_line(self.root)}: another cartoonize is writing here; wait for it"
            ) from error

    def unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"--out {one_line(self.root)}: can't be written ({error.strerror or error}); "
            "make room or name another folder, then run the same command again"
        )

    def files(self, output: str) -> list[Path]:
        """The files of one pair."""
        return [self.root / part / output for part in self.parts]

    def holds(self, output: str) -> bool:
        return all(file.is_file() for file in self.files(output))

    def write(self, output: str, pair: Pair) -> None:
        """Writes a pair, the cartoon on the left or in its own folder."""
        pictures = pair if self.layout == "folders" else (np.concatenate(pair, axis=1),)
        for file, picture in zip(self.files(output), pictures, strict=True):
            write_png(file, picture, compress_level=1)

    def remove(self, outputs: Iterable[str]) -> None:
        """Removes pairs, where they are there, and folders that become empty by it."""
        for output in outputs:
            for part, file in zip(self.parts, self.files(output), strict=True):
                file.unlink(missing_ok=True)
                for parent in file.relative_to(self.root / part).parents[:-1]:
                    folder = self.root / part / parent
                    if folder.is_dir() and not any(folder.iterdir()):
                        folder.rmdir()

    def clear(self, outputs: Iterable[str]) -> None:
        """Removes pairs, and the layout's own folders where nothing else is in them."""
        self.remove(outputs)
        for part in self.parts:
            folder = self.root / part
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def write_sheet(self, outputs: list[str]) -> None:
        """Draws up to 18 pairs, evenly chosen of `outputs` (one at least), cartoon and photo side
        by side.
        """
        from training.reporting.image_grid import labelled_grid

        columns = min(_SHEET_COLUMNS, len(outputs))
        rows = min(_SHEET_ROWS, len(outputs) // columns)
        chosen = [
            outputs[i] for i in np.linspace(0, len(outputs) - 1, rows * columns).round().astype(int)
        ]
        cells = np.stack([self._thumbnail(output) for output in chosen])
        grid = labelled_grid(
            {f"cartoon | photo {i + 1}": cells[i::columns] for i in range(columns)}
        )
        write_png(self.root / SHEET, grid)

    def _thumbnail(self, output: str) -> np.ndarray:
        pictures = [read_image(file) for file in self.files(output)]
        if self.layout == "pairs":
            pictures = np.split(pictures[0], 2, axis=1)
        return np.concatenate([_square(picture) for picture in pictures], axis=1)


def output_names(names: Iterable[str]) -> dict[str, str]:
    """Name of each photo -> path of its PNG below a layout's folder, safe on any system and no two
    alike.

    Folders are kept. What can't be in a file name everywhere becomes "_"; where two would then be
    alike, also but for upper and lower case, the later one gets eight digits of a hash of its own
    name.
    """
    taken: set[str] = set()
    outputs = {}
    for name in names:
        stem = re.sub(_SUFFIX, "", name, flags=re.IGNORECASE)
        # A folder called a.png would stand in the way of the result of a.jpg.
        parts = [
            re.sub(r"\.png(?=/)", "_png", safe_part(part) + "/", flags=re.IGNORECASE)
            for part in stem.split("/")
        ]
        path = "".join(part for part in parts if part != "/").rstrip("/") or "photo"
        if path.casefold() in taken:
            path += "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        taken.add(path.casefold())
        outputs[name] = path + ".png"
    return outputs


def _square(image: np.ndarray) -> np.ndarray:
    return centre_square(resize_short_side(image, _SHEET_SIDE))


RECORD = "cartoonize.json"


# Changes when a style, a measurement or the record's form changes: then nothing that is there can
# be kept.
VERSION = 1


UNREADABLE, KEPT, DROPPED = "unreadable", "kept", "dropped"


@dataclass
class Photo:
    """What is known of one photo: an entry of the record.

    Attributes:
        output: its pair's path below the layout's folder, whether or not it is drawn.
        stamp: bytes and modification time (ns) of its file when it was examined; None where it is
            not a file.
        features: None until it is examined, and where it can't be read.
        result: "kept", "dropped", "unreadable", or None until it is judged.
        reason, detail: why it is not kept.
    """

    output: str
    stamp: tuple[int, int] | None
    features: Features | None = None
    result: str | None = None
    reason: str | None = None
    detail: str | None = None

    def to_json(self) -> dict:
        flat = asdict(self)
        return flat | (flat.pop("features") or {})

    @classmethod
    def from_json(cls, entry: dict) -> Photo:
        output = PurePosixPath(entry["output"])
        if output.is_absolute() or ".." in output.parts or output.suffix != ".png":
            raise ValueError("this file was not written by this command")
        measured = {
            field.name: entry[field.name] for field in fields(Features) if field.name in entry
        }
        stamp = tuple(entry["stamp"]) if entry["stamp"] else None
        return cls(entry["output"], stamp, Features(**measured) if measured else None)

    def cannot_be_read(self, reason: str) -> None:
        self.features, self.result, self.reason, self.detail = None, UNREADABLE, UNREADABLE, reason


@dataclass(frozen=True)
class Record:
    """options: those that decide how a pair looks. photos: by the source's name, in its order."""

    options: dict
    photos: dict[str, Photo]
    version: int = VERSION
    root: Path | None = None

    def refuse_unless(self, options: dict) -> None:
        """Raises UserError unless the pairs that are there look as `options` want them."""
        out = one_line(self.root)
        if self.version != VERSION:
            raise UserError(
                f"--out {out}: made by another version of this program; name another folder, or add --redo"
            )
        for name, value in options.items():
            if self.options.get(name) != value:
                raise UserError(
                    f"--out {out}: its pairs were made with {name} {one_line(self.options.get(name))}, not "
                    f"{one_line(value)}; name another folder, or add --redo to replace them"
                )

    def write(self, root: Path, finished: bool, summary: dict[str, int]) -> None:
        pictures = {name: photo.to_json() for name, photo in self.photos.items()}
        head = {
            "version": self.version,
            "finished": finished,
            "options": self.options,
            "summary": summary,
        }
        write_json(root / RECORD, {**head, "pictures": pictures})


def read_record(root: Path) -> Record | None:
    """The record below `root`, None where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = root / RECORD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        photos = {name: Photo.from_json(entry) for name, entry in found["pictures"].items()}
        if found["options"]["layout"] not in ("folders", "pairs"):
            raise ValueError("no such layout")
        return Record(found["options"], photos, found["version"], root)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{one_line(path)}: damaged; remove this file and the pictures beside it, or name another --out"
        ) from error
