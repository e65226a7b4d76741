"""The work of training.prepare: a TensorFlow dataset of pairs from Beam, and its record."""

import json
import logging
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import apache_beam as beam
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from tf_i2i.data.screening import Limits
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs import beam_pipeline
from training.cartoon_pairs.pair_folder import in_order, print_summary, summary_of
from training.cartoon_pairs.photo_pair import Drawing
from training.options.pair_options import PrepareOptions

VERSION = "1.0.0"
RECORD, PHOTOS = "prepare.json", "photos"
_LISTING = "listing.jsonl"
_BUNDLED = "bundled photographs"
_DISK_FAILURE = r"No space left on device|Read-only file system|Permission denied|Not a directory"


class PairDataset(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pairs as "train": `cartoon` and `photo` (PNG, uint8 [H, W, 3], one shape), `name` (text)."""

    VERSION = tfds.core.Version(VERSION)

    def __init__(self, name: str, data_dir: str, files: dict, settings: dict, transform):
        self.name = name  # tfds would take it from the class
        self._files, self._settings, self._transform = files, settings, transform
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        features = {"cartoon": picture, "photo": picture, "name": tfds.features.Text()}
        features = tfds.features.FeaturesDict(features)
        description = "Photos and cartoons drawn of them."
        return tfds.core.DatasetInfo(builder=self, features=features, description=description)

    def _split_generators(self, dl_manager, pipeline):
        listing = self._settings["source"]
        if not listing.startswith("tfds:"):
            # Not in the pipeline itself: runners refuse one of more than some megabytes.
            listing = str(self.data_path / _LISTING)
            with epath.Path(listing).open("w") as file:
                file.writelines(beam_pipeline.job_lines(self._files))
        made = pipeline | "Listing" >> beam.Create([listing]) | "PhotosToPairs" >> self._transform
        text = beam.io.WriteToText(str(self.data_path / PHOTOS), ".jsonl")
        made[beam_pipeline.RECORDS] | "WriteRecords" >> text
        return {"train": made[beam_pipeline.PAIRS]}

    def _generate_examples(self):
        raise NotImplementedError("_split_generators gives the examples")

    def _log_download_bytes(self) -> None:
        """tfds would print that it downloads; nothing is."""

    _log_download_done = _log_download_bytes

    def _process_pipeline_result(self, pipeline_result) -> None:
        summary, counters = summary_of(read_photos(self.data_path)), _counters(pipeline_result)
        record = {"options": self._settings, "summary": summary, "counters": counters}
        (self.data_path / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        (self.data_path / _LISTING).unlink(missing_ok=True)


def _counters(result) -> dict[str, int] | None:
    """As the runner counted: repeated work may count twice. None where it does not count."""
    ours = beam.metrics.MetricsFilter().with_namespace(beam_pipeline.COUNTERS)
    try:
        counters = result.metrics().query(ours)["counters"]
    except (NotImplementedError, AttributeError):
        return None
    return in_order({counter.key.metric.name: counter.result for counter in counters})


def read_photos(folder: epath.Path) -> Iterator[dict]:
    """Each photo of a dataset, in no order: entries as in cartoonize.json, with their `name`."""
    # Listed rather than globbed: the folder's own name may have a "[".
    for file in sorted(folder.iterdir()):
        if file.name.startswith(PHOTOS + "-") and file.name.endswith(".jsonl"):
            with file.open("r") as lines:
                yield from map(json.loads, lines)


def make_dataset(options: PrepareOptions, beam_flags: list[str]) -> None:
    """Makes the dataset of all photos. Raises UserError for unusable options, source or folder, or
    where no photo is left.
    """
    drawing = Drawing.from_options(options)
    limits = Limits(options.min_size, options.min_chroma, options.min_face_ratio)
    pipeline_options, data_dir = _pipeline_options(beam_flags), _data_dir(options)
    files = beam_pipeline.list_photos(options.src)
    settings = {"source": options.src or _BUNDLED, **asdict(drawing), **asdict(limits)}
    settings |= {"strengths": dict(drawing.strengths), "duplicate_bits": options.duplicate_bits}
    print(f"{len(files)} photos of {one_line(settings['source'])}", flush=True)
    transform = beam_pipeline.PhotosToPairs(drawing, limits, options.duplicate_bits)
    try:
        builder = PairDataset(options.name, data_dir, files, settings, transform)
        _build(builder, pipeline_options)
    except Exception as error:
        raise _user_error(error, options) or error from error
    folder = builder.data_path
    photos = sorted(read_photos(folder), key=lambda photo: photo["name"])
    print_summary({photo["name"]: photo for photo in photos})
    source = f"tfds:{one_line(folder.parent)}:train"
    print(f"{one_line(folder / RECORD)} and {PHOTOS}-*.jsonl beside it have the reasons")
    print(f"train on {source}:cartoon and {source}:photo")


def _build(builder: PairDataset, pipeline_options: PipelineOptions) -> None:
    # So that half-done files are removed, as after Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(beam_options=pipeline_options)
    try:
        with tempfile.TemporaryDirectory() as nothing:
            builder.download_and_prepare(download_dir=nothing, download_config=config)
    finally:
        signal.signal(signal.SIGTERM, before)


def _data_dir(options: PrepareOptions) -> str:
    """--out, absolute: workers have other working folders."""
    out = options.out if "://" in options.out else str(Path(options.out).absolute())
    if set(out) & set("*?[]"):
        fix = "Beam reads *, ? and [ as patterns; name a folder without them"
        raise UserError(f"--out {one_line(out)}: {fix}")
    folder = epath.Path(out) / options.name / VERSION
    if folder.exists():
        fix = "is there already; remove it, or choose another name"
        raise UserError(f"--name {options.name}: {one_line(folder)} {fix}")
    return out


def _pipeline_options(flags: list[str]) -> PipelineOptions:
    options = PipelineOptions(flags)
    try:
        beam.Pipeline(options=options)
    except (ValueError, ImportError, AttributeError) as error:
        message = " ".join(str(error).split())
        raise UserError(f"Beam options {one_line(' '.join(flags))}: {one_line(message)}") from error
    # These log what is raised here as well.
    modules = ("common", "worker", "portability.local_job_service")
    for module in (*(f"runners.{name}" for name in modules), "transforms.core"):
        logging.getLogger(f"apache_beam.{module}").setLevel(logging.CRITICAL)
    return options


def _user_error(error: Exception, options: PrepareOptions) -> UserError | None:
    """What a user can fix, found in the text that Beam makes of an error in a worker."""
    if left := re.search(re.escape(beam_pipeline.NOTHING_LEFT) + r" \([^)|]*\)(?= \|)", str(error)):
        src = one_line(options.src or _BUNDLED)
        return UserError(f"SRC {src}: {left[0]}; change the limits (see --help)")
    if disk := re.search(_DISK_FAILURE, str(error)):
        reason = f"can't be written ({disk[0]}); free some space or name another folder"
        return UserError(f"--out {one_line(options.out)}: {reason}")
    return None
