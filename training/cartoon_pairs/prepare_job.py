"""The work of training.prepare: a TensorFlow dataset of pairs, built by a Beam pipeline, and the
record beside it.
"""

from __future__ import annotations

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
from training.cartoon_pairs.beam_pipeline import (
    COUNTERS,
    NOTHING_LEFT,
    PAIRS,
    RECORDS,
    PhotosToPairs,
    job_lines,
    list_photos,
)
from training.cartoon_pairs.pair_folder import in_order, print_summary, summary_of
from training.cartoon_pairs.photo_pair import Drawing
from training.options.pair_options import PrepareOptions

VERSION = "1.0.0"
RECORD, PHOTOS = "prepare.json", "photos"
_LISTING = "listing.jsonl"
_BUNDLED = "bundled photographs"
_DISK_FAILURE = r"No space left on device|Read-only file system|Permission denied|Not a directory"


class PairDataset(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pairs as one split, "train": `cartoon` and `photo` (PNG, uint8 [H, W, 3], of one shape) and
    `name` (text).
    """

    VERSION = tfds.core.Version(VERSION)

    def __init__(self, name: str, data_dir: str, files: dict, settings: dict, transform):
        self.name = name  # tfds would take it from the class
        self._files, self._settings, self._transform = files, settings, transform
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        picture = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        features = {"cartoon": picture, "photo": picture, "name": tfds.features.Text()}
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            description="Photos and cartoons drawn of them.",
        )

    def _split_generators(self, dl_manager, pipeline):
        listing = self._settings["source"]
        if not listing.startswith("tfds:"):
            # Not in the pipeline itself: runners refuse one of more than some megabytes.
            listing = str(self.data_path / _LISTING)
            with epath.Path(listing).open("w") as file:
                file.writelines(job_lines(self._files))
        made = pipeline | "Listing" >> beam.Create([listing]) | "PhotosToPairs" >> self._transform
        text = beam.io.WriteToText(str(self.data_path / PHOTOS), ".jsonl")
        made[RECORDS] | "WriteRecords" >> text
        return {"train": made[PAIRS]}

    def _generate_examples(self):
        raise NotImplementedError("_split_generators gives the examples")

    def _log_download_bytes(self) -> None:
        """tfds would print that it downloads; nothing is."""

    _log_download_done = _log_download_bytes

    def _process_pipeline_result(self, pipeline_result) -> None:
        record = {
            "options": self._settings,
            "summary": summary_of(read_photos(self.data_path)),
            "counters": _counters(pipeline_result),
        }
        (self.data_path / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        (self.data_path / _LISTING).unlink(missing_ok=True)


def _counters(result) -> dict[str, int] | None:
    """As the runner counted: repeated work may count twice. None where it does not count."""
    ours = beam.metrics.MetricsFilter().with_namespace(COUNTERS)
    try:
        counters = result.metrics().query(ours)["counters"]
    except (NotImplementedError, AttributeError):
        return None
    return in_order({counter.key.metric.name: counter.result for counter in counters})


def read_photos(folder: epath.Path) -> Iterator[dict]:
    """The result of each photo of a dataset: entries as in cartoonize.json, with their `name`; in
    no order.
    """
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
    pipeline_options = _pipeline_options(beam_flags)
    data_dir = _data_dir(options)
    files = list_photos(options.src)
    settings = {"source": options.src or _BUNDLED, **asdict(drawing), **asdict(limits)}
    settings |= {"strengths": dict(drawing.strengths), "duplicate_bits": options.duplicate_bits}
    print(f"{len(files)} photos of {one_line(settings['source'])}", flush=True)
    transform = PhotosToPairs(drawing, limits, options.duplicate_bits)
    try:
        builder = PairDataset(options.name, data_dir, files, settings, transform)
        _build(builder, pipeline_options)
    except Exception as error:
        raise _user_error(error, options) or error from error
    folder = builder.data_path
    photos = sorted(read_photos(folder), key=lambda photo: photo["name"])
    print_summary({photo["name"]: photo for photo in photos})
    source = f"tfds:{one_line(folder.parent)}:train"
    print(
        f"{one_line(folder / RECORD)} and {PHOTOS}-*.jsonl beside it have the reasons; "
        f"train on {source}:cartoon and {source}:photo"
    )


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
    out = options.out if "://" in options.out else str(Path(options.out).expanduser().absolute())
    if set(out) & set("*?[]"):
        raise UserError(
            f"--out {one_line(out)}: Beam reads *, ? and [ as patterns; name a folder without them"
        )
    folder = epath.Path(out) / options.name / VERSION
    if folder.exists():
        raise UserError(
            f"--name {options.name}: {one_line(folder)} is there already; remove it, or choose another name"
        )
    return out


def _pipeline_options(flags: list[str]) -> PipelineOptions:
    options = PipelineOptions(flags)
    try:
        beam.Pipeline(options=options)
    except (ValueError, ImportError, AttributeError) as error:
        message = " ".join(str(error).split())
        raise UserError(f"Beam options {one_line(' '.join(flags))}: {one_line(message)}") from error
    # These log what is raised here as well.
    for module in (
        "runners.common",
        "runners.worker",
        "runners.portability.local_job_service",
        "transforms.core",
    ):
        logging.getLogger(f"apache_beam.{module}").setLevel(logging.CRITICAL)
    return options


def _user_error(error: Exception, options: PrepareOptions) -> UserError | None:
    """What a user can fix, found in the text that Beam makes of an error in a worker."""
    if left := re.search(re.escape(NOTHING_LEFT) + r" \([^)|]*\)(?= \|)", str(error)):
        src = one_line(options.src or _BUNDLED)
        return UserError(f"SRC {src}: {left[0]}; change the limits (see --help)")
    if disk := re.search(_DISK_FAILURE, str(error)):
        out = one_line(options.out)
        return UserError(
            f"--out {out}: can't be written ({disk[0]}); free some space or name another folder"
        )
    return None
