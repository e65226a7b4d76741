"""Requests with manners: robots.txt, one request at a time and host, Retry-After, back-off,
redirects, addresses.
"""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from tf_i2i import __version__
from tf_i2i.errors import one_line
from training.collection.addresses import PublicAdapter
from training.collection.item import ADDRESS, NO_ANSWER, REFUSED, ROBOTS, Refused
from training.collection.robots import FORBID_ALL, MAX_BYTES, RobotsRules, parse_robots
from training.collection.throttle import Stopped, Throttle

AGENT = "tf_i2i"


_REDIRECTS = 5


_CHUNK = 65536


_LATER = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Manners:
    """How one behaves towards servers.

    Attributes:
        contact: e-mail address or URL that the user agent names; None: none.
        interval: seconds between the starts of two requests to one host.
        retries: how often a request is repeated that may succeed later.
        backoff: seconds before the first repetition, doubled for each further one.
        patience: seconds that are waited at most because a server asks for it.
        timeout: seconds to connect, and of silence during a transfer.
        transfer_timeout: seconds for a whole file.
        max_bytes: of one picture.
        allow_private: also connect to addresses that are not on the public internet.
        for_programs: beginnings of URLs of interfaces made for programs; robots.txt, written for
            crawlers, is not asked about these.
    """

    contact: str | None = None
    interval: float = 1.0
    retries: int = 4
    backoff: float = 1.0
    patience: float = 120.0
    timeout: float = 30.0
    transfer_timeout: float = 300.0
    max_bytes: int = 30_000_000
    allow_private: bool = False
    for_programs: tuple[str, ...] = ()

    @property
    def user_agent(self) -> str:
        return f"{AGENT}/{__version__}" + (f" ({self.contact})" if self.contact else "")


class Passing(Exception):
    """What another try may mend. wait: seconds that the server asks for, None where it does not."""

    def __init__(self, detail: str, wait: float | None = None):
        super().__init__(detail)
        self.wait = wait


class PoliteClient:
    """Shared by all threads.

    Args:
        manners: see there.
        stop: once it is set, everything ends with Stopped.
    """

    def __init__(self, manners: Manners, stop: threading.Event):
        self._manners, self._stop = manners, stop
        self._throttle = Throttle(manners.interval, manners.patience, stop)
        self._sessions = threading.local()
        self._robots: dict[str, RobotsRules] = {}
        self._robots_lock = threading.Lock()

    def persist(self, attempt: Callable[[], Any]) -> Any:
        """What `attempt` returns, tried again for as long as that may help.

        Raises:
            Refused: it never did. Stopped: it is to be stopped.
        """
        for number in range(self._manners.retries + 1):
            try:
                return attempt()
            except Passing as error:
                trouble = error
            if number < self._manners.retries and trouble.wait is None:
                self._throttle.wait(self._manners.backoff * 2**number * random.uniform(1.0, 1.3))
        raise Refused(NO_ANSWER, str(trouble))

    def request(self, url: str, headers: dict, ask_robots: bool = True) -> requests.Response:
        """One request and its redirects.

        Returns:
            An answer of 200, 206, 304 or 416 whose body is not read yet; the caller closes it.

        Raises:
            Passing: another try may help. Refused: it can't be had. Stopped: it is to be stopped.
        """
        for _ in range(_REDIRECTS + 1):
            host = _checked_host(url)
            if ask_robots and not url.startswith(self._manners.for_programs):
                self._ask_robots(url)
            self._throttle.begin(host)
            try:
                response = self._session().get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=self._manners.timeout,
                )
            except (
                requests.exceptions.InvalidURL,
                requests.exceptions.InvalidHeader,
                ValueError,
            ) as error:
                raise Refused(ADDRESS, _said(error)) from error
            except requests.RequestException as error:
                raise Passing(_said(error)) from error
            if response.status_code not in (301, 302, 303, 307, 308):
                return self._judged(response, host)
            response.close()
            if not response.headers.get("Location"):
                raise Refused(REFUSED, f"{response.status_code} without a place to go to")
            url = urljoin(url, response.headers["Location"])
        raise Refused(REFUSED, f"more than {_REDIRECTS} redirects")

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            Passing: it broke off, or the time is over. Stopped: it is to be stopped.
        """
        end = time.monotonic() + self._manners.transfer_timeout
        length, received = content_length(response), 0
        encoded = bool(response.headers.get("Content-Encoding"))
        while True:
            if self._stop.is_set():
                raise Stopped
            if time.monotonic() > end:
                raise Passing(f"not whole after {self._manners.transfer_timeout:g} s")
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=True)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                silence = isinstance(error, urllib3.exceptions.ReadTimeoutError)
                why = f": {self._manners.timeout:g} s of silence" if silence else ""
                raise Passing(f"the transfer broke off after {received} bytes{why}") from error
            if not chunk:
                break
            received += len(chunk)
            yield chunk
        if length is not None and not encoded and received < length:
            raise Passing(f"the transfer broke off after {received} of {length} bytes")

    def _judged(self, response: requests.Response, host: str) -> requests.Response:
        status = response.status_code
        if status in (200, 206, 304, 416):
            return response
        response.close()
        if status not in _LATER:
            raise Refused(REFUSED, f"{status} {one_line(response.reason)}")
        wait = _retry_after(response)
        if wait is not None:
            self._throttle.pause(host, wait)
        raise Passing(f"{status} {one_line(response.reason)}", wait)

    def _ask_robots(self, url: str) -> None:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        # Others wait meanwhile: without the answer nothing of this host may be fetched.
        with self._robots_lock:
            if place not in self._robots:
                self._robots[place] = rules = self._fetch_robots(place)
                self._throttle.slow_down(_checked_host(url), rules.delay)
        if not self._robots[place].allow(url):
            raise Refused(ROBOTS, f"{place}/robots.txt forbids {parts.path or '/'}")

    def _fetch_robots(self, place: str) -> RobotsRules:
        """RFC 9309, 2.3.1: no file (4xx) allows everything, a server in trouble nothing."""
        try:
            return self.persist(lambda: self._robots_once(f"{place}/robots.txt"))
        except Refused as error:
            if error.reason == REFUSED:
                return RobotsRules()
            if error.reason == NO_ANSWER:
                return FORBID_ALL
            raise

    def _robots_once(self, url: str) -> RobotsRules:
        with closing(self.request(url, {"Accept": "text/plain"}, ask_robots=False)) as response:
            body = b""
            for chunk in self.chunks(response):
                body += chunk
                if len(body) >= MAX_BYTES:
                    break
        return parse_robots(body[:MAX_BYTES].decode("utf-8", "replace"), AGENT)

    def _session(self) -> requests.Session:
        """One a thread: sessions are not made to be shared."""
        if not hasattr(self._sessions, "session"):
            session = requests.Session()
            # Neither passwords from ~/.netrc nor a proxy, which would connect to addresses that
            # were not checked.
            session.trust_env = False
            session.headers.update(
                {"User-Agent": self._manners.user_agent, "Accept-Encoding": "identity"}
            )
            if not self._manners.allow_private:
                for scheme in ("http://", "https://"):
                    session.mount(scheme, PublicAdapter())
            self._sessions.session = session
        return self._sessions.session


def content_length(response: requests.Response) -> int | None:
    """As the header says; None where it does not."""
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"\d{1,18}", text) else None


def _checked_host(url: str) -> str:
    """host:port of a URL that may be asked for.

    Raises:
        Refused: not http or https, no host, or a user name in it, which would end up in the record.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(ADDRESS, f"not a URL ({error})") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Refused(ADDRESS, f"only http and https are fetched, not {one_line(url)[:80]}")
    if "@" in parts.netloc:
        raise Refused(ADDRESS, "a URL with a user name or password")
    return f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, from either form of the header."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _said(error: BaseException) -> str:
    """The innermost cause, in one line: requests and urllib3 wrap what happened several times."""
    while inner := getattr(error, "reason", None) or (error.args[0] if error.args else None):
        if not isinstance(inner, BaseException):
            break
        error = inner
    if isinstance(
        error,
        (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ConnectTimeoutError, TimeoutError),
    ):
        return "time-out"
    return one_line(error)[:200] or type(error).__name__
