"""The Beam pipeline of training.prepare: every photo is examined, all are judged together, those
that stay are drawn.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from etils import epath
from PIL import Image

from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.screening import Dropped, Features, Limits, drop_reason, duplicates_among, measure
from tf_i2i.data.sources import SUFFIXES, open_source
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs.pair_folder import DROPPED, KEPT, UNREADABLE, Photo, output_names
from training.cartoon_pairs.photo_pair import Drawing, draw

COUNTERS = "training.prepare"


# Beam hands the text of an error on, not its type.
NOTHING_LEFT = "no photo is left"


PAIRS, RECORDS = "pairs", "records"


@dataclass(frozen=True)
class Examined:
    """A photo after the first pass: its features and, where that alone leaves it out, why."""

    job: Job
    features: Features | None
    verdict: Dropped | None


@dataclass(frozen=True)
class Duplicates:
    """Name of each near-duplicate -> why it is left out."""

    found: dict[str, Dropped]


class PhotosToPairs(beam.PTransform):
    """From one element, the file with a job a line or a tfds:... source, to pairs and records.

    Two outputs: PAIRS, (output name, example of the dataset), and RECORDS, a JSON text a photo,
    kept or not.

    drawing, limits, duplicate_bits: as in training.cartoonize; -1 keeps near-duplicates.
    """

    def __init__(self, drawing: Drawing, limits: Limits, duplicate_bits: int):
        super().__init__()
        self.drawing, self.limits, self.duplicate_bits = drawing, limits, duplicate_bits

    def expand(self, listing):
        examined = (
            listing
            | "Read" >> beam.FlatMap(_jobs)
            # One worker lists; without this it would also do all the work.
            | "SpreadPhotos" >> beam.Reshuffle()
            | "Examine" >> beam.ParDo(_Examine(), self.limits)
        )
        # The decision needs all photos at once, but of each only some dozen bytes; only its answer
        # goes to all workers.
        duplicates = (
            examined
            | "WithoutPictures" >> beam.Map(_without_picture)
            | "GatherFeatures" >> beam.combiners.ToList()
            | "Judge" >> beam.Map(_judge, self.duplicate_bits)
        )
        return (
            examined
            | "SpreadExamined" >> beam.Reshuffle()
            | "Draw"
            >> beam.ParDo(_Draw(self.drawing), beam.pvalue.AsSingleton(duplicates)).with_outputs(
                RECORDS, main=PAIRS
            )
        )


def _jobs(listing: str) -> Iterator[Job]:
    if listing.startswith("tfds:"):
        yield from jobs_of_dataset(listing)
        return
    with epath.Path(listing).open("r") as lines:
        yield from jobs_of_lines(lines)


class _PictureWork(beam.DoFn):
    def setup(self):
        import cv2

        # Cores are shared out by pictures, which scales better.
        cv2.setNumThreads(1)


class _Examine(_PictureWork):
    def process(self, job: Job, limits: Limits) -> Iterator[Examined]:
        features = job.measured()
        if isinstance(features, Features):
            yield Examined(job, features, drop_reason(features, limits))
        else:
            yield Examined(job, None, Dropped(UNREADABLE, features))


def _without_picture(examined: Examined) -> Examined:
    return Examined(Job(examined.job.name, "", b""), examined.features, examined.verdict)


def _judge(photos: list[Examined], duplicate_bits: int) -> Duplicates:
    passed = {photo.job.name: photo.features for photo in photos if photo.verdict is None}
    if not passed:
        counts = Counter(photo.verdict.reason for photo in photos)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
        # The end marks where the message ends in the text that Beam makes of it.
        raise ValueError(f"{NOTHING_LEFT} ({reasons}) |")
    return Duplicates(duplicates_among(passed, duplicate_bits) if duplicate_bits >= 0 else {})


class _Draw(_PictureWork):
    def __init__(self, drawing: Drawing):
        self._drawing = drawing

    def process(self, examined: Examined, duplicates: Duplicates):
        job, photo = examined.job, Photo(examined.job.output, None, examined.features)
        verdict = examined.verdict or duplicates.found.get(job.name)
        example = None
        if verdict is None:
            verdict, example = self._drawn(job)
        if verdict is None:
            photo.result = KEPT
            yield job.output, example
        elif verdict.reason == UNREADABLE:
            photo.cannot_be_read(verdict.detail)
        else:
            photo.result, (photo.reason, photo.detail) = DROPPED, verdict
        Metrics.counter(COUNTERS, photo.reason or photo.result).inc()
        yield beam.pvalue.TaggedOutput(RECORDS, json.dumps({"name": job.name} | photo.to_json()))

    def _drawn(self, job: Job) -> tuple[Dropped | None, dict | None]:
        """None and the example, or why there is none."""
        try:
            pair = draw(job.opened(), self._drawing)
        except UnreadableImage as error:
            return Dropped(UNREADABLE, error.reason), None
        except MemoryError:
            return Dropped(
                UNREADABLE, "too large to be drawn in the memory there is; give --size"
            ), None
        return None, {"name": job.output, "cartoon": _png(pair.cartoon), "photo": _png(pair.photo)}


def _png(image) -> bytes:
    file = io.BytesIO()
    # Photographs come out as large as at higher levels, in a third of the time.
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


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
        """What training.cartoon_pairs.photo_pair reads.

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
