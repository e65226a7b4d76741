"""What sources work with, and how they read answers that may not be as documented."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tf_i2i.errors import one_line
from training.collection.item import Reason, Refused
from training.options.collect_options import CollectOptions


@dataclass(frozen=True)
class Context:
    """Attributes:
    json: fetches a URL, optionally with a media type to ask for, and returns the parsed answer.
    expect: takes the number of pictures that the source lists, if it says so.
    """

    options: CollectOptions
    json: Callable[..., Any]
    expect: Callable[[int], None] = lambda count: None

    @property
    def rights(self) -> dict[str, str]:
        """Fields of an Item whose licence the user has stated."""
        licence = self.options.rights
        return {"licence": licence, "rights": "" if licence == "unknown" else "as the user says"}


def rows(answer: Any, *path: str) -> list[dict]:
    """The list of objects at `path`, maybe empty; Refused if there is something else."""
    for name in path:
        if not isinstance(answer, dict):
            raise Refused(Reason.REFUSED, f"the service's answer has no {name}")
        answer = answer.get(name) or []
    if not isinstance(answer, list):
        raise Refused(Reason.REFUSED, f"the service's answer has no list of {path[-1]}")
    return [row for row in answer if isinstance(row, dict)]


def part(row: Any, name: str) -> dict:
    """The object in a field; an empty one if there is none."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, dict) else {}


def number(row: Any, name: str) -> int:
    """A count in a field; 0 if there is none."""
    value = row.get(name) if isinstance(row, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def text(row: dict, name: str) -> str:
    """A field as one line of plain text without HTML; "" if it is missing."""
    value = row.get(name)
    if value is None or isinstance(value, (dict, list)):
        return ""
    return one_line(" ".join(html.unescape(re.sub(r"<[^<>]*>", "", str(value))).split()))
