"""One short name for each of the many ways in which services write a licence."""

from __future__ import annotations

import re

CC0, PUBLIC_DOMAIN, OWN, OTHER, UNKNOWN = "cc0", "public-domain", "own", "other", "unknown"
NAMES = (
    CC0,
    PUBLIC_DOMAIN,
    "cc-by",
    "cc-by-sa",
    "cc-by-nd",
    "cc-by-nc",
    "cc-by-nc-sa",
    "cc-by-nc-nd",
    OWN,
    OTHER,
    UNKNOWN,
)

_CC = re.compile(r"(?:creativecommons\.org/licenses/|\bcc[ -]?)(by(?:-(?:nc|nd|sa))*)\b")
_CC0 = re.compile(r"\bcc[ -]?(?:0|zero)\b|publicdomain/zero")
_PUBLIC_DOMAIN = re.compile(
    r"public[ -]?domain|publiek[ -]?domein|\bpd\b|\bno known copyright|\bno copyright\b"
)


def licence_name(text: str | None) -> str:
    """The name in NAMES for what a service writes: a URL, a code or words. "unknown" when it writes
    nothing.
    """
    said = (text or "").strip().lower()
    if not said:
        return UNKNOWN
    if said in NAMES:
        return said
    if _CC0.search(said):
        return CC0
    if match := _CC.search(said.replace("attribution", "by")):
        return "cc-" + match.group(1)
    return PUBLIC_DOMAIN if _PUBLIC_DOMAIN.search(said) else OTHER
