"""The photos of training.prepare as jobs that travel: what to read and where its pair goes, without
Beam.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tf_i2i.demo_data import bundled_photographs
from tf_i2i.errors import UserError, one_line
from tf_i2i.images import UnreadableImage
from tf_i2i.photo_pairs import Features, measure
from tf_i2i.sources import SUFFIXES, open_source
from training.pair_folder import output_names


# Not a NamedTuple: Beam writes strings in tuples as UTF-8, which names of files need not be; this
# it pickles.
@dataclass(frozen=True)
class Job:
    """A photo to work on.

    Attributes:
        name: in its source.
        output: of its pair, as training.cartoonize would name it.
        file: its path, its URL, or its encoded bytes.
    """

    name: str
    output: str
    file: str | bytes

    def opened(self) -> Path | bytes:
        """What tf_i2i.photo_pairs reads.

        Raises:
            UnreadableImage: nothing can be read at its URL.
        """
        if isinstance(self.file, bytes):
            return self.file
        if "://" not in self.file:
            return Path(self.file)
        import tensorflow as tf

        try:
            return tf.io.gfile.GFile(self.file, "rb").read()
        except tf.errors.NotFoundError as error:
            raise UnreadableImage(self.name, "no such file") from error

    def measured(self) -> Features | str:
        """The features, or why there are none (this exception does not travel between processes)."""
        try:
            return measure(self.opened())
        except UnreadableImage as error:
            return error.reason


class Listing(NamedTuple):
    """The photos of a source.

    Attributes:
        names: in the source's order, none twice.
        files: name -> path or URL; None for a TensorFlow dataset, which is read from front to back
            by one worker.
    """

    names: list[str]
    files: dict[str, str] | None

    def lines(self) -> Iterator[str]:
        """One a job, for `jobs_of_lines`."""
        for name, output in output_names(self.names).items():
            yield json.dumps({"name": name, "output": output, "file": self.files[name]})


def jobs_of_lines(lines: Iterator[str]) -> Iterator[Job]:
    for line in lines:
        yield Job(**json.loads(line))


def jobs_of_dataset(src: str) -> Iterator[Job]:
    """The pictures of tfds:..., with their bytes."""
    source = open_source(src, "SRC")
    for index, (name, output) in enumerate(output_names(source.names).items()):
        yield Job(name, output, source.open(index).read())


def list_photos(src: str | None) -> Listing:
    """Lists SRC: what `open_source` takes, a folder at a URL, or None for the bundled photographs.

    Raises:
        UserError: unusable, or there is no picture.
    """
    if src and "://" in src and not src.startswith("tfds:"):
        return _at_url(src.rstrip("/"))
    source = open_source(src, "SRC") if src else bundled_photographs()
    if not source.in_files:
        return Listing(source.names, None)
    # A list file may name a photo twice. Absolute: workers run elsewhere; not resolved: links may
    # differ there.
    indices = {name: index for index, name in reversed(list(enumerate(source.names)))}
    names = list(dict.fromkeys(source.names))
    return Listing(names, {name: str(source.open(indices[name]).absolute()) for name in names})


def _at_url(url: str) -> Listing:
    import tensorflow as tf

    try:
        tf.io.gfile.listdir(url)  # walk would take a folder that can't be listed for an empty one
        found = [
            f"{folder.rstrip('/')}/{file}"
            for folder, _, files in tf.io.gfile.walk(url)
            for file in files
        ]
    except tf.errors.OpError as error:
        raise UserError(
            f"SRC {one_line(url)}: can't be listed ({one_line(error.message)})"
        ) from error
    pictures = (file.removeprefix(url + "/") for file in found if file.lower().endswith(SUFFIXES))
    names = sorted(
        n for n in pictures if not any(p.startswith(".") or p == "__MACOSX" for p in n.split("/"))
    )
    if not names:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise UserError(f"SRC {one_line(url)}: no pictures there; {kinds} are taken")
    return Listing(names, {name: f"{url}/{name}" for name in names})
