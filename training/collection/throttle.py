"""How often a host is asked: one request every `interval` seconds, none while it wants to be left
alone.
"""

from __future__ import annotations

import threading
import time

from training.collection.item import NO_ANSWER, Refused


class Stopped(Exception):
    """Ctrl-C or SIGTERM came; nothing more is begun."""


class Throttle:
    """Shared by all threads.

    Args:
        interval: seconds between the starts of two requests to one host.
        patience: longest time in seconds that is waited for a host.
        stop: set once nothing more shall be begun; ends every wait.
    """

    def __init__(self, interval: float, patience: float, stop: threading.Event):
        self._interval, self._patience, self._stop = interval, patience, stop
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._slower: dict[str, float] = {}

    def slow_down(self, host: str, interval: float) -> None:
        """The host asked for at least this interval (Crawl-delay)."""
        with self._lock:
            self._slower[host] = interval

    def pause(self, host: str, seconds: float) -> None:
        """The host asked to be left alone for so long (Retry-After)."""
        with self._lock:
            self._next[host] = max(self._next.get(host, 0.0), time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Raises Stopped as soon as that is wanted."""
        if self._stop.wait(seconds):
            raise Stopped

    def begin(self, host: str) -> None:
        """Returns when a request to `host` may start.

        Raises:
            Refused: it would take longer than `patience`.
            Stopped: it is to be stopped.
        """
        while True:
            if self._stop.is_set():
                raise Stopped
            with self._lock:
                now = time.monotonic()
                waiting = self._next.get(host, 0.0) - now
                if waiting <= 0:
                    self._next[host] = now + max(self._interval, self._slower.get(host, 0.0))
                    return
            if waiting > self._patience:
                raise Refused(NO_ANSWER, f"{host} wants to be left alone for {waiting:.0f} s")
            self.wait(waiting)
