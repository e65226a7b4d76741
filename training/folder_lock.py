"""One process at a time that writes into a folder, without a file for it."""

from __future__ import annotations

import os
from pathlib import Path


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
