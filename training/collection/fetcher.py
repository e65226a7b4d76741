"""Fetches lists, answering from saved answers where possible, and pictures, continuing transfers."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tf_i2i.errors import one_line
from tf_i2i.files import write_json
from training.collection.http_client import HttpClient, TransientError
from training.collection.item import Reason, Refused, read_up_to, url_digest

_SUBTYPES = ("jpeg", "jpg", "pjpeg", "png", "webp", "bmp", "x-ms-bmp", "gif", "tiff", "jp2", "avif")
_PICTURE_TYPES = {f"image/{name}" for name in _SUBTYPES}
_MAX_ANSWER = 64_000_000


class SavedAnswers:
    """JSON answers, one file per URL: those to finished collections in `folder`, those to the one
    that `collection` names in a folder of its own.
    """

    def __init__(self, folder: Path, collection: str):
        self._finished, self._unfinished = folder, folder / url_digest(collection)
        self._unfinished.mkdir(parents=True, exist_ok=True)

    def get(self, url: str) -> tuple[dict | None, bool]:
        """The answer with its "value" and "etag", and whether it belongs to this collection."""
        for folder in (self._unfinished, self._finished):
            try:
                answer = json.loads(self._path(folder, url).read_text(encoding="utf-8"))
                answer["value"], answer["etag"]
                return answer, folder == self._unfinished
            except (OSError, ValueError, KeyError, TypeError):  # none, or not ours
                continue
        return None, False

    def put(self, url: str, answer: dict) -> None:
        write_json(self._path(self._unfinished, url), answer)

    def finish(self) -> None:
        """Another collection asks for everything again, but with the ETags of these answers."""
        for path in self._unfinished.iterdir():
            os.replace(path, self._finished / path.name)
        self._unfinished.rmdir()

    def _path(self, folder: Path, url: str) -> Path:
        return folder / f"{url_digest(url)}.json"


class Fetcher:
    """Shared by all threads."""

    def __init__(self, client: HttpClient, answers: SavedAnswers):
        self._client, self._answers = client, answers

    def json(self, url: str, accept: str = "application/json") -> Any:
        """The parsed answer at `url`, saved if asked before or not changed; Refused, Stopped."""
        saved, current = self._answers.get(url)
        if current:
            return saved["value"]
        headers = {"Accept": accept}
        if saved and saved["etag"]:
            headers["If-None-Match"] = saved["etag"]
        answer = self._client.retry(lambda: self._json_once(url, headers, saved))
        self._answers.put(url, answer)
        return answer["value"]

    def picture(self, url: str, partial: Path, check_size: Callable[[int], None]) -> None:
        """Fetches the picture at `url` into `partial`, continuing an earlier transfer.

        check_size: gets the number of bytes so far, or known in advance; may raise Refused. Raises
        Refused when it can't be fetched; when Stopped, what was received is kept.
        """
        self._client.retry(lambda: self._picture_once(url, partial, check_size))

    def _json_once(self, url: str, headers: dict, saved: dict | None) -> dict:
        with closing(self._client.get(url, headers)) as response:
            if response.status == 304 and saved:
                return saved
            data = read_up_to(_MAX_ANSWER, self._client.chunks(response))
            try:
                return {"value": json.loads(data), "etag": response.headers.get("ETag")}
            except (ValueError, RecursionError) as error:
                kind = one_line(response.headers.get("Content-Type", "nothing known"))
                raise Refused(Reason.REFUSED, f"JSON was expected, not {kind}") from error

    def _picture_once(self, url: str, partial: Path, check_size: Callable[[int], None]) -> None:
        etag_file = partial.with_suffix(".etag")
        size = partial.stat().st_size if partial.exists() and etag_file.exists() else 0
        accepted = ("jpeg", "png", "webp", "bmp", "gif", "tiff", "jp2", "avif")
        headers = {"Accept": ", ".join(f"image/{name}" for name in accepted)}
        if size:
            etag = etag_file.read_text(encoding="utf-8")
            headers |= {"Range": f"bytes={size}-", "If-Range": etag}
        with closing(self._client.get(url, headers)) as response:
            content_range = response.headers.get("Content-Range", "")
            if response.status == 416 and size:
                if content_range.endswith(f"/{size}"):
                    return
                partial.unlink()
                raise TransientError("the file has changed")
            resumed = response.status == 206 and content_range.startswith(f"bytes {size}-")
            size = size if resumed else 0
            kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
            if kind not in _PICTURE_TYPES:
                raise Refused(Reason.NOT_A_PICTURE, f"its type is {one_line(kind) or 'not given'}")
            check_size(size + (response.length_remaining or 0))
            etag = response.headers.get("ETag")
            if etag and not etag.startswith("W/"):  # a weak one does not promise equal bytes
                etag_file.write_text(etag, encoding="utf-8")
            else:
                etag_file.unlink(missing_ok=True)
            # Not buffered: what was received is there after a kill.
            with open(partial, "r+b" if resumed else "wb", buffering=0) as file:
                file.seek(size)
                for chunk in self._client.chunks(response):
                    size += len(chunk)
                    check_size(size)
                    file.write(chunk)
