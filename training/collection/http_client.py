"""Requests that respect robots.txt, intervals between requests, Retry-After and time limits."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from protego import Protego

from tf_i2i import __version__
from tf_i2i.errors import one_line
from training.collection.item import Reason, Refused, join_url
from training.options.collect_options import CollectOptions

_AGENT = "tf_i2i"
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = 5
_CHUNK = 65536
_TEMPORARY_STATUS = (408, 425, 429, 500, 502, 503, 504)
# RFC 9309, 2.5: at least this much of a robots.txt must be read.
_ROBOTS_BYTES = 512_000


class Stopped(Exception):
    """Ctrl-C or SIGTERM came; nothing more is started."""


class TransientError(Exception):
    """Another attempt may succeed. retry_after: seconds that the server asks to wait, if it does."""

    def __init__(self, detail: str, retry_after: float | None = None):
        super().__init__(detail)
        self.retry_after = retry_after


class _Host:
    """What is known about one server. next_start: monotonic time of the next request."""

    def __init__(self, origin: str):
        self.origin, self.next_start, self.delay = origin, 0.0, 0.0
        self.robots, self.robots_lock = None, threading.Lock()


class HttpClient:
    """Shared by all threads; once `stop` is set, everything ends with Stopped.

    api_urls: prefixes of documented interfaces for programs, which robots.txt is not about.
    """

    def __init__(
        self, options: CollectOptions, stop: threading.Event, api_urls: tuple[str, ...] = ()
    ):
        self._options, self._stop, self._api_urls = options, stop, api_urls
        contact = f" ({options.contact})" if options.contact else ""
        self._headers = {"User-Agent": f"{_AGENT}/{__version__}{contact}"}
        self._headers["Accept-Encoding"] = "identity"
        # Unlike requests it reads neither proxies nor passwords from the user's environment.
        timeout = urllib3.Timeout(connect=options.timeout, read=options.timeout)
        self._pool = urllib3.PoolManager(
            maxsize=options.parallel, timeout=timeout, retries=False, ca_certs=certifi.where()
        )
        self._hosts: dict[tuple[str, int], _Host] = {}
        self._lock = threading.Lock()

    def retry(self, attempt: Callable[[], Any]) -> Any:
        """The result of `attempt`, repeated after each TransientError; at the end Refused.

        Not urllib3.Retry: that ends before the body is read, so it can't repeat a transfer that
        broke off, and its waits neither end with `stop` nor hold back other threads.
        """
        for number in range(self._options.retries + 1):
            try:
                return attempt()
            except TransientError as error:
                last = error
            if number < self._options.retries and last.retry_after is None:
                self._wait(self._options.backoff * 2**number * random.uniform(1.0, 1.3))
        raise Refused(Reason.NO_ANSWER, str(last))

    def get(self, url: str, headers: dict, ask_robots: bool = True) -> urllib3.BaseHTTPResponse:
        """Sends a request, following redirects; raises TransientError, Refused, Stopped.

        Returns an answer of status 200, 206, 304 or 416, its body not read; the caller closes it.
        """
        for _ in range(_REDIRECTS + 1):
            host = self._host(url)
            if ask_robots and not url.startswith(self._api_urls):
                self._check_robots(host, url)
            self._wait_for_turn(host)
            try:
                sent = {"headers": self._headers | headers, "preload_content": False}
                response = self._pool.request("GET", url, redirect=False, **sent)
            except ValueError as error:  # LocationParseError is also one
                raise Refused(Reason.ADDRESS, one_line(error)[:200]) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise TransientError(_cause(error)) from error
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return self._accept(response, host)
            response.close()
            url = join_url(url, location)
        raise Refused(Reason.REFUSED, f"more than {_REDIRECTS} redirects")

    def chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """The body as it comes; TransientError if it broke off or took too long; Stopped."""
        end, received = time.monotonic() + self._options.transfer_timeout, 0
        while True:
            self._wait(0)
            if time.monotonic() > end:
                raise TransientError(f"incomplete after {self._options.transfer_timeout:g} s")
            try:
                chunk = response.read1(_CHUNK, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                broke_off = f"the transfer broke off after {received} bytes"
                raise TransientError(f"{broke_off}: {_cause(error)}") from error
            if not chunk:
                return
            received += len(chunk)
            yield chunk

    def _accept(self, response: urllib3.BaseHTTPResponse, host: _Host) -> urllib3.BaseHTTPResponse:
        if response.status in (200, 206, 304, 416):
            return response
        response.close()
        detail = f"{response.status} {one_line(response.reason)}"
        if response.status not in _TEMPORARY_STATUS:
            raise Refused(Reason.REFUSED, detail)
        try:
            wait = urllib3.Retry().get_retry_after(response)  # at most 6 hours
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
            wait = None
        if wait is not None:
            with self._lock:
                host.next_start = max(host.next_start, time.monotonic() + wait)
        raise TransientError(detail, wait)

    def _host(self, url: str) -> _Host:
        """Raises Refused: not http or https, or with a user name, which would get into the record."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            url.encode()  # half a character of UTF-16, as JSON may hold it
        except ValueError as error:
            raise Refused(Reason.ADDRESS, f"not a URL ({one_line(error)})") from error
        if parts.scheme not in _PORTS or not host:
            raise Refused(Reason.ADDRESS, f"not http or https: {one_line(url)[:80]}")
        if "@" in parts.netloc:
            raise Refused(Reason.ADDRESS, "a URL with a user name or password")
        key = (host, port or _PORTS[parts.scheme])
        with self._lock:
            return self._hosts.setdefault(key, _Host(f"{parts.scheme}://{parts.netloc}"))

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def _wait_for_turn(self, host: _Host) -> None:
        """Raises Refused: it would take longer than the user's patience. Stopped."""
        wait = 0.0
        while True:
            self._wait(wait)
            with self._lock:
                now = time.monotonic()
                wait = host.next_start - now
                if wait <= 0:
                    host.next_start = now + max(self._options.interval, host.delay)
                    return
            if wait > self._options.patience:
                raise Refused(Reason.NO_ANSWER, f"{host.origin} asks to wait {wait:.0f} s")

    def _check_robots(self, host: _Host, url: str) -> None:
        # Other threads wait: without the answer nothing of this host may be fetched.
        with host.robots_lock:
            if host.robots is None:
                host.robots = Protego.parse(self._robots_text(f"{host.origin}/robots.txt"))
                host.delay = host.robots.crawl_delay(_AGENT) or 0.0
        if not host.robots.can_fetch(url, _AGENT):
            raise Refused(Reason.ROBOTS, f"{host.origin} forbids {urlsplit(url).path or '/'}")

    def _robots_text(self, url: str) -> str:
        def fetch() -> bytes:
            data = b""
            with closing(self.get(url, {"Accept": "text/plain"}, ask_robots=False)) as response:
                for chunk in self.chunks(response):
                    data += chunk
                    if len(data) >= _ROBOTS_BYTES:
                        break
            return data[:_ROBOTS_BYTES]

        try:
            return self.retry(fetch).decode("utf-8-sig", "replace")
        except Refused as error:
            # RFC 9309, 2.3.1: no file (4xx) allows everything, a server in trouble nothing.
            if error.reason == Reason.NO_ANSWER:
                return "User-agent: *\nDisallow: /"
            if error.reason == Reason.REFUSED:
                return ""
            raise


def _cause(error: Exception) -> str:
    # Of several arguments the last says what happened, the others where.
    return one_line(error.args[-1] if error.args else "")[:200] or type(error).__name__
