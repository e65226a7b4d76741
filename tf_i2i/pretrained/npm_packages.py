"""The files of pinned npm packages. Without TensorFlow."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_bytes

_TIMEOUT_S = 600


@dataclass(frozen=True)
class NpmPackage:
    """A pinned package of the npm registry: its tarball's size and sha256 (hex)."""

    name: str
    version: str
    megabytes: float
    sha256: str


def npm_tarball(package: NpmPackage, option: str) -> Path:
    """The tarball of `package` in ~/.cache/tf_i2i (or below XDG_CACHE_HOME), fetched with `npm
    pack`, which is announced, unless it is there and has the right sha256.

    Args:
        option: what asked for it ("--face-model face-api"), for messages.

    Raises:
        UserError: npm is missing or fails, or the registry's tarball is another one.
    """
    spec = f"{package.name}@{package.version}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tf_i2i"
    tarball = cache / f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}.tgz"
    if tarball.is_file() and sha256_of(tarball) == package.sha256:
        return tarball
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"{option}: npm is missing, which fetches {spec}; install it (on Debian: apt-get "
            f"install npm), or save the package's tarball as {tarball}"
        )
    say(f"{option}: fetching {spec} ({package.megabytes:g} MB) from the npm registry into {cache}")
    command, output = [npm, "pack", "--silent", spec], {"capture_output": True, "text": True}
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(command, cwd=folder, check=True, timeout=_TIMEOUT_S, **output)
            data = Path(folder, tarball.name).read_bytes()
        if sha256_of(data) != package.sha256:
            raise UserError(
                f"{option}: {spec} in the npm registry is another package than the known one "
                f"(sha256 {sha256_of(data)[:12]}..., not {package.sha256[:12]}...) and is not used; "
                "check whether your registry or proxy changed it"
            )
        write_bytes(tarball, data)
    except subprocess.SubprocessError as error:
        reason = (str(error.stderr or "").strip() or str(error)).splitlines()[0]
        raise UserError(
            f"{option}: npm pack {spec} failed ({one_line(reason)}); is the npm registry reachable?"
        ) from error
    except OSError as error:
        raise UserError(
            f"{option}: can't write to {cache} ({error.strerror}); set XDG_CACHE_HOME to another folder"
        ) from error
    return tarball


def read_packed(tarball: Path, name: str) -> bytes:
    """The file `name` of an npm package's tarball."""
    with tarfile.open(tarball) as archive:
        return archive.extractfile(f"package/{name}").read()
