"""One process at a time in a folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tf_i2i.errors import UserError, one_line


class FolderLock:
    """Held while it is entered. The system releases it when the process ends, however it ends.

    folder: exists; gets a hidden file .lock, which stays. busy: what a user reads (UserError) when
    another process, {holder}, holds the lock.
    """

    def __init__(self, folder: str | os.PathLike, busy: str):
        folder = Path(folder)
        self._lock, self._busy = FileLock(folder / ".lock"), busy
        self._holder = folder / ".lock-holder"

    def __enter__(self) -> "FolderLock":
        try:
            self._lock.acquire(timeout=0)
            self._holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
        except Timeout as error:
            raise UserError(self._busy.format(holder=self._read_holder())) from error
        except OSError as error:
            reason = f"can't be written to ({error.strerror}); choose another folder"
            raise UserError(f"{one_line(self._holder.parent)}: {reason}") from error
        return self

    def __exit__(self, *exception) -> None:
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _read_holder(self) -> str:
        try:
            return one_line(self._holder.read_text("utf-8", "replace")) or "another process"
        except OSError:
            return "another process"


def run_lock(root: str | os.PathLike) -> FolderLock:
    """The lock of a run folder."""
    busy = "{holder} is training there; wait for it, stop it, or name another folder"
    return FolderLock(root, f"--run {one_line(root)}: {busy}")


@contextmanager
def locked_folder(folder: Path, busy: str) -> Iterator[None]:
    """Holds a lock on `folder`, which ends with this process at the latest; UserError `busy` when
    another one holds it. On Windows two at once are not noticed.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(busy) from error
        yield
    finally:
        os.close(held)
