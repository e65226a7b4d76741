"""One picture that a source lists, and the reasons why one is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

LICENCE = "licence not asked for"


NOT_A_PICTURE = "not a picture that trainers read"


NO_PICTURE = "no picture offered"


TOO_LARGE, TOO_SMALL, TOO_MANY_PIXELS = "file too large", "too small", "too many pixels"


BROKEN = "damaged"


ROBOTS, PRIVATE, ADDRESS = "robots.txt says no", "private address", "address not allowed"


REFUSED = "refused by the server"


NO_ANSWER = "no answer, to be tried again"


SAME_FILE = "the same file as another"


UNSAFE_PATH = "unsafe path in the archive"


TOTAL_REACHED = "--max-total-mb reached, to be tried again"


# Another try, or another run, may have another result.
PASSING = (NO_ANSWER, TOTAL_REACHED)


class Refused(Exception):
    """A picture is left out: `reason` is one of the above, `detail` what was found."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Refusal(NamedTuple):
    """Why a source itself knows that a picture can't be had."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Item:
    """A picture as its source tells of it.

    Attributes:
        url: where it is; for pictures that are not on the web, the archive or folder and the path
            in it. The record knows a picture by it.
        title, artist, date: as the source writes them, "" where it says nothing.
        licence: a name of `training.collection.item`.
        rights: what the source says about rights, in its own words.
        page: where a person can look it up.
        open: for pictures that are not on the web, opens the file.
        refused: why it can't be had at all.
    """

    url: str
    title: str = ""
    artist: str = ""
    date: str = ""
    licence: str = "unknown"
    rights: str = ""
    page: str = ""
    open: Callable[[], BinaryIO] | None = None
    refused: Refusal | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.title} <{self.url}>" if self.title else self.url


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
