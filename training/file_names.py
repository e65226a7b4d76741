"""Names that any file system takes, from names that others chose."""

from __future__ import annotations

import hashlib
import os
import re

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
