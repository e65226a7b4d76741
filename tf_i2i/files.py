"""Names that any file system takes, from names that others chose."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path


def write_json(path: Path, value, sync: bool = False) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n", sync)


def write_text(path: Path, text: str, sync: bool = False) -> None:
    """Complete or absent: written under a temporary name, then renamed. sync: on the disk before
    the rename.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


_BYTES = 120


def safe_part(part: str) -> str:
    """One part of a path: empty for ".." and the like, never hidden, at most 120 bytes."""
    text = re.sub(r"[^\w .,+=@()-]", "_", part.strip(". "))
    # File systems count bytes: a letter may take four of them.
    return (
        text
        if len(text.encode()) <= _BYTES
        else text[:20] + hashlib.sha256(os.fsencode(part)).hexdigest()[:16]
    )
