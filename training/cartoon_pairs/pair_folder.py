"""The folder that training.cartoonize writes: pairs, a contact sheet, and a record of every photo.

A picture has its name only once it is complete, and only where the record's options and the photo's
size and time are those that it was drawn with. So after a kill, what is there is right.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np

from tf_i2i.console import say, text_table
from tf_i2i.data.image_files import read_image, resize_short_side, write_png
from tf_i2i.data.pixels import centre_square, spread
from tf_i2i.data.screening import DROP_REASONS, UNREADABLE, Dropped, Features
from tf_i2i.data.sources import SUFFIXES
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import remove_partial_files, safe_part, sha256_of, write_errors, write_json
from training.cartoon_pairs.photo_pair import Pair
from training.reporting.image_grid import labelled_grid
from training.system.locks import locked_folder

SHEET, RECORD = "contact-sheet.png", "cartoonize.json"
# Changes when a style, a measurement or the record's form changes: then no pair can be reused.
VERSION = 1
KEPT, DROPPED = "kept", "dropped"
_PARTS = {"folders": ("cartoon", "photo"), "pairs": ("pairs",)}
_SUFFIX = rf"({'|'.join(map(re.escape, SUFFIXES))})$"
_SHEET_SIDE, _SHEET_ROWS, _SHEET_COLUMNS = 128, 6, 3


@dataclass
class Photo:
    """What is known of one photo: an entry of the record."""

    output: str  # path of its pair below the layout's folder, whether or not it is drawn
    stamp: tuple[int, int] | None  # bytes and modification time (ns) of its file, if it has one
    features: Features | None = None  # once it is examined, unless it can't be read
    result: str | None = None  # KEPT, DROPPED or UNREADABLE, once it is judged
    reason: str | None = None  # why it is not kept
    detail: str | None = None

    def judge(self, dropped: Dropped | None) -> None:
        """Sets the result. An unreadable photo loses its features, so that it is tried again."""
        self.reason, self.detail = dropped or (None, None)
        self.result = DROPPED if dropped else KEPT
        if self.reason == UNREADABLE:
            self.features, self.result = None, UNREADABLE

    def to_json(self) -> dict:
        flat = asdict(self)
        return flat | (flat.pop("features") or {})

    @classmethod
    def from_json(cls, entry: dict) -> "Photo":
        output = PurePosixPath(entry["output"])
        if output.is_absolute() or ".." in output.parts or output.suffix != ".png":
            raise ValueError("this file was not written by this command")
        names = [field.name for field in fields(Features)]
        features = Features(*(entry[name] for name in names)) if names[0] in entry else None
        return cls(entry["output"], tuple(entry["stamp"]) if entry["stamp"] else None, features)


@dataclass(frozen=True)
class Record:
    options: dict  # those that decide how a pair looks
    photos: dict[str, Photo]  # by the source's name, in its order
    version: int

    def refuse_others(self, root: Path, options: dict) -> None:
        """Raises UserError unless the existing pairs look as `options` want them."""
        before = {"program version": self.version, **self.options}
        for name, value in {"program version": VERSION, **options}.items():
            if before.get(name) != value:
                was, wanted = one_line(before.get(name)), one_line(value)
                raise UserError(
                    f"--out {one_line(root)}: its pairs were made with {name} {was}, not {wanted}; "
                    "name another folder, or add --redo to replace them"
                )


def read_record(root: Path) -> Record | None:
    """The record in `root`, None where there is none. Raises UserError where it is damaged."""
    path = root / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        photos = {name: Photo.from_json(entry) for name, entry in record["pictures"].items()}
        if record["options"]["layout"] not in _PARTS:
            raise ValueError("no such layout")
        return Record(record["options"], photos, record["version"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "remove it and the pictures beside it, or name another --out"
        raise UserError(f"{one_line(path)}: damaged; {fix}") from error


@dataclass(frozen=True)
class PairFolder:
    """DIR/cartoon and DIR/photo with equal file names (layout "folders"), or DIR/pairs ("pairs").
    `locked` by the process that decides what is in it; workers only write.
    """

    root: Path
    layout: str

    @property
    def parts(self) -> list[Path]:
        return [self.root / part for part in _PARTS[self.layout]]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and removes what a killed run left half done. Raises UserError where it
        can't be written, another process writes, or there are pictures without a record.
        """
        out = f"--out {one_line(self.root)}"
        with write_errors(out):
            self.root.mkdir(parents=True, exist_ok=True)
            busy = f"{out}: another cartoonize is writing here; wait for it"
            with locked_folder(self.root, busy):
                found = [file for part in self.parts for file in part.rglob("*") if file.is_file()]
                if found and not (self.root / RECORD).exists():
                    fix = "has pictures that this command did not make; name another folder"
                    raise UserError(f"{out}: {fix}")
                for folder in {self.root, *(file.parent for file in found)}:
                    remove_partial_files(folder)
                yield

    def files(self, output: str) -> list[Path]:
        """The files of one pair."""
        return [part / output for part in self.parts]

    def has(self, output: str) -> bool:
        return all(file.is_file() for file in self.files(output))

    def write(self, output: str, pair: Pair) -> None:
        """Writes a pair, the cartoon on the left or in its own folder."""
        pictures = pair if self.layout == "folders" else (np.concatenate(pair, axis=1),)
        for file, picture in zip(self.files(output), pictures, strict=True):
            write_png(file, picture, compress_level=1)

    def remove(self, outputs: Iterable[str]) -> None:
        """Removes pairs, where they exist, and folders that become empty."""
        for output in outputs:
            for file in self.files(output):
                file.unlink(missing_ok=True)
                with suppress(OSError):  # not empty, or not there
                    for folder in file.relative_to(self.root).parents[:-1]:
                        (self.root / folder).rmdir()

    def write_record(self, options: dict, photos: Mapping[str, Photo], finished: bool) -> None:
        pictures = {name: photo.to_json() for name, photo in photos.items()}
        summary = summary_of(pictures.values())
        head = {"version": VERSION, "finished": finished, "options": options, "summary": summary}
        write_json(self.root / RECORD, head | {"pictures": pictures})

    def write_sheet(self, outputs: list[str]) -> None:
        """Draws up to 18 pairs, spread over `outputs` (at least one)."""
        columns = min(_SHEET_COLUMNS, len(outputs))
        rows = min(_SHEET_ROWS, len(outputs) // columns)
        chosen = spread(len(outputs), rows * columns)
        cells = np.stack([self._thumbnail(outputs[i]) for i in chosen])
        titles = [f"cartoon | photo {i + 1}" for i in range(columns)]
        grid = labelled_grid({title: cells[i::columns] for i, title in enumerate(titles)})
        write_png(self.root / SHEET, grid)

    def _thumbnail(self, output: str) -> np.ndarray:
        pictures = [read_image(file) for file in self.files(output)]
        if self.layout == "pairs":
            pictures = np.split(pictures[0], 2, axis=1)
        small = (resize_short_side(picture, _SHEET_SIDE) for picture in pictures)
        return np.concatenate([centre_square(image, _SHEET_SIDE) for image in small], axis=1)


def summary_of(entries: Iterable[Mapping]) -> dict[str, int]:
    """How many photos, as the record has them, were kept, dropped for each reason, or unreadable."""
    return in_order(Counter(entry["reason"] or entry["result"] for entry in entries))


def in_order(counts: Mapping[str, int]) -> dict[str, int]:
    return {key: counts.get(key, 0) for key in (KEPT, *DROP_REASONS, UNREADABLE)}


def print_summary(entries: Mapping[str, Mapping]) -> dict[str, int]:
    """Prints unreadable photos and counts; returns the counts. entries: by name, as recorded."""
    for name, entry in entries.items():
        if entry["result"] == UNREADABLE:
            say(f"warning: left out {one_line(name)}: {entry['detail']}")
    summary = summary_of(entries.values())
    titles = [f"dropped: {key}" if key in DROP_REASONS else key for key in summary]
    print(text_table([*zip(titles, map(str, summary.values()), strict=True)]))
    return summary


def output_names(names: Iterable[str]) -> dict[str, str]:
    """Name of each photo -> path of its PNG below a layout's folder, safe on any system and unique.

    A path that is taken, whatever the case of its letters, gets digits of a hash of the name.
    """
    taken: set[str] = set()
    outputs = {}
    for name in names:
        stem = re.sub(_SUFFIX, "", name, flags=re.IGNORECASE)
        # A folder called a.png would clash with the result of a.jpg.
        parts = [re.sub(r"\.png$", "_png", safe_part(p), flags=re.I) for p in stem.split("/")]
        path = "/".join(filter(None, parts)) or "photo"
        if path.casefold() in taken:
            path += "-" + sha256_of(os.fsencode(name))[:8]
        taken.add(path.casefold())
        outputs[name] = path + ".png"
    return outputs
