"""The folder that training.collect fills: safe names, complete pictures and a record of each."""

import csv
import io
import json
import os
import shutil
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from PIL import Image

from tf_i2i.data.image_files import UnreadableImage, picture_size, read_image
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import safe_part, write_text
from training.collection.item import Item, Reason, Refused, url_digest
from training.system.locks import locked_folder

SOURCES, REJECTED = "sources.csv", "rejected.csv"
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}
_SUFFIXES |= {"GIF": ".gif", "TIFF": ".tif", "JPEG2000": ".jp2", "AVIF": ".avif"}
_MAX_STEM = 60
# Large enough to decode a file to its end; a JPEG is reduced while it is decoded.
_DECODED_SIDE = 256


@dataclass(frozen=True)
class Kept:
    """A picture in the folder: a line of sources.csv; file is its name, fetched is ISO 8601 in UTC,
    width and height are as displayed; see Item.
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


class CollectionFolder:
    """DIR with pictures and tables; DIR/.collect with journal, saved answers, unfinished transfers.

    A picture enters the journal before it gets its name: a process that is killed in between finds
    both the entry and the complete transfer. Used by one process at a time; its threads share it.
    kept, rejected: by URL, from this and earlier runs.
    """

    def __init__(self, root: Path, max_total_bytes: int):
        self.root, self._max_total_bytes = root, max_total_bytes
        self._hidden = root / ".collect"
        self._partials, self._journal = self._hidden / "partial", self._hidden / "journal.jsonl"
        self.answers = self._hidden / "answers"
        self._lock = threading.Lock()
        self.kept: dict[str, Kept] = {}
        self.rejected: dict[str, Rejected] = {}
        self._files_by_sha256: dict[str, str] = {}

    def __enter__(self) -> "CollectionFolder":
        """Raises UserError: DIR can't be written, is in use, or its journal is damaged."""
        try:
            self._partials.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                busy = f"--out {one_line(self.root)}: another collect is writing here; wait for it"
                stack.enter_context(locked_folder(self._hidden, busy))
                self._read_journal()
                self._file = stack.enter_context(open(self._journal, "a", encoding="utf-8"))
                files = (path for path in self.root.iterdir() if path.is_file())
                self._bytes = sum(file.stat().st_size for file in files)
                self._close = stack.pop_all().close
        except OSError as error:
            raise self.write_error(error) from error
        return self

    def __exit__(self, *exception) -> None:
        self._close()

    def write_error(self, error: OSError) -> UserError:
        reason = f"can't be written ({error.strerror or error})"
        fix = "free some space or name another folder, then run the same command again"
        return UserError(f"--out {one_line(self.root)}: {reason}; {fix}")

    def partial(self, item: Item) -> Path:
        """Where the transfer of a picture is kept until it is complete."""
        return self._partials / f"{url_digest(item.url)}.part"

    def discard(self, item: Item) -> None:
        for path in (self.partial(item), self.partial(item).with_suffix(".etag")):
            path.unlink(missing_ok=True)

    def discard_all(self) -> None:
        shutil.rmtree(self._partials, ignore_errors=True)

    def check_total(self, size: int) -> None:
        """Raises Refused if a further file of `size` bytes has no room."""
        if self._bytes + size > self._max_total_bytes:
            raise Refused(Reason.TOTAL_REACHED, f"{self._max_total_bytes / 1e6:g} MB")

    def keep(self, entry: Kept, partial: Path) -> None:
        """Gives `partial` its name. Raises Refused: no room, or a file with the very same bytes."""
        with self._lock:
            if same := self._files_by_sha256.get(entry.sha256):
                raise Refused(Reason.SAME_FILE, f"{same} has the same bytes")
            self.check_total(entry.bytes)
            self._append({"kept": asdict(entry), "partial": partial.name})
            os.replace(partial, self.root / entry.file)
            self._add(entry)
            self._bytes += entry.bytes

    def reject(self, entry: Rejected) -> None:
        with self._lock:
            if entry.reason not in Reason.TEMPORARY and self.rejected.get(entry.url) != entry:
                self._append({"rejected": asdict(entry)})
            self.rejected[entry.url] = entry

    def write_tables(self) -> None:
        """Writes sources.csv and rejected.csv."""
        with self._lock:
            kept, rejected = list(self.kept.values()), list(self.rejected.values())
        write_text(self.root / SOURCES, _csv(Kept, kept))
        if rejected:
            write_text(self.root / REJECTED, _csv(Rejected, rejected))
        else:
            (self.root / REJECTED).unlink(missing_ok=True)

    def _add(self, entry: Kept) -> None:
        self.kept[entry.url] = entry
        self.rejected.pop(entry.url, None)
        self._files_by_sha256[entry.sha256] = entry.file

    def _append(self, line: dict) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read_journal(self) -> None:
        data = self._journal.read_bytes() if self._journal.exists() else b""
        complete = data[: data.rfind(b"\n") + 1]
        if len(complete) < len(data):  # killed within a line
            os.truncate(self._journal, len(complete))
        try:
            for line in complete.splitlines():
                self._read_entry(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            fix = f"name another --out, or remove {one_line(self._hidden)} to fetch all again"
            raise UserError(f"{one_line(self._journal)}: damaged; {fix}") from error

    def _read_entry(self, line: dict) -> None:
        if "rejected" in line:
            entry = Rejected(**line["rejected"])
            self.rejected[entry.url] = entry
            return
        kept = Kept(**line["kept"])
        for name in (kept.file, line["partial"]):
            if Path(name).name != name or name.startswith("."):
                raise ValueError("not written by this command")
        partial = self._partials / line["partial"]
        if partial.exists() and not (self.root / kept.file).exists():
            os.replace(partial, self.root / kept.file)
        self._add(kept)


def _csv(kind: type, entries: list) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(kind) if field.name != "limits"]
    writer.writerow(names)
    writer.writerows([one_line(getattr(entry, name)) for name in names] for entry in entries)
    return text.getvalue()


def check_picture(file: Path, min_size: int, max_pixels: int) -> tuple[str, int, int]:
    """Decodes a file to its end; returns its format's suffix, and width and height as displayed.

    Raises Refused: no picture that trainers read, a shorter side under `min_size`, more pixels than
    `max_pixels` (checked first), or damaged.
    """
    try:
        width, height = picture_size(file)
        size = f"{width}x{height}"
        if width * height > max_pixels:
            raise Refused(Reason.TOO_MANY_PIXELS, f"{size}, over {max_pixels / 1e6:g} megapixels")
        with Image.open(file) as image:
            kind = image.format
        if kind not in _SUFFIXES:
            raise Refused(Reason.NOT_A_PICTURE, f"{kind} format")
        if min(width, height) < min_size:
            raise Refused(Reason.TOO_SMALL, f"{size}, the shorter side is under {min_size}")
        read_image(file, max_side=_DECODED_SIDE)
    except UnreadableImage as error:
        reason = Reason.TOO_MANY_PIXELS if "megapixels" in error.reason else Reason.BROKEN
        raise Refused(reason, error.reason) from error
    return _SUFFIXES[kind], width, height


def file_name(item: Item, suffix: str) -> str:
    """Artist, title and date where known, and digits of the URL's hash, which make it unique."""
    known = "-".join(part for part in (item.artist, item.title, item.date) if part)
    words = "".join(c if c.isalnum() else " " for c in known).lower().split()
    stem = "-".join(words)[:_MAX_STEM].strip("-")
    return safe_part("-".join(filter(None, (stem, url_digest(item.url)[:10])))) + suffix
