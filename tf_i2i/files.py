"""Files that are complete or absent, their sums, and names that any file system takes."""

import hashlib
import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tf_i2i.errors import UserError, one_line

_PARTIAL = ".partial"
_MAX_NAME_BYTES = 120


@contextmanager
def replacing(path: str | os.PathLike, sync: bool = False, suffix: str = "") -> Iterator[Path]:
    """A hidden file beside `path` to write to, which is renamed to `path` when the block ends.

    When the block raises, `path` stays as it was. sync: onto the disk before the rename, so that no
    power failure leaves half a file. suffix: of the hidden file, for writers that go by it.
    """
    path = Path(path)
    # A short name of its own: two writers don't meet, and a long name stays within the limit.
    partial = path.with_name(f".{uuid.uuid4().hex[:12]}{_PARTIAL}{suffix}")
    try:
        yield partial
        if sync:
            with open(partial, "rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partial_files(folder: str | os.PathLike) -> None:
    """Removes what a process killed inside of `replacing` left, for the folder's only writer."""
    for path in Path(folder).glob(f".*{_PARTIAL}*"):
        path.unlink(missing_ok=True)


@contextmanager
def write_errors(what: str, kind: type[UserError] = UserError) -> Iterator[None]:
    """Turns an OSError of the block into a UserError about `what`, such as "--out DIR"."""
    try:
        yield
    except OSError as error:
        reason = f"can't be written ({one_line(error.strerror or error)})"
        raise kind(f"{what}: {reason}; free some space or name another place") from error


def require_writable(folder: Path, what: str) -> None:
    """Makes `folder`; UserError where nothing can be written there: before the work, not after."""
    with write_errors(what):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_bytes(path: str | os.PathLike, data: bytes, sync: bool = False) -> None:
    with replacing(path, sync) as partial:
        partial.write_bytes(data)


def write_text(path: str | os.PathLike, text: str, sync: bool = False) -> None:
    """UTF-8, with line ends as they are in `text`."""
    write_bytes(path, text.encode("utf-8"), sync)


def write_json(path: str | os.PathLike, value, sync: bool = False) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n", sync)


def sha256_of(source: str | os.PathLike | bytes) -> str:
    """sha256 in hexadecimal digits, of bytes or of a file's contents."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    digest = hashlib.sha256()
    with open(source, "rb") as file:  # hashlib.file_digest is of Python 3.11
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def safe_part(part: str) -> str:
    """One part of a path: empty for ".." and the like, never hidden, at most 120 bytes."""
    text = re.sub(r"[^\w .,+=@()-]", "_", part.strip(". "))
    # File systems count bytes: a letter may take four of them.
    if len(text.encode()) <= _MAX_NAME_BYTES:
        return text
    return text[:20] + sha256_of(os.fsencode(part))[:16]
