"""The work of training.cartoonize: examine every photo, judge all of them together, draw what is
missing.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.screening import (
    DROP_REASONS,
    Features,
    Limits,
    drop_reason,
    duplicates_among,
    measure,
)
from tf_i2i.data.sources import ImageSource, open_source
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs.pair_folder import (
    DROPPED,
    KEPT,
    RECORD,
    SHEET,
    UNREADABLE,
    PairFolder,
    Photo,
    Record,
    output_names,
    read_record,
)
from training.cartoon_pairs.photo_pair import Drawing, draw
from training.options.pair_options import CartoonizeOptions
from training.system.interruption import Interruption
from training.system.worker_pool import PicturePool

_SAVE_SECONDS = 30


class PairMaking:
    """One run of the command: its photos, its folder, its record."""

    def __init__(self, source: ImageSource, folder: PairFolder, drawing: Drawing, settings: dict):
        self.source, self.folder, self.drawing, self.settings = source, folder, drawing, settings
        # A list file may name a photo twice.
        self._indices = {name: index for index, name in reversed(list(enumerate(source.names)))}
        self.photos: dict[str, Photo] = {}
        self.drawn = 0

    def take_over(self, redo: bool) -> None:
        """Reads what an earlier run left, and removes the pairs that are not what this one would
        make.

        Raises:
            UserError: it was made with other options, and not `redo`.
        """
        record = read_record(self.folder.root)
        known = record.photos if record else {}
        if record and redo:
            PairFolder(self.folder.root, record.options["layout"]).clear(
                photo.output for photo in known.values()
            )
            known = {}
        elif record:
            record.refuse_unless(self.settings)
        for name, output in output_names(dict.fromkeys(self.source.names)).items():
            file = self.source.open(self._indices[name]) if self.source.in_files else None
            self.photos[name] = Photo(output, _stamp(file))
        for name, old in known.items():
            new = self.photos.get(name)
            if new is None or (new.output, new.stamp) != (old.output, old.stamp):
                self.folder.remove([old.output])
            else:
                new.features = old.features
        self.save()

    def examine(self, pool: PicturePool, stopped: Callable[[], bool]) -> None:
        """Measures every photo that is not measured yet."""
        todo = [name for name, photo in self.photos.items() if photo.features is None]
        jobs = self._jobs(set(todo), lambda file, _: (file,))
        saved = time.monotonic()
        bar = tqdm(
            pool.map(_measured, jobs, stopped), "examining", len(todo), unit="photo", delay=1
        )
        for name, found in bar:
            photo = self.photos[name]
            if isinstance(found, Features):
                photo.features = found
            else:
                photo.cannot_be_read(found)
            if time.monotonic() - saved > _SAVE_SECONDS:
                self.save()
                saved = time.monotonic()

    def judge(self, limits: Limits, duplicate_bits: int) -> None:
        """Decides on every photo from the features alone, and removes pairs that are not wanted any
        more.
        """
        verdicts = {
            name: drop_reason(photo.features, limits)
            for name, photo in self.photos.items()
            if photo.features
        }
        if duplicate_bits >= 0:
            passed = {
                name: self.photos[name].features
                for name, verdict in verdicts.items()
                if verdict is None
            }
            verdicts |= duplicates_among(passed, duplicate_bits)
        for name, verdict in verdicts.items():
            photo = self.photos[name]
            photo.result = KEPT if verdict is None else DROPPED
            photo.reason, photo.detail = verdict or (None, None)
        self.folder.remove(photo.output for photo in self.photos.values() if photo.result != KEPT)
        self.save()

    def draw(self, pool: PicturePool, stopped: Callable[[], bool]) -> None:
        """Draws the pairs that are not there."""
        todo = {
            n
            for n, photo in self.photos.items()
            if photo.result == KEPT and not self.folder.holds(photo.output)
        }
        jobs = self._jobs(
            todo,
            lambda file, photo: (
                file,
                self.drawing,
                self.folder.root,
                self.folder.layout,
                photo.output,
            ),
        )
        for name, failure in tqdm(
            pool.map(_draw_into, jobs, stopped), "drawing", len(todo), unit="photo", delay=1
        ):
            if failure is None:
                self.drawn += 1
            else:
                self.photos[name].cannot_be_read(failure)

    def _jobs(self, wanted: set[str], arguments: Callable) -> Iterator[tuple[str, tuple]]:
        if not wanted:
            return
        # In the source's order and without gaps: a TensorFlow dataset can only be read from front
        # to back.
        for name, photo in self.photos.items():
            file = self.source.open(self._indices[name])
            if name in wanted:
                yield name, arguments(file if isinstance(file, Path) else file.read(), photo)

    def save(self, finished: bool = False) -> None:
        Record(self.settings, self.photos).write(self.folder.root, finished, self.counts())

    def counts(self) -> dict[str, int]:
        found = Counter(photo.reason or photo.result for photo in self.photos.values())
        return {key: found[key] for key in (KEPT, *DROP_REASONS, UNREADABLE)}


def make_pairs(options: CartoonizeOptions, drawing: Drawing, limits: Limits) -> int | None:
    """Makes the pairs of all photos. Returns None, or 130 or 143 when it was interrupted.

    Raises:
        UserError: unusable source or folder, or no photo is left.
    """
    source = open_source(options.src, "SRC") if options.src else bundled_photographs()
    if not options.src:
        print("no SRC: the bundled photographs are taken")
    root = Path(options.out).expanduser()
    _refuse_folder_inside(options, root)
    settings = {"source": _identity(options.src), "layout": options.layout, **asdict(drawing)}
    settings["strengths"] = dict(drawing.strengths)
    with Interruption() as interruption, PairFolder(root, options.layout) as folder:
        making = PairMaking(source, folder, drawing, settings)
        try:
            _run(making, options, limits, lambda: interruption.signal is not None)
        except OSError as error:
            raise folder.unwritable(error) from error
    if interruption.signal is not None:
        print(
            f"interrupted; {making.drawn} pairs were drawn, the same command goes on from here",
            file=sys.stderr,
        )
        return interruption.exit_status
    _tell(making)
    return None


def _run(
    making: PairMaking, options: CartoonizeOptions, limits: Limits, stopped: Callable[[], bool]
) -> None:
    making.take_over(options.redo)
    with PicturePool(options.workers) as pool:
        try:
            making.examine(pool, stopped)
            if not stopped():
                making.judge(limits, options.duplicate_bits)
                making.draw(pool, stopped)
        finally:
            making.save()
    if stopped():
        return
    kept = [photo.output for photo in making.photos.values() if photo.result == KEPT]
    (making.folder.root / SHEET).unlink(missing_ok=True)
    if kept:
        making.folder.write_sheet(kept)
    making.save(finished=True)


def _tell(making: PairMaking) -> None:
    """Prints unreadable files, the summary, and where the pairs are.

    Raises:
        UserError: there are none.
    """
    for name, photo in making.photos.items():
        if photo.result == UNREADABLE:
            print(f"warning: left out {one_line(name)}: {photo.detail}", file=sys.stderr)
    counts, root = making.counts(), making.folder.root
    for key, count in counts.items():
        print(f"{f'dropped: {key}' if key in DROP_REASONS else key:38}{count:8}")
    if not counts[KEPT]:
        raise UserError(
            f"SRC {one_line(making.source.description)}: no photo is left; {one_line(root / RECORD)} tells why for each"
        )
    parts = " and ".join(one_line(root / part) for part in making.folder.parts)
    print(
        f"{making.drawn} drawn now, the others were there; pairs: {parts}; look at {one_line(root / SHEET)}"
    )


def _refuse_folder_inside(options: CartoonizeOptions, root: Path) -> None:
    """A rerun would take its own results for photos."""
    if (
        options.src
        and Path(options.src).is_dir()
        and root.resolve().is_relative_to(Path(options.src).resolve())
    ):
        raise UserError(
            f"--out {one_line(root)}: lies in SRC, whose pictures it would join; name a folder elsewhere"
        )


def _identity(src: str | None) -> str:
    if src is None or src.startswith("tfds:"):
        return src or "bundled photographs"
    return str(Path(src).expanduser().resolve())


def _stamp(file: Path | None) -> tuple[int, int] | None:
    try:
        status = file.stat() if file else None
    except OSError:  # it is told when it is read
        return None
    return (status.st_size, status.st_mtime_ns) if status else None


def _measured(file: Path | bytes) -> Features | str:
    """In a worker: the features, or why there are none (this exception does not travel between
    processes).
    """
    try:
        return measure(file)
    except UnreadableImage as error:
        return error.reason


def _draw_into(
    file: Path | bytes, drawing: Drawing, root: Path, layout: str, output: str
) -> str | None:
    """In a worker: draws one pair; returns why it can't be read, None when it is written."""
    folder = PairFolder(root, layout)
    try:
        folder.write(output, draw(file, drawing))
    except UnreadableImage as error:
        return error.reason
    except MemoryError:
        return "too large to be drawn in the memory there is; give --size"
    except OSError as error:
        raise folder.unwritable(error) from error
    return None
