"""One process at a time in a folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tf_i2i.errors import UserError, one_line


@contextmanager
def run_lock(root: str | os.PathLike) -> Iterator[None]:
    """Holds the lock of a run folder, which exists and gets a hidden file .lock, which stays.

    The system releases it when the process ends, however it ends. UserError: another one holds it.
    """
    lock, holder = FileLock(Path(root, ".lock")), Path(root, ".lock-holder")
    try:
        lock.acquire(timeout=0)
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", "utf-8")
    except Timeout as error:
        fix = "wait for it, stop it, or name another folder"
        reason = f"{_read_holder(holder)} is training there; {fix}"
        raise UserError(f"--run {one_line(root)}: {reason}") from error
    except OSError as error:
        reason = f"can't be written to ({error.strerror}); choose another folder"
        raise UserError(f"{one_line(root)}: {reason}") from error
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read_holder(file: Path) -> str:
    try:
        return one_line(file.read_text("utf-8", "replace")) or "another process"
    except OSError:
        return "another process"


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
