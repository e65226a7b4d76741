"""Worker processes for pictures: few in flight, stoppable, and no worker outlives its parent."""

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2
from tqdm import tqdm

from tf_i2i.console import prepare_tensorflow
from tf_i2i.errors import UserError
from training.system.machine import usable_cores


class PicturePool(ProcessPoolExecutor):
    """Worker processes, by default one per usable core, with one OpenCV thread: one picture per
    core scales better than several cores per picture. Once `stopped`, no more are started.
    """

    def __init__(self, workers: int | None, stopped: Callable[[], bool] = lambda: False):
        self._stopped, self._max_running = stopped, 2 * (workers or usable_cores())
        # Not forked: a parent with a TensorFlow dataset has threads, which do not survive a fork.
        context = multiprocessing.get_context("spawn")
        super().__init__(self._max_running // 2, context, _prepare_worker)

    def __exit__(self, *exception) -> None:
        self.shutdown(cancel_futures=True)

    def results(
        self, function: Callable, jobs: Iterable[tuple[Any, tuple]], title: str, total: int
    ) -> Iterator[tuple[Any, Any]]:
        """Yields (key, function(*arguments)) for each job (key, arguments), in the order in which
        they finish, and shows the progress. Takes jobs only as fast as they are done.
        Raises what `function` raises, or UserError when a worker was killed.
        """
        return tqdm(self._results(function, jobs), title, total, unit="picture", delay=1)

    def _results(self, function, jobs) -> Iterator[tuple[Any, Any]]:
        running: dict = {}
        try:
            for key, arguments in jobs:
                if self._stopped():
                    break
                running[self.submit(function, *arguments)] = key
                # Two per worker: the one it works on and the next one.
                while len(running) >= self._max_running:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        except BrokenProcessPool as error:
            reason = "probably for lack of memory; give fewer --workers and run it again"
            raise UserError(f"a worker process was killed, {reason}") from error


def _finished(running: dict) -> Iterator[tuple[Any, Any]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _prepare_worker() -> None:
    prepare_tensorflow()
    cv2.setNumThreads(1)
    # Ctrl-C reaches all processes of the group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent reports what is wrong with a file, with the file's name.
    warnings.simplefilter("ignore")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent can't tell its workers; they would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
