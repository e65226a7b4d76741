"""What is known of every picture of a folder: a journal that survives a kill, sources.csv and
rejected.csv.
"""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from training.collecting.item import PASSING, Item, Refused
from training.run_folder import write_text

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
