"""A picture that a source lists, its licence, and the reasons to leave one out."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from tf_i2i.files import sha256_of
from training.options.collect_options import LICENCES


class Reason:
    """Why a picture is left out, as in rejected.csv."""

    LICENCE = "licence not asked for"
    NOT_A_PICTURE = "not a picture that trainers read"
    NO_PICTURE = "no picture offered"
    TOO_LARGE, TOO_SMALL, TOO_MANY_PIXELS = "file too large", "too small", "too many pixels"
    BROKEN = "damaged"
    ROBOTS, ADDRESS = "robots.txt says no", "address not allowed"
    REFUSED = "refused by the server"
    NO_ANSWER = "no answer, to be tried again"
    SAME_FILE = "the same file as another"
    UNSAFE_PATH = "unsafe path in the archive"
    TOTAL_REACHED = "--max-total-mb reached, to be tried again"
    # Another run may succeed. "private address" is found in journals of version 0.1.
    TEMPORARY = (NO_ANSWER, TOTAL_REACHED, "private address")


class Refused(Exception):
    """A picture is left out, or a list can't be fetched: one of Reason's, and what was wrong."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Item:
    """A picture as its source describes it.

    url: its address, which identifies it; for local files, the archive or folder and the path in
    it. title, artist, date, rights: in the source's words, "" if unknown. licence: one of LICENCES.
    page: where a person can look it up. chunks: reads a local file, raising Refused where it is
    damaged; None for the web. refused: why the source itself doesn't offer the picture.
    """

    url: str
    title: str = ""
    artist: str = ""
    date: str = ""
    licence: str = "unknown"
    rights: str = ""
    page: str = ""
    chunks: Callable[[], Iterator[bytes]] | None = None
    refused: Refused | None = None


def url_digest(url: str) -> str:
    """Names files that belong to `url`, which itself may hold a key."""
    return sha256_of(url.encode("utf-8", "surrogatepass"))[:32]


def read_up_to(max_bytes: int, chunks: Iterator[bytes]) -> bytes:
    """All of `chunks`, or Refused if that is too much."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > max_bytes:
            raise Refused(Reason.TOO_LARGE, f"over {max_bytes / 1e6:g} MB")
    return bytes(data)


def join_url(base: str, url: str) -> str:
    """urljoin that returns a malformed `url` as it is; HttpClient refuses it."""
    try:
        return urljoin(base, url)
    except ValueError:
        return url


_CC = re.compile(r"(?:creativecommons\.org/licenses/|\bcc[ -]?)(by(?:-(?:nc|nd|sa))*)\b")
_CC0 = re.compile(r"\bcc[ -]?(?:0|zero)\b|publicdomain/zero")
_PUBLIC_DOMAIN = re.compile(
    r"public[ -]?domain|publiek[ -]?domein|\bpd\b|\bno known copyright|\bno copyright\b"
)


def licence_name(text: str | None) -> str:
    """The name in LICENCES for a service's URL, code or words; "unknown" for an empty text."""
    text = (text or "").strip().lower()
    if not text:
        return "unknown"
    if text in LICENCES:
        return text
    if _CC0.search(text):
        return "cc0"
    if match := _CC.search(text.replace("attribution", "by")):
        return "cc-" + match.group(1)
    return "public-domain" if _PUBLIC_DOMAIN.search(text) else "other"
