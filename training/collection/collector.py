"""Takes what a source lists, fetches it in a few threads, keeps or rejects each picture."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tqdm import tqdm

from tf_i2i.files import sha256_of
from training.collection.collection_folder import (
    CollectionFolder,
    Kept,
    Rejected,
    check_picture,
    file_name,
)
from training.collection.fetcher import Fetcher
from training.collection.item import LICENCE, SAME_FILE, TOO_LARGE, Item, Refused
from training.options.collect_options import CollectOptions

_SAVE_SECONDS = 30


class Collector:
    """One run.

    Args:
        folder: entered.
        stop: set once nothing more should be started.

    Attributes:
        known: number of listed pictures that were in the folder before.
        rejected: pictures that were left out in this run.
    """

    def __init__(
        self,
        options: CollectOptions,
        folder: CollectionFolder,
        fetcher: Fetcher,
        stop: threading.Event,
    ):
        self._options, self._folder, self._fetcher, self._stop = options, folder, fetcher, stop
        # As in the journals of version 0.1: what a rejection depends on.
        self._limits = json.dumps(
            [sorted(options.licences), options.max_bytes, options.max_pixels, options.min_size]
        )
        self._kept_before, self.known = len(folder.kept), 0
        self.rejected: list[Rejected] = []
        self._expected: int | None = None

    @property
    def new(self) -> int:
        """Number of pictures that this run has added."""
        return len(self._folder.kept) - self._kept_before

    def expect(self, count: int) -> None:
        """Sets the number of listed pictures, for the progress bar."""
        self._expected = min(count, self._options.limit or count) or None

    def run(self, items: Iterable[Item]) -> None:
        """Works through `items`.

        Raises:
            Refused: the source's list can't be fetched. OSError: the folder can't be written.
            Stopped.
        """
        try:
            with (
                ThreadPoolExecutor(self._options.parallel) as pool,
                tqdm(desc="collecting", unit="picture", delay=1) as bar,
            ):
                try:
                    self._run(items, pool, bar)
                except BaseException:
                    # Transfers in progress end early; the pool waits for them.
                    self._stop.set()
                    raise
        finally:
            self._folder.write_tables()

    def _run(self, items: Iterable[Item], pool: ThreadPoolExecutor, bar: tqdm) -> None:
        running: set[Future] = set()
        seen: set[str] = set()
        saved = time.monotonic()
        for item in items:
            if item.url in seen:
                continue
            seen.add(item.url)
            bar.total = self._expected
            if self._needs_transfer(item):
                running.add(pool.submit(self._collect, item))
            else:
                bar.update()
            while running and (
                len(running) >= self._options.parallel or self._reaches_limit(len(running))
            ):
                running = _finish_some(running, bar)
            # Before the source is asked for more.
            if self._stop.is_set() or self._reaches_limit(0):
                break
            if time.monotonic() - saved > _SAVE_SECONDS:
                self._folder.write_tables()
                saved = time.monotonic()
        while running:
            running = _finish_some(running, bar)

    def _reaches_limit(self, running: int) -> bool:
        limit = self._options.limit
        return limit is not None and self.new + self.known + running >= limit

    def _needs_transfer(self, item: Item) -> bool:
        licences = self._options.licences
        if item.refused:
            self._reject(item, item.refused)
        elif licences and item.licence not in licences:
            self._reject(item, Refused(LICENCE, item.licence))
        elif not self._folder.is_settled(item.url, self._limits):
            return True
        elif item.url in self._folder.kept:
            self.known += 1
        else:
            self.rejected.append(self._folder.rejected[item.url])
        return False

    def _collect(self, item: Item) -> None:
        """In a thread: keeps or rejects one picture."""
        try:
            self._keep(item)
        except Refused as error:
            self._reject(item, error)
        # If stopped, the transfer stays for the next run.
        self._folder.discard(item)

    def _keep(self, item: Item) -> None:
        partial = self._folder.partial(item)
        if item.chunks is None:
            self._fetcher.picture(item.url, partial, self._check_size)
        else:
            size = 0
            with open(partial, "wb") as file:
                for chunk in item.chunks():
                    size += len(chunk)
                    self._check_size(size)
                    file.write(chunk)
        suffix, width, height = check_picture(
            partial, self._options.min_size, self._options.max_pixels
        )
        entry = Kept(
            file=file_name(item, suffix),
            url=item.url,
            page=item.page,
            title=item.title,
            artist=item.artist,
            date=item.date,
            licence=item.licence,
            rights=item.rights,
            sha256=sha256_of(partial),
            bytes=partial.stat().st_size,
            width=width,
            height=height,
            fetched=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        same = self._folder.keep(entry, partial)
        if same:
            raise Refused(SAME_FILE, f"{same} has the same bytes")

    def _check_size(self, size: int) -> None:
        if size > self._options.max_bytes:
            raise Refused(TOO_LARGE, f"over {self._options.max_file_mb:g} MB")
        self._folder.check_total(size)

    def _reject(self, item: Item, refused: Refused) -> None:
        entry = Rejected(item.url, item.title, refused.reason, refused.detail, self._limits)
        self._folder.reject(entry)
        self.rejected.append(entry)


def _finish_some(running: set[Future], bar: tqdm) -> set[Future]:
    done, rest = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
        bar.update()
    return rest
