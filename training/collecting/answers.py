"""Lists and descriptions that services answered with, kept so that an interrupted collection does
not ask again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from training.run_folder import write_text


class Answer(NamedTuple):
    """value: parsed JSON; etag: what the server called it; fresh: it was given to this very
    collection.
    """

    value: Any
    etag: str | None
    fresh: bool


class Answers:
    """Files below `folder`, one a URL.

    Args:
        collection: names one collection from its begin to its end, over interruptions.
    """

    def __init__(self, folder: Path, collection: str):
        self._folder, self._collection = folder, collection
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, url: str) -> Answer | None:
        try:
            found = json.loads(self._path(url).read_text(encoding="utf-8"))
            return Answer(found["value"], found["etag"], found["collection"] == self._collection)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ):  # none, or not one of ours: then it is asked for
            return None

    def put(self, url: str, value: Any, etag: str | None) -> None:
        write_text(
            self._path(url),
            json.dumps({"collection": self._collection, "etag": etag, "value": value}),
        )

    def _path(self, url: str) -> Path:
        # Not the URL itself: a key may be in it.
        return self._folder / (
            hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".json"
        )
