"""The Beam pipeline of training.prepare: every photo is examined, all are judged together, those
that stay are drawn.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.metrics import Metrics
from etils import epath
from PIL import Image

from tf_i2i.images import UnreadableImage
from tf_i2i.photo_pairs import (
    Drawing,
    Dropped,
    Features,
    Limits,
    draw,
    drop_reason,
    duplicates_among,
)
from training.pair_record import DROPPED, KEPT, UNREADABLE, Photo
from training.photo_jobs import Job, jobs_of_dataset, jobs_of_lines

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
