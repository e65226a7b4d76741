"""Where pictures come from: a folder, a list file or a prepared TensorFlow dataset, all read the
same way.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tf_i2i.data.image_files import UnreadableImage, read_image
from tf_i2i.errors import UserError, one_line

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


# The split may hold a slice with a colon of its own, train[:10%]; a dataset's folder may be on a
# bucket, gs://...
_TFDS = re.compile(
    r"tfds:(?P<name>(?:\w+://)?[^:]+):(?P<split>(?:[^:\[]|\[[^\]]*\])+)(?::(?P<feature>[^:]+))?"
)


# What every prepared dataset has.
_DATASET_INFO = "dataset_info.json"


class ImageSource:
    """A fixed, ordered set of pictures.

    Attributes:
        description: what the user named, for logs.
        names: one a picture: the path below the folder, the line of the list file, or
            NAME/SPLIT/NUMBER.
        in_files: whether `open` answers with a path; otherwise it reads, and cheaply only from
            front to back.
    """

    def __init__(
        self,
        description: str,
        names: list[str],
        open_one: Callable[[int], Path | BinaryIO],
        in_files: bool = True,
    ):
        self.description, self.names, self._open_one, self.in_files = (
            description,
            names,
            open_one,
            in_files,
        )

    def __len__(self) -> int:
        return len(self.names)

    def open(self, index: int) -> Path | BinaryIO:
        """Picture `index` undecoded, for whoever decodes it elsewhere: its path, or its bytes as an
        open file.
        """
        return self._open_one(index)

    def sha256(self, index: int) -> str:
        """Of the encoded bytes of picture `index`, as 64 hexadecimal digits.

        Raises:
            OSError: the file can't be read.
        """
        file, digest = self._open_one(index), hashlib.sha256()
        with open(file, "rb") if isinstance(file, Path) else file as data:
            while block := data.read(2**20):
                digest.update(block)
        return digest.hexdigest()

    def read(self, index: int, max_side: int | None = None) -> np.ndarray:
        """Picture `index` as uint8 [H, W, 3] sRGB (`read_image` explains max_side); threads may
        share this.

        Raises:
            UnreadableImage: it can't be decoded.
        """
        file = self._open_one(index)
        try:
            return read_image(file, max_side)
        except UnreadableImage as error:
            named = file if isinstance(file, Path) else self.names[index]
            raise UnreadableImage(named, error.reason) from error


def open_source(src: str, option: str) -> ImageSource:
    """Opens SRC: a folder (searched recursively), a list file, or
    tfds:NAME[/CONFIG]:SPLIT[:FEATURE].

    NAME is that of a dataset prepared in TFDS_DATA_DIR, or the folder of a prepared one: an
    absolute path or one that begins with "." or "~", down to its version or to the folder above
    when there is only one. Nothing is downloaded.

    Args:
        src: what the user gave.
        option: the option it was given to, for messages, such as "--domain-a".

    Raises:
        UserError: nothing is there, no picture is in it, or the TensorFlow dataset is not prepared.
    """
    if src.startswith("tfds:"):
        return _tfds_source(src, option)
    path = Path(src).expanduser()
    if path.is_dir():
        return _folder_source(path, option)
    if path.is_file():
        return _list_source(path, option)
    raise UserError(
        f"{option} {one_line(src)}: no such folder or file; "
        "give a folder of pictures, a text file with a path a line, or tfds:NAME:SPLIT"
    )


def _folder_source(folder: Path, option: str) -> ImageSource:
    names = sorted(_pictures_below(folder))
    if not names:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise UserError(
            f"{option} {one_line(folder)}: no pictures in this folder; put {kinds} files there"
        )
    return ImageSource(str(folder), names, lambda index: folder / names[index])


def _pictures_below(folder: Path) -> list[str]:
    """Paths relative to `folder` with '/' between; links to folders are followed, but no folder
    twice.
    """
    found, seen = [], set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        pictures = (n for n in files if n.lower().endswith(SUFFIXES) and not n.startswith("."))
        found += [Path(here, name).relative_to(folder).as_posix() for name in pictures]
    return found


def _list_source(file: Path, option: str) -> ImageSource:
    shown = one_line(file)
    if file.suffix.lower() in SUFFIXES:
        raise UserError(f"{option} {shown}: this is one picture; give the folder that it is in")
    data = file.read_bytes()
    if b"\0" in data:
        raise UserError(
            f"{option} {shown}: not a text file; give one with a picture's path on each line"
        )
    # File names need not be UTF-8; surrogateescape hands their bytes on as they are.
    lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(
            f"{option} {shown}: the list is empty; write one picture's path on each line"
        )
    return ImageSource(str(file), names, lambda index: file.parent / names[index])


def _tfds_source(src: str, option: str) -> ImageSource:
    match = _TFDS.fullmatch(src)
    if not match:
        raise UserError(
            f"{option} {one_line(src)}: write tfds:NAME:SPLIT or tfds:NAME/CONFIG:SPLIT:FEATURE, "
            "for example tfds:cycle_gan/horse2zebra:trainA"
        )
    name, split, feature = match.group("name", "split", "feature")
    builder = _prepared_builder(name, src, option)
    try:
        count = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        have = ", ".join(builder.info.splits)
        raise UserError(f"{option} {src}: there is no split {split}; {name} has {have}") from error
    if not count:
        raise UserError(f"{option} {src}: this split is empty; take another one or a larger slice")
    encoded = _EncodedExamples(builder, split, _image_feature(builder, feature, src, option))
    return ImageSource(
        src, [f"{name}/{split}/{i:06d}" for i in range(count)], encoded.open, in_files=False
    )


def _prepared_builder(name: str, src: str, option: str):
    import tensorflow_datasets as tfds

    if name.startswith(("/", ".", "~")) or "://" in name:
        return tfds.builder_from_directory(_dataset_folder(name, src, option))
    folder = os.environ.get("TFDS_DATA_DIR") or None
    prepare = (
        f"python -c \"import tensorflow_datasets as t; t.builder('{name}').download_and_prepare()\""
    )
    try:
        builder = tfds.builder(name, data_dir=folder, try_gcs=False)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UserError(
            f"{option} {src}: TensorFlow Datasets knows no {name}; look up its name in the catalogue, "
            "or set TFDS_DATA_DIR to where you prepared it"
        ) from error
    if not builder.is_prepared():
        raise UserError(f"{option} {src}: not prepared on this machine; run: {prepare}")
    return builder


def _dataset_folder(name: str, src: str, option: str) -> str:
    """The folder of the one version that `name` leads to."""
    from etils import epath

    folder = epath.Path(name).expanduser()
    below = sorted(folder.glob(f"*/{_DATASET_INFO}")) if folder.is_dir() else []
    if (folder / _DATASET_INFO).exists():
        return os.fspath(folder)
    if len(below) == 1:
        return os.fspath(below[0].parent)
    if below:
        have = ", ".join(file.parent.name for file in below)
        raise UserError(f"{option} {one_line(src)}: which of {one_line(have)}? Add one to the path")
    raise UserError(
        f"{option} {one_line(src)}: no prepared TensorFlow dataset is in {one_line(folder)}; give DIR/NAME/VERSION"
    )


def _image_feature(builder, feature: str | None, src: str, option: str) -> str:
    import tensorflow_datasets as tfds

    features = builder.info.features
    images = [key for key in features if isinstance(features[key], tfds.features.Image)]
    if feature in images:
        return feature
    if feature is None and len(images) == 1:
        return images[0]
    if not images:
        raise UserError(
            f"{option} {src}: this dataset has no image feature; choose another dataset"
        )
    wrong = "which picture?" if feature is None else f"{feature} is no picture of this dataset;"
    raise UserError(f"{option} {src}: {wrong} add one of " + ", ".join(f":{key}" for key in images))


class _EncodedExamples:
    """Random access to the encoded pictures of a split whose files can only be read from front to
    back.

    Threads ask nearly in order, so few examples wait in `_ahead`; one asked for again starts a new
    pass.
    """

    def __init__(self, builder, split: str, feature: str):
        self._builder, self._split, self._feature = builder, split, feature
        self._lock = threading.Lock()
        self._restart()

    def _restart(self) -> None:
        self._pass, self._next, self._ahead = None, 0, {}

    def open(self, index: int) -> BinaryIO:
        with self._lock:
            if index < self._next and index not in self._ahead:
                self._restart()
            self._pass = self._pass or self._examples()
            while index not in self._ahead:
                self._ahead[self._next] = next(self._pass)
                self._next += 1
            return io.BytesIO(self._ahead.pop(index))

    def _examples(self):
        import tensorflow_datasets as tfds

        dataset = self._builder.as_dataset(
            split=self._split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(
                {self._feature: True}, decoders={self._feature: tfds.decode.SkipDecoding()}
            ),
        )
        for example in dataset:
            yield example[self._feature].numpy()
