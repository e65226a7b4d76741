"""Ctrl-C and SIGTERM, turned into a flag that a loop reads between two steps."""

from __future__ import annotations

import signal
import sys


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM sets `signal`; a second one stops the process at once.

    `exit_status` is 130 or 143, as a shell expects; None when nothing came.
    """

    def __init__(self):
        self.signal: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number, frame) -> None:
        if self.signal is not None:
            sys.exit(128 + number)
        self.signal = number
        print("\nstopping after this step and saving (once more to stop at once)", file=sys.stderr, flush=True)

    @property
    def exit_status(self) -> int | None:
        return None if self.signal is None else 128 + self.signal
