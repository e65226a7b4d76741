"""The Beam pipeline of training.prepare: examines every photo, judges all, draws what is kept."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import apache_beam as beam
import cv2
from apache_beam.metrics import Metrics
from etils import epath
from PIL import Image

from tf_i2i.console import say
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.screening import Dropped, Features, Limits, drop_reasons
from tf_i2i.data.sources import SUFFIXES, open_source, unread_files
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs.pair_folder import Photo, output_names
from training.cartoon_pairs.photo_pair import Drawing, draw, measure

COUNTERS = "training.prepare"
# Beam passes on the text of an error, not its type.
NOTHING_LEFT = "no photo is left"
PAIRS, RECORDS = "pairs", "records"


# Not NamedTuples, whose strings Beam writes as UTF-8, which file names need not be.
@dataclass(frozen=True)
class Job:
    """A photo to work on."""

    name: str  # in its source
    output: str  # of its pair, as training.cartoonize would name it
    file: str | bytes  # its path, its URL, or its encoded bytes
    result: Features | Dropped | None = None  # of examining it


@dataclass(frozen=True)
class Decisions:
    dropped: dict[str, Dropped]  # name of each photo that is left out -> why


class PhotosToPairs(beam.PTransform):
    """From one element, the file with one job per line or a tfds:... source, to pairs and records.

    Two outputs: PAIRS, (output name, example of the dataset), and RECORDS, one JSON text per photo,
    kept or not. Arguments as in training.cartoonize.
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
            | "Examine" >> beam.ParDo(_Examine())
        )
        # The decision needs all photos at once, but of each only some dozen bytes.
        decisions = (
            examined
            | "WithoutPictures" >> beam.Map(lambda job: replace(job, file=b""))
            | "GatherFeatures" >> beam.combiners.ToList()
            | "Decide" >> beam.Map(_decide, self.limits, self.duplicate_bits)
        )
        drawn = beam.ParDo(_Draw(self.drawing), beam.pvalue.AsSingleton(decisions))
        return (
            examined
            | "SpreadExamined" >> beam.Reshuffle()
            | "Draw" >> drawn.with_outputs(RECORDS, main=PAIRS)
        )


def _jobs(listing: str) -> Iterator[Job]:
    if listing.startswith("tfds:"):
        source = open_source(listing, "SRC")
        for index, (name, output) in enumerate(output_names(source.names).items()):
            yield Job(name, output, source.open(index).read())
        return
    with epath.Path(listing).open("r") as lines:
        for line in lines:
            yield Job(**json.loads(line))


class _PictureWork(beam.DoFn):
    def setup(self):
        # One picture per core scales better than several cores per picture.
        cv2.setNumThreads(1)


class _Examine(_PictureWork):
    def process(self, job: Job) -> Iterator[Job]:
        yield replace(job, result=measure(job.file))


def _decide(jobs: list[Job], limits: Limits, duplicate_bits: int) -> Decisions:
    dropped = {job.name: job.result for job in jobs if isinstance(job.result, Dropped)}
    features = {job.name: job.result for job in jobs if job.name not in dropped}
    dropped |= drop_reasons(features, limits, duplicate_bits)
    if len(dropped) == len(jobs):
        counts = sorted(Counter(reason for reason, _ in dropped.values()).items())
        # The end marks where the message ends in the text that Beam makes of it.
        raise ValueError(f"{NOTHING_LEFT} ({', '.join(f'{key} {n}' for key, n in counts)}) |")
    return Decisions(dropped)


class _Draw(_PictureWork):
    def __init__(self, drawing: Drawing):
        self._drawing = drawing

    def process(self, job: Job, decisions: Decisions):
        photo = Photo(job.output, None, job.result if isinstance(job.result, Features) else None)
        pair = decisions.dropped.get(job.name) or draw(job.file, self._drawing)
        if isinstance(pair, Dropped):
            photo.judge(pair)
        else:
            photo.judge(None)
            pictures = {name: _png(picture) for name, picture in pair._asdict().items()}
            yield job.output, {"name": job.output, **pictures}
        Metrics.counter(COUNTERS, photo.reason or photo.result).inc()
        yield beam.pvalue.TaggedOutput(RECORDS, json.dumps({"name": job.name} | photo.to_json()))


def _png(image) -> bytes:
    file = io.BytesIO()
    # Photographs come out as large as at higher levels, in a third of the time.
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


def job_lines(files: Mapping[str, str]) -> Iterator[str]:
    """One job per line, as `PhotosToPairs` reads them. files: as of `list_photos`."""
    for name, output in output_names(files).items():
        yield json.dumps({"name": name, "output": output, "file": files[name]}) + "\n"


def list_photos(src: str | None) -> dict[str, str]:
    """Lists SRC: what `open_source` takes, a folder at a URL, or None for the bundled photographs.

    Returns name -> path or URL in the source's order, "" for a TensorFlow dataset, which one worker
    reads from front to back. Raises UserError when it is unusable or has no picture.
    """
    if src and "://" in src and not src.startswith("tfds:"):
        return _list_url(src.rstrip("/"))
    source = open_source(src, "SRC") if src else bundled_photographs()
    if not source.in_files:
        return dict.fromkeys(source.names, "")
    # A list may name a photo twice. Absolute for workers elsewhere, not resolved: links differ.
    return {name: str(source.open(i).absolute()) for i, name in enumerate(source.names)}


def _list_url(url: str) -> dict[str, str]:
    import tensorflow as tf  # only here: Beam's workers start without it

    try:
        tf.io.gfile.listdir(url)  # walk would take a folder that can't be listed for an empty one
        walked = tf.io.gfile.walk(url)
        files = [f"{folder.rstrip('/')}/{file}" for folder, _, found in walked for file in found]
        files = [f.removeprefix(url + "/") for f in files]
    except tf.errors.OpError as error:
        reason = f"can't be listed ({one_line(error.message)})"
        raise UserError(f"SRC {one_line(url)}: {reason}") from error
    hidden = re.compile(r"(^|/)(\.|__MACOSX(/|$))")
    shown = [name for name in files if not hidden.search(name)]
    names = sorted(name for name in shown if name.lower().endswith(SUFFIXES))
    if others := [name for name in shown if not name.lower().endswith(SUFFIXES)]:
        say(f"SRC {one_line(url)}: {unread_files(others)}")
    if not names:
        suffixes = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise UserError(f"SRC {one_line(url)}: no pictures there; give a folder with {suffixes}")
    return {name: f"{url}/{name}" for name in names}
