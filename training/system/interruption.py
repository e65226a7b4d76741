"""Ctrl-C and SIGTERM, turned into a flag that a loop reads between two steps."""

import signal
import sys
from collections.abc import Callable


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM sets `signal`; a second one stops the
    process at once. `exit_status` is then 130 or 143, as a shell expects.

    then: called at the first signal as well, for threads that wait; it must return at once.
    """

    def __init__(self, then: Callable[[], object] = lambda: None):
        self.signal: int | None = None
        self._then = then
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
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
        self._then()
        note = "\nstopping after this step and saving (once more to stop at once)"
        print(note, file=sys.stderr, flush=True)

    @property
    def exit_status(self) -> int | None:
        return None if self.signal is None else 128 + self.signal
