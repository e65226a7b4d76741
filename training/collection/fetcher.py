"""Fetches lists and pictures: with what is known of before, into files that can be continued,
within bounds.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import requests

from tf_i2i.errors import one_line
from tf_i2i.files import write_text
from training.collection.http_client import Manners, Passing, PoliteClient, content_length
from training.collection.item import NOT_A_PICTURE, REFUSED, TOO_LARGE, Refused

PICTURE_TYPES = (
    "image/jpeg",
    "image/jpg",
    "image/pjpeg",
    "image/png",
    "image/webp",
    "image/bmp",
    "image/x-ms-bmp",
)


_MAX_ANSWER = 64 * 1024 * 1024


class Fetcher:
    """Shared by all threads.

    Args:
        manners: see there.
        answers: JSON answers of before.
        stop: once it is set, everything ends with Stopped.
    """

    def __init__(self, manners: Manners, answers: Answers, stop: threading.Event):
        self._client, self._answers, self._max_bytes = (
            PoliteClient(manners, stop),
            answers,
            manners.max_bytes,
        )

    def json(self, url: str, accept: str = "application/json") -> Any:
        """The parsed answer at `url`; the one of before where the server says that it is still the
        same, or where the run that asked for it was not finished.

        Raises:
            Refused: it can't be had. Stopped: it is to be stopped.
        """
        known = self._answers.get(url)
        if known and known.fresh:
            return known.value
        headers = {"Accept": accept} | (
            {"If-None-Match": known.etag} if known and known.etag else {}
        )
        value, etag = self._client.persist(lambda: self._json_once(url, headers))
        if value is None and known:
            value, etag = known.value, known.etag
        self._answers.put(url, value, etag)
        return value

    def picture(self, url: str, partial: Path, count: Callable[[int], None]) -> None:
        """Fetches the picture at `url` into `partial`; goes on where an earlier transfer into it
        broke off.

        Args:
            count: told of each further number of bytes; may raise Refused.

        Raises:
            Refused: it can't be had. Stopped: it is to be stopped; what came is kept.
        """
        self._client.persist(lambda: self._picture_once(url, partial, count))

    def _json_once(self, url: str, headers: dict) -> tuple[Any, str | None]:
        with closing(self._client.request(url, headers)) as response:
            if response.status_code == 304:
                return None, None
            parts, size = [], 0
            for chunk in self._client.chunks(response):
                parts.append(chunk)
                size += len(chunk)
                if size > _MAX_ANSWER:
                    raise Refused(TOO_LARGE, f"an answer of over {_MAX_ANSWER // 2**20} MB")
            try:
                return json.loads(b"".join(parts)), response.headers.get("ETag")
            except ValueError as error:
                kind = response.headers.get("Content-Type", "nothing known")
                raise Refused(REFUSED, f"JSON was expected, not {one_line(kind)}") from error

    def _picture_once(self, url: str, partial: Path, count: Callable[[int], None]) -> None:
        note = partial.with_suffix(".etag")
        have = partial.stat().st_size if partial.exists() and note.exists() else 0
        headers = {"Accept": "image/jpeg, image/png, image/webp, image/bmp"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": note.read_text(encoding="utf-8")}
        with closing(self._client.request(url, headers)) as response:
            whole_there = have and response.status_code == 416
            if whole_there and response.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            if whole_there:
                partial.unlink()
                raise Passing("the file has changed")
            resumed = response.status_code == 206 and _range_start(response) == have
            have = have if resumed else 0
            self._check_picture(response, have)
            _write_note(note, response.headers.get("ETag"))
            # Not buffered: what has come shall be there after a kill.
            with open(partial, "r+b" if resumed else "wb", buffering=0) as file:
                file.seek(have)
                for chunk in self._client.chunks(response):
                    have += len(chunk)
                    if have > self._max_bytes:
                        raise Refused(TOO_LARGE, f"over {self._max_bytes / 1e6:g} MB")
                    count(len(chunk))
                    file.write(chunk)

    def _check_picture(self, response: requests.Response, have: int) -> None:
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind not in PICTURE_TYPES:
            raise Refused(NOT_A_PICTURE, f"its type is {one_line(kind) or 'not said'}")
        length = content_length(response)
        if length is not None and have + length > self._max_bytes:
            raise Refused(
                TOO_LARGE, f"{(have + length) / 1e6:.1f} MB, over {self._max_bytes / 1e6:g} MB"
            )


def _range_start(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
    return int(match.group(1)) if match else None


def _write_note(note: Path, etag: str | None) -> None:
    """Notes what the partial file is part of; a weak ETag does not promise equal bytes, so nothing
    is resumed with it.
    """
    if etag and not etag.startswith("W/") and etag.isascii() and etag.isprintable():
        note.write_text(etag, encoding="utf-8")
    else:
        note.unlink(missing_ok=True)


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
