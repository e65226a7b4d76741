"""One process at a time in a run folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tf_i2i.errors import UserError


class RunLock:
    """Held while it is entered. The system lets go of it when the process ends, however it ends: a
    lock that a dead process left behind is simply taken.

    Args:
        root: run folder, which exists.

    Raises UserError on entering when another process holds it, with that process's number and
    machine.
    """

    def __init__(self, root: str | os.PathLike):
        self._path = Path(root) / ".lock"

    def __enter__(self) -> RunLock:
        try:
            self._file = open(self._path, "a+", encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{self._path}: can't be made ({error.strerror}); choose another --run"
            ) from error
        if not _try_lock(self._file):
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise UserError(
                f"--run {self._path.parent}: {holder} is training there; wait for it, stop it, or name another folder"
            )
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._file.flush()
        return self

    def __exit__(self, *exception) -> None:
        # The file stays: removing it would let a third process lock a new one while a second waits
        # for this.
        self._file.truncate(0)
        self._file.close()


def _try_lock(file) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two processes there are on their own
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
