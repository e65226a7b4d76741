"""Reads ZIP files and folders, which may be hostile. Nothing is ever written under their names."""

import functools
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tf_i2i.errors import UserError, one_line
from training.collection.item import Item, Reason, Refused

# Pictures hardly compress; texts compress by a factor of ten or twenty.
_BOMB_RATIO, _BOMB_BYTES = 100, 100_000_000
_LOCAL_HEADER = 30
_CHUNK = 1 << 20


def members(path: Path) -> Iterator[Item]:
    """The files in a folder or a ZIP, except hidden ones, each with its path in there as title.

    Raises UserError when it does not exist, is unreadable, encrypted or a ZIP bomb.
    """
    if path.is_dir():
        return _folder_members(path)
    if not path.is_file():
        raise UserError(f"--query {one_line(path)}: no such file; give a ZIP or a folder")
    return _zip_members(path)


def _folder_members(folder: Path) -> Iterator[Item]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        # A link may lead anywhere, but it is the user's own folder; a pipe would block for ever.
        if file.is_file() and not _hidden(name):
            read = functools.partial(_chunks, file.open, "rb")
            yield Item(str(file.absolute()), title=name, chunks=read)


def _zip_members(path: Path) -> Iterator[Item]:
    try:
        archive = zipfile.ZipFile(path)
        entries = archive.infolist()
        _refuse_bomb(path, entries)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        reason = f"incomplete or damaged ZIP file ({one_line(error)}); download it again"
        raise UserError(f"--query {one_line(path)}: {reason}") from error
    for entry in entries:
        refused = _unsafe_path(entry)
        if entry.is_dir() or (_hidden(entry.filename) and not refused):
            continue
        if entry.flag_bits & 1:
            fix = "protected by a password; unpack it and give the folder"
            raise UserError(f"--query {one_line(path)}: {fix}")
        name = _decoded_name(entry)
        read = functools.partial(_chunks, archive.open, entry)
        yield Item(f"{path.absolute()}!/{name}", title=name, chunks=read, refused=refused)


def _chunks(open_file: Callable[..., BinaryIO], *arguments) -> Iterator[bytes]:
    try:
        with open_file(*arguments) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except Exception as error:  # zlib, zipfile and codecs raise many types on hostile archives
        raise Refused(Reason.BROKEN, one_line(error) or type(error).__name__) from error


def _hidden(name: str) -> bool:
    parts = name.split("/")
    return any((p.startswith(".") and p != "..") or p == "__MACOSX" for p in parts)


def _refuse_bomb(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Fifield 2019, "A better zip bomb": entries that overlap, or claim to hold far too much."""
    claimed, size = sum(entry.file_size for entry in entries), path.stat().st_size
    if claimed > max(_BOMB_BYTES, _BOMB_RATIO * size):
        reason = f"{size / 1e6:.1f} MB that claim to hold {claimed / 1e6:.0f} MB: a ZIP bomb"
        raise UserError(f"--query {one_line(path)}: {reason}; nothing was read")
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            reason = "its entries overlap: a ZIP bomb; nothing was read"
            raise UserError(f"--query {one_line(path)}: {reason}")
        end = entry.header_offset + _LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size


def _unsafe_path(entry: zipfile.ZipInfo) -> Refused | None:
    name = entry.filename.replace("\\", "/")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Refused(Reason.UNSAFE_PATH, "a link to another file")
    if ".." in PurePosixPath(name).parts:
        return Refused(Reason.UNSAFE_PATH, "outside the folder")
    if name.startswith("/") or name[1:3] == ":/":
        return Refused(Reason.UNSAFE_PATH, "an absolute path")
    return None


def _decoded_name(entry: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without the flag for it; zipfile then decodes it as cp437."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename
