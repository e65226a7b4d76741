"""Serves a site to this machine's browsers, with the headers that threads need."""

import functools
import http.server
from pathlib import Path
from typing import ClassVar

from export.web_app.site_files import HEADERS
from tf_i2i.errors import UserError


class _Handler(http.server.SimpleHTTPRequestHandler):
    # http.server knows some of these by the machine's own tables only.
    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".webmanifest": "application/manifest+json",
        ".gz": "application/octet-stream",
    }
    protocol_version = "HTTP/1.1"

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *arguments) -> None:
        pass


class SiteServer(http.server.ThreadingHTTPServer):
    """Of one folder, on 127.0.0.1 alone. port: 0 for a free one. Raises UserError: it is taken."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int):
        handler = functools.partial(_Handler, directory=str(folder))
        try:
            super().__init__(("127.0.0.1", port), handler)
        except OSError as error:
            fix = "name another port, or 0 for a free one"
            raise UserError(f"--serve {port}: can't be used ({error.strerror}); {fix}") from error

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_port}/"
