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
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import apache_beam as beam
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from etils import epath

from tf_i2i.data.screening import DROP_REASONS, Limits
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs.beam_pipeline import (
    COUNTERS,
    NOTHING_LEFT,
    PAIRS,
    RECORDS,
    Listing,
    PhotosToPairs,
    list_photos,
)
from training.cartoon_pairs.pair_folder import KEPT, UNREADABLE
from training.cartoon_pairs.photo_pair import Drawing
from training.options.pair_options import PrepareOptions

VERSION = "1.0.0"


RECORD, PHOTOS = "prepare.json", "photos"


_LISTING = "listing.jsonl"


_BUNDLED = "bundled photographs"


class PairDataset(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pairs as one split, "train": `cartoon` and `photo` (PNG, uint8 [H, W, 3], of one shape) and
    `name` (text).
    """

    VERSION = tfds.core.Version(VERSION)

    def __init__(
        self, name: str, data_dir: str, listing: Listing, settings: dict, transform: PhotosToPairs
    ):
        # tfds takes the name from the class; here it is the user's.
        self.name, self._listing, self._settings, self._transform = (
            name,
            listing,
            settings,
            transform,
        )
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
        if self._listing.files is None:
            listing = self._settings["source"]
        else:
            # Not in the pipeline itself: runners refuse one of more than some megabytes.
            listing = str(self.data_path / _LISTING)
            with epath.Path(listing).open("w") as file:
                file.writelines(line + "\n" for line in self._listing.lines())
        made = pipeline | "Listing" >> beam.Create([listing]) | "PhotosToPairs" >> self._transform
        made[RECORDS] | "WriteRecords" >> beam.io.WriteToText(
            str(self.data_path / PHOTOS), ".jsonl"
        )
        return {"train": made[PAIRS]}

    def _generate_examples(self):
        raise NotImplementedError("_split_generators gives the examples")

    def _log_download_bytes(self) -> None:
        """tfds would print that it downloads; nothing is."""

    _log_download_done = _log_download_bytes

    def _process_pipeline_result(self, pipeline_result) -> None:
        found = Counter(photo["reason"] or photo["result"] for photo in read_photos(self.data_path))
        summary = {key: found[key] for key in (KEPT, *DROP_REASONS, UNREADABLE)}
        record = {
            "options": self._settings,
            "summary": summary,
            "counters": _counters(pipeline_result),
        }
        (self.data_path / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        (self.data_path / _LISTING).unlink(missing_ok=True)


def _counters(result) -> dict[str, int] | None:
    """As the runner counted: repeated work may count twice. None where it does not tell."""
    try:
        found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(COUNTERS))[
            "counters"
        ]
    except (NotImplementedError, AttributeError):
        return None
    counted = {one.key.metric.name: one.result for one in found}
    return {key: counted.get(key, 0) for key in (KEPT, *DROP_REASONS, UNREADABLE)}


def read_photos(folder: epath.Path) -> Iterator[dict]:
    """What became of each photo of a dataset: entries as in cartoonize.json, with their `name`; in
    no order.
    """
    # Listed rather than globbed: the folder's own name may hold a "[".
    for file in sorted(folder.iterdir()):
        if file.name.startswith(PHOTOS + "-") and file.name.endswith(".jsonl"):
            with file.open("r") as lines:
                yield from map(json.loads, lines)


def make_dataset(
    options: PrepareOptions, drawing: Drawing, limits: Limits, beam_flags: list[str]
) -> None:
    """Makes the dataset of all photos.

    Raises:
        UserError: unusable source, folder or Beam options, or no photo is left.
    """
    pipeline_options = _pipeline_options(beam_flags)
    data_dir = _data_dir(options)
    listing = list_photos(options.src)
    settings = {"source": options.src or _BUNDLED, **asdict(drawing), **asdict(limits)}
    settings |= {"strengths": dict(drawing.strengths), "duplicate_bits": options.duplicate_bits}
    print(f"{len(listing.names)} photos of {one_line(settings['source'])}", flush=True)
    transform = PhotosToPairs(drawing, limits, options.duplicate_bits)
    try:
        builder = PairDataset(options.name, data_dir, listing, settings, transform)
        _build(builder, pipeline_options)
    except Exception as error:
        raise _mendable(error, options) or error from error
    _tell(builder.data_path)


def _build(builder: PairDataset, pipeline_options: PipelineOptions) -> None:
    # So that what is half done is cleared away, as it is after Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig(beam_options=pipeline_options)
    try:
        with tempfile.TemporaryDirectory() as nothing:
            builder.download_and_prepare(download_dir=nothing, download_config=config)
    finally:
        signal.signal(signal.SIGTERM, before)


def _data_dir(options: PrepareOptions) -> str:
    """--out, absolute: workers have folders of their own to be in."""
    out = options.out if "://" in options.out else str(Path(options.out).expanduser().absolute())
    if set(out) & set("*?[]"):
        raise UserError(
            f"--out {one_line(out)}: Beam takes *, ? and [ for patterns; name a folder without them"
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
    # What goes wrong in a worker is raised here as well.
    for quiet in (
        "runners.common",
        "runners.worker",
        "runners.portability.local_job_service",
        "transforms.core",
    ):
        logging.getLogger(f"apache_beam.{quiet}").setLevel(logging.CRITICAL)
    return options


def _mendable(error: Exception, options: PrepareOptions) -> UserError | None:
    """What a user can mend, found in the text that Beam makes of an error in a worker."""
    left = re.search(re.escape(NOTHING_LEFT) + r" \([^)|]*\)(?= \|)", str(error))
    if left:
        return UserError(
            f"SRC {one_line(options.src or _BUNDLED)}: {left[0]}; look at the limits in --help"
        )
    disk = re.search(
        r"No space left on device|Read-only file system|Permission denied|Not a directory",
        str(error),
    )
    if disk:
        return UserError(
            f"--out {one_line(options.out)}: can't be written ({disk[0]}); make room or name another folder"
        )
    return None


def _tell(folder: epath.Path) -> None:
    for photo in sorted(read_photos(folder), key=lambda photo: photo["name"]):
        if photo["result"] == UNREADABLE:
            print(
                f"warning: left out {one_line(photo['name'])}: {photo['detail']}", file=sys.stderr
            )
    for key, count in json.loads((folder / RECORD).read_text())["summary"].items():
        print(f"{f'dropped: {key}' if key in DROP_REASONS else key:38}{count:8}")
    source = f"tfds:{one_line(folder.parent)}:train"
    print(
        f"{one_line(folder / RECORD)} and {PHOTOS}-*.jsonl beside it tell why; train on {source}:cartoon and {source}:photo"
    )
