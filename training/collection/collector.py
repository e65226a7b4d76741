"""One run of training.collect: takes what a source lists, fetches it by a few threads, keeps or
rejects each picture.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tf_i2i.files import write_json
from training.collection.collection_folder import CollectionFolder, Kept, file_name, picture_facts
from training.collection.fetcher import Fetcher
from training.collection.item import LICENCE, SAME_FILE, TOO_LARGE, TOTAL_REACHED, Item, Refused
from training.collection.throttle import Stopped

_SAVE_SECONDS = 30


_CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Attributes:
        licences: names of licences; none: any.
        pictures: how many of this query at most; None: all.
        total_bytes: of the whole folder. max_bytes, max_pixels, min_size (shorter side): of one
            picture.
    """

    licences: tuple[str, ...] = ()
    pictures: int | None = None
    total_bytes: int = 2_000_000_000
    max_bytes: int = 30_000_000
    max_pixels: int = 100_000_000
    min_size: int = 0

    def of_one(self) -> str:
        """Those that decide on a single picture: a rejection holds as long as they are the same."""
        return json.dumps([sorted(self.licences), self.max_bytes, self.max_pixels, self.min_size])


class _Total:
    """Bytes of the folder, shared by the threads; never over its limit."""

    def __init__(self, used: int, limit: int):
        self._used, self._limit, self._lock = used, limit, threading.Lock()

    def take(self, count: int) -> None:
        with self._lock:
            if self._used + count > self._limit:
                raise Refused(TOTAL_REACHED, f"{self._limit / 1e6:g} MB")
            self._used += count

    def give_back(self, count: int) -> None:
        with self._lock:
            self._used -= count


class _Share:
    """What one picture has of the total."""

    def __init__(self, total: _Total):
        self._total, self.taken = total, 0

    def take(self, count: int) -> None:
        self._total.take(count)
        self.taken += count

    def settle(self, size: int) -> None:
        """Only the bytes of the file count, not those of transfers that broke off."""
        self._total.give_back(self.taken)
        self.taken = 0
        self.take(size)

    def give_back(self) -> None:
        self._total.give_back(self.taken)
        self.taken = 0


class Collection:
    """One run.

    Args:
        folder: entered. limits: see there. parallel: transfers at once.
        stop: set once nothing more shall be begun.
    """

    def __init__(
        self, folder: CollectionFolder, limits: Limits, parallel: int, stop: threading.Event
    ):
        self._folder, self._record, self._limits, self._parallel, self._stop = (
            folder,
            folder.record,
            limits,
            parallel,
            stop,
        )
        used = sum(path.stat().st_size for path in folder.root.iterdir() if path.is_file())
        self._total = _Total(used, limits.total_bytes)
        self._seen: set[str] = set()
        self.rejected: dict[str, tuple[Item, Refused]] = {}
        self.new, self.known = 0, 0
        self._expected: int | None = None

    def expect(self, count: int) -> None:
        """The source lists so many; for the progress shown."""
        self._expected = min(count, self._limits.pictures or count) or None

    def run(self, items: Iterable[Item], fetcher: Fetcher | None) -> None:
        """Works through `items`; returns early once `stop` is set.

        Raises:
            Refused: the source's list can't be had. OSError: the folder can't be written.
        """
        with (
            ThreadPoolExecutor(self._parallel) as pool,
            tqdm(desc="collecting", unit="picture", delay=1) as bar,
        ):
            running: dict[Future, Item] = {}
            try:
                self._submit_all(items, fetcher, pool, running, bar)
                while running:
                    self._finish_some(running, bar)
            except BaseException:
                # What is under way may end, but nothing else begins; the pool waits for it.
                self._stop.set()
                raise
            finally:
                self._record.write_tables()

    def _submit_all(
        self, items, fetcher, pool: ThreadPoolExecutor, running: dict, bar: tqdm
    ) -> None:
        saved = time.monotonic()
        limits = self._limits.of_one()
        try:
            for item in items:
                if self._stop.is_set():
                    return
                if item.url not in self._seen:
                    self._seen.add(item.url)
                    bar.total = self._expected
                    if not self._take(item, limits, fetcher, pool, running):
                        bar.update()
                while len(running) >= self._parallel or (running and self._enough(len(running))):
                    self._finish_some(running, bar)
                # Before the source is asked for more.
                if self._enough(len(running)):
                    return
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self._record.write_tables()
                    saved = time.monotonic()
        except Stopped:
            return

    def _enough(self, running: int) -> bool:
        return (
            self._limits.pictures is not None
            and self.new + self.known + running >= self._limits.pictures
        )

    def _take(
        self, item: Item, limits: str, fetcher, pool: ThreadPoolExecutor, running: dict
    ) -> bool:
        """Decides on a picture, or has it fetched: True."""
        refused = Refused(*item.refused) if item.refused else self._licence_refusal(item)
        if refused:
            self._reject(item, refused)
        elif not self._record.judged(item.url, limits):
            running[pool.submit(self._get, item, fetcher)] = item
            return True
        elif item.url in self._record.kept:
            self.known += 1
        else:
            before = self._record.rejected[item.url]
            self._reject(item, Refused(before.reason, before.detail))
        return False

    def _licence_refusal(self, item: Item) -> Refused | None:
        if self._limits.licences and item.licence not in self._limits.licences:
            return Refused(LICENCE, item.licence)
        return None

    def _finish_some(self, running: dict, bar: tqdm) -> None:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            item = running.pop(future)
            try:
                future.result()
            except Refused as error:
                self._reject(item, error)
            except Stopped:
                continue
            else:
                self.new += 1
            bar.update()

    def _reject(self, item: Item, refused: Refused) -> None:
        self._record.reject(item, refused, self._limits.of_one())
        self.rejected[item.url] = (item, refused)

    def _get(self, item: Item, fetcher: Fetcher | None) -> None:
        """In a thread: brings one picture into the folder, or raises Refused or Stopped."""
        partial, share = self._folder.partial(item), _Share(self._total)
        try:
            if item.open is None:
                fetcher.picture(item.url, partial, share.take)
            else:
                _copy(item.open, partial, self._limits.max_bytes, share.take)
            size = partial.stat().st_size
            share.settle(size)
            facts = picture_facts(partial, self._limits.min_size, self._limits.max_pixels)
            same = self._record.keep(_entry(item, facts, partial, size), partial)
            if same:
                raise Refused(SAME_FILE, f"{same} has the same bytes")
        except Refused:
            share.give_back()
            self._folder.discard(item)
            raise
        except BaseException:  # stopped: what came of it is there for the next run
            share.give_back()
            raise
        self._folder.discard(item)


def begin(hidden: Path, query: str) -> str:
    """The name of this collection: that of before where it was not finished."""
    unfinished = _unfinished(hidden)
    if query not in unfinished:
        write_json(hidden / "unfinished.json", unfinished | {query: uuid.uuid4().hex})
    return _unfinished(hidden)[query]


def finish(hidden: Path, query: str) -> None:
    """Notes that all was asked for: another collection of the same query starts anew."""
    write_json(
        hidden / "unfinished.json",
        {name: run for name, run in _unfinished(hidden).items() if name != query},
    )


def _unfinished(hidden: Path) -> dict[str, str]:
    try:
        found = json.loads((hidden / "unfinished.json").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _entry(item: Item, facts, partial: Path, size: int) -> Kept:
    with open(partial, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Kept(
        file_name(item, facts.suffix),
        item.url,
        item.page,
        item.title,
        item.artist,
        item.date,
        item.licence,
        item.rights,
        digest,
        size,
        facts.width,
        facts.height,
        datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


def _copy(opener: Callable, partial: Path, max_bytes: int, count: Callable[[int], None]) -> None:
    """Copies a file that is not on the web; what a header says about its size is not believed."""
    copied = 0
    with opener() as source, open(partial, "wb") as target:
        while chunk := source.read(_CHUNK):
            copied += len(chunk)
            if copied > max_bytes:
                raise Refused(TOO_LARGE, f"over {max_bytes / 1e6:g} MB")
            count(len(chunk))
            target.write(chunk)
