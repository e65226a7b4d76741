"""A user's network out of a file, Keras model or SavedModel, in inference mode: a differentiable
function of a batch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tf_i2i.errors import UserError, one_line


@dataclass(frozen=True)
class FrozenNetwork:
    """`call(float32 [N, h, w, 3])` to its first output, float32. It holds its weights but is no
    Keras layer.

    size: height and width that it takes, None where it takes any.
    dtype: of the pictures that it takes.
    owner: what holds the weights; a SavedModel's function alone does not keep them.
    """

    call: Callable
    size: tuple[int, int] | None
    dtype: tf.DType
    owner: object

    def __call__(self, batch):
        return tf.cast(self.call(tf.cast(batch, self.dtype)), tf.float32)


def load_network(path: Path, option: str) -> FrozenNetwork:
    """The network in a Keras file (.keras, .h5) or a SavedModel's folder, which takes one batch of
    RGB pictures.

    Raises:
        UserError: it can't be loaded or takes something else.
    """
    try:
        call, shape, dtype, owner = _saved_model(path) if path.is_dir() else _keras_model(path)
    except (
        Exception
    ) as error:  # Keras and TensorFlow raise nearly every type on files that are none of theirs
        reason = one_line((str(error) or type(error).__name__).splitlines()[0])
        raise UserError(
            f"{option} {one_line(path)}: can't be loaded ({reason}); is it a complete model?"
        ) from error
    if len(shape) != 4 or shape[3] not in (3, None):
        raise UserError(
            f"{option} {one_line(path)}: takes {list(shape)}, not pictures [count, height, width, 3]"
        )
    return FrozenNetwork(call, None if None in shape[1:3] else tuple(shape[1:3]), dtype, owner)


def _saved_model(path: Path):
    network = tf.saved_model.load(str(path))
    function = network.signatures["serving_default"]
    (name, spec), *more = function.structured_input_signature[1].items()
    if more:
        raise ValueError("it takes more than one input")
    shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
    return (
        (lambda batch: next(iter(function(**{name: batch}).values()))),
        shape,
        spec.dtype,
        network,
    )


def _keras_model(path: Path):
    model = tf.keras.models.load_model(path, compile=False)
    model.trainable = False
    return (lambda batch: model(batch, training=False)), model.input_shape, tf.float32, model


def require_differentiable(network: FrozenNetwork, path: Path, option: str) -> None:
    """Raises UserError for a network of integer pictures: nothing could be learnt through it."""
    if not network.dtype.is_floating:
        raise UserError(
            f"{option} {one_line(path)}: takes {network.dtype.name} pictures; name a network that takes floats"
        )


_TIMEOUT_S = 600


@dataclass(frozen=True)
class NpmPackage:
    """What is wanted of a package.

    Attributes:
        name, version: as the registry has them.
        megabytes: of the whole tarball, for the message.
        files: path inside of the package -> sha256 (hex) of the file.
    """

    name: str
    version: str
    megabytes: float
    files: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where its files are kept: below XDG_CACHE_HOME or ~/.cache."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "tf_i2i" / f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"


def npm_files(package: NpmPackage, option: str, log: Callable[[str], None]) -> list[Path]:
    """The files of `package` on this machine, in its order; fetched with `npm pack` when one is not
    there or damaged.

    option: what asked for them ("--face-model face-api"), for messages; log: is told before
        anything is fetched.

    Raises:
        UserError: npm is missing or fails, or a file is not the one that its sum says.
    """
    paths = [package.folder / Path(name).name for name in package.files]
    sums = list(package.files.values())
    if not all(
        path.is_file() and _sha256(path) == wanted for path, wanted in zip(paths, sums, strict=True)
    ):
        _fetch(package, paths, option, log)
    return paths


def _fetch(package: NpmPackage, paths: list[Path], option: str, log: Callable[[str], None]) -> None:
    tarball = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"{option}: npm is missing, which fetches {tarball}; install it (on Debian: apt-get install npm), "
            f"or put {' and '.join(path.name for path in paths)} of that package into {package.folder}"
        )
    log(
        f"{option}: fetching {tarball} ({package.megabytes:g} MB) with npm pack into {package.folder}"
    )
    try:
        package.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=package.folder) as away:
            packed = _pack(npm, tarball, Path(away), option)
            for (name, wanted), path in zip(package.files.items(), paths, strict=True):
                _extract(packed, name, wanted, Path(away) / path.name, option)
            for path in paths:
                os.replace(Path(away) / path.name, path)
    except OSError as error:
        raise UserError(
            f"{option}: can't write to {package.folder} ({error.strerror}); set XDG_CACHE_HOME to another folder"
        ) from error


def _pack(npm: str, tarball: str, folder: Path, option: str) -> Path:
    command = [npm, "pack", "--silent", "--pack-destination", str(folder), tarball]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, cwd=folder
        )
        said = done.stderr.strip() or f"exit status {done.returncode}"
    except subprocess.TimeoutExpired:
        done, said = None, f"no answer within {_TIMEOUT_S} s"
    packed = next(folder.glob("*.tgz"), None)
    if done is None or done.returncode or packed is None:
        reason = one_line(said.splitlines()[0])
        raise UserError(
            f"{option}: npm pack {tarball} failed ({reason}); is the npm registry reachable?"
        )
    return packed


def _extract(packed: Path, name: str, wanted: str, path: Path, option: str) -> None:
    try:
        with tarfile.open(packed) as archive:
            member = archive.extractfile(f"package/{name}")
            with open(path, "wb") as file:
                shutil.copyfileobj(member, file)
    except (tarfile.TarError, KeyError, AttributeError, EOFError) as error:
        raise UserError(
            f"{option}: {packed.name} from the npm registry holds no {name}; nothing of it is used"
        ) from error
    found = _sha256(path)
    if found != wanted:
        raise UserError(
            f"{option}: {name} in {packed.name} is another file than the known one (sha256 {found[:12]}..., "
            f"not {wanted[:12]}...); it is not used: look whether your registry or proxy changed it"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
