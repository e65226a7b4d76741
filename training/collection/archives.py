"""ZIP files and folders, read as what they are: something that somebody else made. Nothing is ever
unpacked by its name.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tf_i2i.errors import UserError, one_line
from training.collection.item import BROKEN, UNSAFE_PATH, Refusal, Refused

# Pictures hardly compress; texts do by ten or twenty.
_BOMB_RATIO, _BOMB_BYTES = 100, 100_000_000


_LOCAL_HEADER = 30


@dataclass(frozen=True)
class Member:
    """A file of an archive. name: its path in there, with "/"; open: reads it, raising Refused
    where it is damaged.
    """

    name: str
    address: str
    open: Callable[[], BinaryIO]
    refused: Refusal | None = None


def members(path: Path) -> Iterator[Member]:
    """The files in a folder or a ZIP, hidden ones apart.

    Raises:
        UserError: there is no such thing, it is not readable, or it is made to do harm.
    """
    if path.is_dir():
        return _folder_members(path)
    if not path.is_file():
        raise UserError(
            f"--query {one_line(path)}: no such file or folder; give a ZIP file or a folder"
        )
    return _zip_members(path)


def hidden(name: str) -> bool:
    return any(
        (part.startswith(".") and part != "..") or part == "__MACOSX" for part in name.split("/")
    )


def _folder_members(folder: Path) -> Iterator[Member]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        # A link may lead anywhere, but it is the user's own folder; a pipe would block for ever.
        if file.is_file() and not hidden(name):
            yield Member(name, str(file.absolute()), lambda file=file: file.open("rb"))


def _zip_members(path: Path) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(path)
        entries = archive.infolist()
        _refuse_bomb(path, entries)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise UserError(
            f"--query {one_line(path)}: not a whole ZIP file ({one_line(error)}); fetch it again"
        ) from error
    for entry in entries:
        if entry.is_dir() or (hidden(entry.filename) and not _unsafe(entry)):
            continue
        if entry.flag_bits & 1:
            raise UserError(
                f"--query {one_line(path)}: protected by a password; unpack it and give the folder"
            )
        name = _readable_name(entry)
        yield Member(
            name,
            f"{path.absolute()}!/{name}",
            lambda entry=entry: _Entry(archive, entry),
            Refusal(UNSAFE_PATH, _unsafe(entry)) if _unsafe(entry) else None,
        )


class _Entry:
    """An entry that is open: whatever goes wrong with it until it is closed makes it a damaged one."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo):
        self._file = _guarded(lambda: archive.open(entry))

    def read(self, size: int = -1) -> bytes:
        return _guarded(lambda: self._file.read(size))

    def __enter__(self) -> _Entry:
        return self

    def __exit__(self, *exception) -> None:
        self._file.close()


def _guarded(work: Callable):
    try:
        return work()
    except Exception as error:  # zlib, zipfile and codecs raise many types on hostile archives
        raise Refused(BROKEN, one_line(error) or type(error).__name__) from error


def _refuse_bomb(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """After Fifield 2019, "A better zip bomb": entries that overlap, or that promise far more than
    the file holds.
    """
    promised = sum(entry.file_size for entry in entries)
    size = path.stat().st_size
    if promised > max(_BOMB_BYTES, _BOMB_RATIO * size):
        raise UserError(
            f"--query {one_line(path)}: {size / 1e6:.1f} MB that claim to hold {promised / 1e6:.0f} MB of files: a ZIP bomb; "
            "nothing of it was read"
        )
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise UserError(
                f"--query {one_line(path)}: its entries overlap: a ZIP bomb; nothing of it was read"
            )
        end = entry.header_offset + _LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size


def _unsafe(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not what an honest archive of pictures has; "" where nothing is wrong."""
    name = entry.filename.replace("\\", "/")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "a link to another file"
    if ".." in PurePosixPath(name).parts:
        return "leads out of the folder"
    return "an absolute path" if name.startswith("/") or name[1:3] == ":/" else ""


def _readable_name(entry: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without saying so; zipfile then reads it as the code page of old
    PCs.
    """
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return entry.filename
