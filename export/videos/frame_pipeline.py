"""Frames through several translators at once, in the order in which they come."""

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

# Replaces uint8 RGB [H, W, 3] by its translation, in one thread at a time.
Translate = Callable[[np.ndarray], object]
# Of frames of this height and width, as many as are to run at once; called before there are threads.
OpenTranslators = Callable[[int, int], Sequence[Translate]]
Frame, Result = TypeVar("Frame"), TypeVar("Result")


def translated(
    frames: Iterable[Frame],
    work: Callable[[Frame, Translate], Result],
    translators: Sequence[Translate],
) -> Iterator[Result]:
    """Yields `work` of each frame and one of the translators, as many at once as there are.

    Frames are taken in the caller's thread, and only a few ahead: however many there are, these
    few are in memory.
    """
    free: queue.SimpleQueue[Translate] = queue.SimpleQueue()
    for translator in translators:
        free.put(translator)

    def run(frame: Frame) -> Result:
        translator = free.get()
        try:
            return work(frame, translator)
        finally:
            free.put(translator)

    pending: deque = deque()
    pool = ThreadPoolExecutor(len(translators))
    try:
        for frame in frames:
            pending.append(pool.submit(run, frame))
            # Some wait, so that no thread does while this one encodes.
            if len(pending) > 2 * len(translators):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
