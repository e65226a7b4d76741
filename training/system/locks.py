"""One process at a time in a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from tf_i2i.errors import UserError, one_line


class FolderLock:
    """Held while it is entered. The system releases it when the process ends, however it ends: a
    lock that a killed process left behind is simply taken.

    Args:
        folder: exists; gets a hidden file .lock, which stays.
        busy: what a user reads when another process holds the lock; {holder} is that process.

    Raises:
        UserError: on entering, when another process holds it or the folder can't be written to.
    """

    def __init__(self, folder: str | os.PathLike, busy: str):
        folder = Path(folder)
        self._lock, self._busy = FileLock(folder / ".lock"), busy
        self._holder = folder / ".lock-holder"

    def __enter__(self) -> FolderLock:
        try:
            self._lock.acquire(timeout=0)
            self._holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
        except Timeout as error:
            raise UserError(self._busy.format(holder=self._read_holder())) from error
        except OSError as error:
            raise UserError(
                f"{one_line(self._holder.parent)}: can't be written to ({error.strerror}); choose "
                "another folder"
            ) from error
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
    return FolderLock(
        root,
        f"--run {one_line(root)}: {{holder}} is training there; wait for it, stop it, or name "
        "another folder",
    )


def lock_folder(folder: Path) -> int | None:
    """Locks `folder`; the system lets go of it when this process ends, however it ends, or closes
    what is returned.

    Returns:
        A file descriptor for os.close; None on Windows, where two at once are not noticed.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        return None
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(held)
        raise
    return held
