"""Where pictures come from: a folder, a list file or a prepared TensorFlow dataset."""

import functools
import io
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, features

from tf_i2i.command_line import quoted
from tf_i2i.console import say
from tf_i2i.data.image_files import UnreadableImage, read_image
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
SUFFIXES += tuple(
    suffix
    for suffix, decoder in ((".jp2", "jpg_2000"), (".avif", "avif"))
    if decoder in features.get_supported()
)
# The split may hold a slice with a colon, train[:10%]; a dataset's folder may be gs://...
_TFDS = re.compile(
    r"tfds:(?P<name>(?:\w+://)?[^:]+):(?P<split>(?:[^:\[]|\[[^\]]*\])+)(?::(?P<feature>[^:]+))?"
)
_DATASET_INFO = "dataset_info.json"  # every prepared dataset has it


@dataclass(eq=False)
class ImageSource:
    """A fixed, ordered set of pictures.

    Attributes:
        description: what the user named, for logs.
        names: paths below the folder, lines of the list file, or NAME/SPLIT/NUMBER.
        open: function of an index to the undecoded picture: its path, or its bytes as an open file.
        in_files: whether it is paths; otherwise `open` reads, and cheaply only from front to back.
    """

    description: str
    names: list[str]
    open: Callable[[int], Path | BinaryIO]
    in_files: bool = True

    def __len__(self) -> int:
        return len(self.names)

    def sha256(self, index: int) -> str:
        """Of the encoded bytes of picture `index`; OSError when they can't be read."""
        file = self.open(index)
        return sha256_of(file if isinstance(file, Path) else file.read())

    def read(
        self,
        index: int,
        max_side: int | None = None,
        inspect: Callable[[Image.Image], object] = lambda image: None,
    ) -> np.ndarray:
        """Picture `index` as uint8 [H, W, 3] sRGB, as `read_image`; thread-safe."""
        file = self.open(index)
        try:
            return read_image(file, max_side, inspect)
        except UnreadableImage as error:
            name = file if isinstance(file, Path) else self.names[index]
            raise UnreadableImage(name, error.reason) from error


def open_source(
    src: str, option: str, one_picture: bool = False, suffixes: tuple[str, ...] = SUFFIXES
) -> ImageSource:
    """Opens a folder (searched recursively), a list file, tfds:NAME[/CONFIG]:SPLIT[:FEATURE], or,
    with `one_picture`, also a single picture.

    NAME is a dataset prepared in TFDS_DATA_DIR, or the folder of a prepared one: a path that is
    absolute or begins with "." or "~", down to the version, or to the folder above it if there is
    only one version. Nothing is downloaded. option: where `src` was given, for messages.
    suffixes: of the files in a folder that count.
    Raises UserError: no such source, no pictures in it, or the TensorFlow dataset is not prepared.
    """
    if src.startswith("tfds:"):
        return _tfds_source(src, f"{option} {one_line(src)}")
    path = Path(os.path.expanduser(src))
    where = f"{option} {one_line(path)}"
    if path.is_dir():
        return _folder_source(path, where, suffixes)
    if one_picture and path.is_file() and path.suffix.lower() in SUFFIXES:
        return ImageSource(str(path), [path.name], lambda index: path)
    if path.is_file():
        return _list_source(path, where)
    fix = "give a folder of pictures, a text file with one path per line, or tfds:NAME:SPLIT"
    raise UserError(f"{option} {one_line(src)}: no such folder or file; {fix}")


def require_distinct(first: tuple[str, str], second: tuple[str, str]) -> None:
    """Raises UserError where two sources, (option, source) each, have pictures in common by their
    names alone: equal sources, or a folder or picture inside of the other.
    """
    (option, src), (other_option, other) = first, second
    path, other_path = (Path(os.path.expanduser(text)).resolve() for text in (src, other))
    where = f"{other_option} {one_line(other)}"
    if not path.exists() and not src.startswith("tfds:"):
        return  # which is told when it is opened
    if src == other or path == other_path:
        raise UserError(f"{where}: these are the pictures of {option}; name others")
    for inner, outer in ((path, other_path), (other_path, path)):
        is_part = inner.is_dir() or inner.suffix.lower() in SUFFIXES
        if is_part and outer.is_dir() and inner.is_relative_to(outer):
            inside = one_line(inner.relative_to(outer))
            raise UserError(f"{where}: {inside} is in {option} and {other_option}; name others")


def _folder_source(folder: Path, where: str, suffixes: tuple[str, ...]) -> ImageSource:
    names, visited, others = [], set(), []
    # Links to folders are followed, but no folder is entered twice.
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n != "__MACOSX")
        for name in (n for n in files if not n.startswith(".")):
            if name.lower().endswith(suffixes):
                names.append(Path(here, name).relative_to(folder).as_posix())
            else:
                others.append(name)
    if not names:
        formats = ", ".join(suffix[1:] for suffix in suffixes)
        there = f"; {unread_files(others)}" if others else ""
        raise UserError(f"{where}: no pictures in this folder; put {formats} files there{there}")
    if others:
        _say_once(f"{where}: {unread_files(others)}")
    names.sort()
    return ImageSource(str(folder), names, lambda index: folder / names[index])


def unread_files(names: Sequence[str]) -> str:
    """Counts files that are no pictures by suffix."""
    counts = Counter(Path(name).suffix.lower() or "no suffix" for name in names)
    kinds = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{one_line(suffix)} {count}" for suffix, count in kinds)
    return f"{len(names)} other files are not read ({listed})"


@functools.cache  # a command may open a folder several times
def _say_once(line: str) -> None:
    say(line)


def _list_source(file: Path, where: str) -> ImageSource:
    if file.suffix.lower() in SUFFIXES:
        raise UserError(f"{where}: this is one picture; give the folder that it is in")
    data = file.read_bytes()
    if b"\0" in data:
        fix = "save it as UTF-8, with a picture's path on each line"
        raise UserError(f"{where}: not a text file, or one in UTF-16; {fix}")
    # File names need not be UTF-8; surrogateescape passes their bytes on.
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = (line.strip(" \t") for line in re.split("[\r\n]+", text))
    names = [_unquoted(line, file.parent) for line in lines if line]
    if not names:
        raise UserError(f"{where}: the list is empty; write one picture's path on each line")
    paths = [file.parent / os.path.expanduser(name) for name in names]
    if not any(map(os.path.exists, paths)):
        reason = f"none of the {len(names)} files in this list exists (first {one_line(paths[0])})"
        raise UserError(f"{where}: {reason}; relative paths start at the list's folder")
    return ImageSource(str(file), names, paths.__getitem__)


def _unquoted(line: str, folder: Path) -> str:
    """A line as shells and file managers write it, unless the quotes belong to the file's name."""
    quoted = len(line) > 2 and line[0] == line[-1] and line[0] in "\"'"
    return line[1:-1] if quoted and not os.path.exists(folder / line) else line


def _tfds_source(src: str, where: str) -> ImageSource:
    match = _TFDS.fullmatch(src)
    if not match:
        raise UserError(f"{where}: write tfds:NAME:SPLIT or tfds:NAME/CONFIG:SPLIT:FEATURE")
    name, split, feature = match.group("name", "split", "feature")
    builder = _prepared_builder(name, where)
    try:
        count = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        have = ", ".join(builder.info.splits)
        raise UserError(f"{where}: there is no split {split}; {name} has {have}") from error
    if not count:
        raise UserError(f"{where}: this split is empty; choose another or a larger slice")
    encoded = _EncodedExamples(builder, split, _image_feature(builder, feature, where))
    names = [f"{name}/{split}/{i:06d}" for i in range(count)]
    return ImageSource(src, names, encoded.open, in_files=False)


def _prepared_builder(name: str, where: str):
    import tensorflow_datasets as tfds  # imports TensorFlow

    if name.startswith(("/", ".", "~")) or "://" in name:
        return tfds.builder_from_directory(_dataset_folder(name, where))
    folder = os.environ.get("TFDS_DATA_DIR") or None
    try:
        builder = tfds.builder(name, data_dir=folder, try_gcs=False)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        fix = "look up its name in the catalogue, or set TFDS_DATA_DIR"
        raise UserError(f"{where}: TensorFlow Datasets knows no {name}; {fix}") from error
    if not builder.is_prepared():
        program = f"import tensorflow_datasets as t; t.builder({name!r}).download_and_prepare()"
        raise UserError(f"{where}: not prepared on this machine; run: python -c {quoted(program)}")
    return builder


def _dataset_folder(name: str, where: str) -> str:
    """The folder of the only version that `name` leads to."""
    from etils import epath

    folder = epath.Path(name).expanduser()
    if (folder / _DATASET_INFO).exists():
        return os.fspath(folder)
    # Listed rather than globbed: the folder's own name may have a "[".
    below = sorted(folder.iterdir()) if folder.is_dir() else ()
    versions = [version for version in below if (version / _DATASET_INFO).exists()]
    if len(versions) == 1:
        return os.fspath(versions[0])
    if versions:
        have = ", ".join(version.name for version in versions)
        raise UserError(f"{where}: which of {one_line(have)}? Add it to the path")
    where = f"{where}: no prepared TensorFlow dataset is in {one_line(folder)}"
    raise UserError(f"{where}; give DIR/NAME/VERSION")


def _image_feature(builder, feature: str | None, where: str) -> str:
    import tensorflow_datasets as tfds

    features = builder.info.features
    images = [key for key in features if isinstance(features[key], tfds.features.Image)]
    if feature in images:
        return feature
    if feature is None and len(images) == 1:
        return images[0]
    if not images:
        raise UserError(f"{where}: this dataset has no image feature; choose another dataset")
    problem = "which picture?" if feature is None else f"{feature} is not an image feature;"
    raise UserError(f"{where}: {problem} add one of " + ", ".join(f":{key}" for key in images))


class _EncodedExamples:
    """Random access to a split that is read from front to back, asked nearly in order."""

    def __init__(self, builder, split: str, feature: str):
        self._builder, self._split, self._feature = builder, split, feature
        self._lock = threading.Lock()
        self._examples, self._next, self._ahead = None, 0, {}

    def open(self, index: int) -> BinaryIO:
        with self._lock:
            if self._examples is None or (index < self._next and index not in self._ahead):
                self._examples, self._next, self._ahead = self._read(), 0, {}
            while index not in self._ahead:
                self._ahead[self._next] = next(self._examples)
                self._next += 1
            return io.BytesIO(self._ahead.pop(index))

    def _read(self):
        import tensorflow_datasets as tfds

        decoders = {self._feature: tfds.decode.SkipDecoding()}
        skip = tfds.decode.PartialDecoding({self._feature: True}, decoders=decoders)
        for example in self._builder.as_dataset(self._split, shuffle_files=False, decoders=skip):
            yield example[self._feature].numpy()
