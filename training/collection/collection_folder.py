"""The folder that training.collect fills: locked, with safe names, and with pictures only that were
read to their end.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import threading
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tf_i2i.data.image_files import UnreadableImage, picture_size, read_image
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import safe_part, write_text
from training.collection.item import (
    BROKEN,
    NOT_A_PICTURE,
    PASSING,
    TOO_MANY_PIXELS,
    TOO_SMALL,
    Item,
    Refused,
)
from training.system.locks import lock_folder

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


SOURCES, REJECTED = "sources.csv", "rejected.csv"


@dataclass(frozen=True)
class Kept:
    """A picture in the folder: a line of sources.csv.

    Attributes:
        file: its name. url, page, title, artist, date, licence, rights: as its source tells of it
            (see Item).
        sha256, bytes: of the file as it came. width, height: pixels, as it is to be seen.
        fetched: when, ISO 8601 in UTC.
    """

    file: str
    url: str
    page: str
    title: str
    artist: str
    date: str
    licence: str
    rights: str
    sha256: str
    bytes: int
    width: int
    height: int
    fetched: str


@dataclass(frozen=True)
class Rejected:
    """A picture that was left out: a line of rejected.csv. limits: those that it was judged by."""

    url: str
    title: str
    reason: str
    detail: str
    limits: str = ""


class Record:
    """The journal of a folder. A picture is written down before it gets its name: a process that is
    killed in between finds both the entry and the finished transfer. Threads share it.

    Args:
        folder: of the pictures. hidden: for the journal, below it.

    Raises:
        UserError: the journal is damaged.
    """

    def __init__(self, folder: Path, hidden: Path):
        self._folder, self._hidden = folder, hidden
        self._journal = hidden / "journal.jsonl"
        self._lock = threading.Lock()
        self.kept: dict[str, Kept] = {}
        self.rejected: dict[str, Rejected] = {}
        self._hashes: dict[str, str] = {}
        self._read()
        self._file = open(self._journal, "a", encoding="utf-8")  # noqa: SIM115 (open as long as the collection)

    def close(self) -> None:
        self._file.close()

    def judged(self, url: str, limits: str) -> bool:
        """Whether there is nothing more to do about a picture: it is here, or left out for good
        under these limits.
        """
        found = self.rejected.get(url)
        return url in self.kept or (
            found is not None and found.reason not in PASSING and found.limits == limits
        )

    def keep(self, entry: Kept, partial: Path) -> str | None:
        """Gives `partial` its name, or returns the name of the file that holds the very same bytes
        already.
        """
        with self._lock:
            if entry.sha256 in self._hashes:
                return self._hashes[entry.sha256]
            self._write({"kept": asdict(entry), "partial": partial.name})
            os.replace(partial, self._folder / entry.file)
            self._add(entry)
        return None

    def reject(self, item: Item, refused: Refused, limits: str) -> None:
        entry = Rejected(item.url, item.title, refused.reason, refused.detail, limits)
        with self._lock:
            if refused.reason not in PASSING and self.rejected.get(item.url) != entry:
                self._write({"rejected": asdict(entry)})
            self.rejected[item.url] = entry

    def write_tables(self) -> None:
        """sources.csv and rejected.csv, as things stand."""
        with self._lock:
            kept, rejected = list(self.kept.values()), list(self.rejected.values())
        write_text(self._folder / SOURCES, _table(Kept, kept))
        if rejected:
            write_text(self._folder / REJECTED, _table(Rejected, rejected))
        else:
            (self._folder / REJECTED).unlink(missing_ok=True)

    def _add(self, entry: Kept) -> None:
        self.kept[entry.url] = entry
        self.rejected.pop(entry.url, None)
        self._hashes[entry.sha256] = entry.file

    def _write(self, entry: dict) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        try:
            data = self._journal.read_bytes()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # killed within a line
            with open(self._journal, "r+b") as file:
                file.truncate(len(whole))
        try:
            for line in whole.splitlines():
                self._take(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{one_line(self._journal)}: damaged; remove {one_line(self._hidden)} (then everything is fetched anew), "
                "or name another --out"
            ) from error

    def _take(self, line: dict) -> None:
        if "rejected" in line:
            entry = Rejected(**line["rejected"])
            self.rejected[entry.url] = entry
            return
        kept = Kept(**line["kept"])
        for name in (kept.file, line["partial"]):
            if Path(name).name != name or name.startswith("."):
                raise ValueError("not written by this command")
        partial = self._hidden / "partial" / line["partial"]
        if partial.exists() and not (self._folder / kept.file).exists():
            os.replace(partial, self._folder / kept.file)
        self._add(kept)


def _table(kind: type, entries: list) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(kind) if field.name != "limits"]
    writer.writerow(names)
    for entry in entries:
        writer.writerow([one_line(getattr(entry, name)) for name in names])
    return text.getvalue()
