"""What sources have at hand, and how they read answers that may look otherwise than documented."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tf_i2i.errors import one_line
from training.collection.item import REFUSED, Refused


@dataclass(frozen=True)
class Context:
    """Attributes:
    json: fetches a URL, optionally with a media type to ask for, and returns the parsed answer.
    site: asked instead of the service's own address; None: its own.
    original: whether files are wanted at the largest size; otherwise at the one that services show
        on the web.
    key: of the user, where a service wants one.
    kind: of works, "painting" and the like, where a service can choose by it; None: any.
    licence: recorded for pictures that come without any.
    expect: told how many pictures the source lists, where it says so.
    """

    json: Callable[..., Any]
    site: str | None = None
    original: bool = False
    key: str | None = None
    kind: str | None = None
    licence: str = "unknown"
    expect: Callable[[int], None] = lambda count: None


def rows(answer: Any, *path: str) -> list[dict]:
    """The list of objects at `path`; a missing one is empty.

    Raises:
        Refused: the answer is no object, or something else than a list stands there.
    """
    for name in path:
        if not isinstance(answer, dict):
            raise Refused(REFUSED, f"the service's answer has no {name}")
        answer = answer.get(name) or []
    if not isinstance(answer, list):
        raise Refused(REFUSED, f"the service's answer has no list of {path[-1]}")
    return [row for row in answer if isinstance(row, dict)]


def part(row: Any, name: str) -> dict:
    """The object in a field; an empty one where there is none."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, dict) else {}


def number(row: Any, name: str) -> int:
    """A count in a field; 0 where there is none."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def text(row: dict, name: str) -> str:
    """A field as one line of plain text: "" for a missing one, numbers written out, HTML taken off."""
    value = row.get(name)
    if value is None or isinstance(value, (dict, list)):
        return ""
    return one_line(" ".join(html.unescape(re.sub(r"<[^<>]*>", "", str(value))).split()))
