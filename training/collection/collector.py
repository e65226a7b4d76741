"""Takes what a source lists, fetches it in a few threads, keeps or rejects each picture."""

import datetime
import json
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from tqdm import tqdm

from tf_i2i.files import sha256_of
from training.collection import collection_folder
from training.collection.collection_folder import CollectionFolder, Kept, Rejected
from training.collection.fetcher import Fetcher
from training.collection.item import Item, Reason, Refused
from training.options.collect_options import CollectOptions

_SAVE_SECONDS = 30
_DESCRIPTION = ("url", "page", "title", "artist", "date", "licence", "rights")


class Collector:
    """One run, until `stop` is set. known: number of listed pictures that the folder had before;
    rejected: pictures that were left out in this run.
    """

    def __init__(
        self, options: CollectOptions, folder: CollectionFolder, fetcher: Fetcher, stop: Event
    ):
        self._options, self._folder, self._fetcher, self._stop = options, folder, fetcher, stop
        self._max_bytes = round(options.max_file_mb * 1e6)
        self._max_pixels = round(options.max_megapixels * 1e6)
        # What a rejection depends on, in the form of the journals of version 0.1.
        limits = [sorted(options.licences), self._max_bytes, self._max_pixels, options.min_size]
        self._limits = json.dumps(limits)
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
        """Works through `items`. Raises Stopped, Refused (no list) or OSError (of the folder)."""
        try:
            bar = tqdm(desc="collecting", unit="picture", delay=1)
            with ThreadPoolExecutor(self._options.parallel) as pool, bar:
                try:
                    self._run(items, pool, bar)
                except BaseException:
                    self._stop.set()  # transfers in progress end early; the pool waits for them
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
            parallel = self._options.parallel
            while running and (len(running) >= parallel or self._reaches_limit(len(running))):
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
        licences, before = self._options.licences, self._folder.rejected.get(item.url)
        if item.refused:
            self._reject(item, item.refused)
        elif licences and item.licence not in licences:
            self._reject(item, Refused(Reason.LICENCE, item.licence))
        elif item.url in self._folder.kept:
            self.known += 1
        elif before and before.reason not in Reason.TEMPORARY and before.limits == self._limits:
            self.rejected.append(before)
        else:
            return True
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
        min_size, max_pixels = self._options.min_size, self._max_pixels
        suffix, width, height = collection_folder.check_picture(partial, min_size, max_pixels)
        entry = Kept(
            file=collection_folder.file_name(item, suffix),
            **{name: getattr(item, name) for name in _DESCRIPTION},
            sha256=sha256_of(partial),
            bytes=partial.stat().st_size,
            width=width,
            height=height,
            fetched=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )
        self._folder.keep(entry, partial)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refused(Reason.TOO_LARGE, f"over {self._options.max_file_mb:g} MB")
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
