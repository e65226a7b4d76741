"""Pictures worked on by several processes: few in flight, stoppable between two, and none that
outlives its parent.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from tf_i2i.errors import UserError
from training.system.machine import usable_cores


class PicturePool:
    """Worker processes, each with one thread of OpenCV: cores are shared out by pictures, which
    scales better.

    workers: how many; None means as many as this process may use.
    """

    def __init__(self, workers: int | None):
        # Not forked: a parent that reads a TensorFlow dataset has threads, which do not survive a
        # fork.
        context = multiprocessing.get_context("spawn")
        self.workers = workers or usable_cores()
        self._pool = ProcessPoolExecutor(self.workers, context, _prepare_worker)

    def __enter__(self) -> PicturePool:
        return self

    def __exit__(self, *exception) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map(
        self, function: Callable, jobs: Iterable[tuple[Any, tuple]], stopped: Callable[[], bool]
    ) -> Iterator[tuple[Any, Any]]:
        """Yields (key, function(*arguments)) for each job (key, arguments), in the order in which
        they finish.

        Takes jobs only as fast as they are done; once `stopped()`, no more of them.

        Raises:
            UserError: a worker was killed.
            Whatever `function` raises.
        """
        running: dict = {}
        try:
            for key, arguments in jobs:
                if stopped():
                    break
                running[self._pool.submit(function, *arguments)] = key
                # Two a worker: one that it works on, one that is there when it has done.
                while len(running) >= 2 * self.workers:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed, most likely for want of memory; give fewer --workers or a smaller --size, "
                "then run the same command again: it goes on where it stopped"
            ) from error


def _finished(running: dict) -> Iterator[tuple[Any, Any]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield running.pop(future), future.result()


def _prepare_worker() -> None:
    import cv2

    cv2.setNumThreads(1)
    # Ctrl-C reaches the whole group of processes; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a decoder has to say about a file is told by the parent, with the file's name.
    warnings.simplefilter("ignore")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed can't tell its workers; they would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
