"""A real HTTP server on this machine whose answers a test chooses, and which notes every request."""

import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image


@dataclass
class Reply:
    """What one request gets. cut: bytes after which the connection is dropped; pause: seconds
    before the body, and `slow` seconds between pieces of `piece` bytes."""

    body: bytes = b""
    kind: str = "image/jpeg"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pause: float = 0.0
    slow: float = 0.0
    piece: int = 1 << 20
    etag: bool = True


@dataclass
class Request:
    """One that came: when (monotonic), its path with the query, its headers, how many bytes of body
    were sent.
    """

    time: float
    path: str
    headers: dict[str, str]
    sent: int = 0
    status: int = 0


class PictureServer:
    """routes: path -> Reply, a function of the query (dict) to a Reply, or a list of them, one a
    request, the last for all further ones. What is not there is a 404."""

    def __init__(self):
        self.routes: dict[str, Reply | Callable | list] = {}
        self.requests: list[Request] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def paths(self, contains: str = "") -> list[str]:
        """Of all requests so far, in their order; without those for robots.txt."""
        with self.lock:
            return [r.path for r in self.requests if contains in r.path and r.path != "/robots.txt"]

    def add_json(self, path: str, value, **more) -> None:
        self.routes[path] = Reply(json.dumps(value).encode(), "application/json", **more)

    def reply(self, path: str) -> Reply:
        parts = urlsplit(path)
        found = self.routes.get(path, self.routes.get(parts.path))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found({name: values[0] for name, values in parse_qs(parts.query).items()})
        return found or Reply(b"no such thing", "text/plain", 404)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that breaks off, or is killed, is part of the tests."""


@contextmanager
def picture_server() -> Iterator[PictureServer]:
    server = PictureServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def picture(number: int, size: tuple[int, int] = (96, 72), kind: str = "JPEG") -> bytes:
    """An encoded picture of coloured noise, another one for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(file, kind)
    return file.getvalue()


def _handler(server: PictureServer) -> type:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            request = Request(time.monotonic(), self.path, dict(self.headers))
            with server.lock:
                server.requests.append(request)
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
                reply = server.reply(self.path)
            try:
                self._answer(reply, request)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with server.lock:
                    server.at_once -= 1

        def _answer(self, reply: Reply, request: Request) -> None:
            etag = f'"{hashlib.sha256(reply.body).hexdigest()[:16]}"' if reply.etag else None
            status, body, extra = reply.status, reply.body, dict(reply.headers)
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if status == 200 and etag and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            elif status == 200 and etag and wanted and self.headers.get("If-Range") == etag:
                start = int(wanted.group(1))
                if start >= len(body):
                    status, extra, body = (
                        416,
                        extra | {"Content-Range": f"bytes */{len(body)}"},
                        b"",
                    )
                else:
                    extra |= {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
                    status, body = 206, body[start:]
            request.status = status
            self.send_response(status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", extra.pop("Content-Length", str(len(body))))
            if etag:
                self.send_header("ETag", etag)
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()
            time.sleep(reply.pause)
            self._send(
                body if reply.cut is None or status == 206 else body[: reply.cut], reply, request
            )
            if reply.cut is not None and status != 206:
                self.close_connection = True

        def _send(self, body: bytes, reply: Reply, request: Request) -> None:
            for start in range(0, len(body), reply.piece):
                self.wfile.write(body[start : start + reply.piece])
                request.sent += len(body[start : start + reply.piece])
                time.sleep(reply.slow)

        def log_message(self, *arguments):
            pass

    return Handler
