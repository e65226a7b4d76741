"""The work of training.cartoonize: examine every photo, judge all of them together, draw what is
missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.screening import Dropped, Features, Limits, drop_reasons
from tf_i2i.data.sources import ImageSource, open_source
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs.pair_folder import (
    KEPT,
    RECORD,
    SHEET,
    VERSION,
    PairFolder,
    Photo,
    Record,
    output_names,
    print_summary,
    read_record,
)
from training.cartoon_pairs.photo_pair import Drawing, draw, measure
from training.options.pair_options import CartoonizeOptions
from training.system.interruption import Interruption
from training.system.worker_pool import PicturePool

_SAVE_SECONDS = 30


class PairMaking:
    """One run of the command.

    Args:
        settings: what decides how a pair looks, for the record.
        stopped: whether to take no more photos.
    """

    def __init__(
        self,
        source: ImageSource,
        folder: PairFolder,
        drawing: Drawing,
        settings: dict,
        pool: PicturePool,
        stopped: Callable[[], bool],
    ):
        self.source, self.folder, self.drawing, self.settings = source, folder, drawing, settings
        self._pool, self._stopped = pool, stopped
        # A list file may name a photo twice.
        self._indices = {name: index for index, name in enumerate(source.names)}
        self.photos: dict[str, Photo] = {}
        self.num_drawn = 0

    def resume(self, redo: bool) -> None:
        """Takes over what an earlier run measured, and removes pairs that this one would make
        differently.

        Raises:
            UserError: it was made with other options, and not `redo`.
        """
        record = read_record(self.folder.root) or Record(self.settings, {})
        known = record.photos
        if redo:
            before = PairFolder(self.folder.root, record.options["layout"])
            before.remove(photo.output for photo in known.values())
            known = {}
        else:
            self._refuse_others(record)
        for name, output in output_names(self._indices).items():
            file = self.source.open(self._indices[name]) if self.source.in_files else None
            self.photos[name] = Photo(output, _stamp(file))
        for name, old in known.items():
            new = self.photos.get(name)
            if new is None or (new.output, new.stamp) != (old.output, old.stamp):
                self.folder.remove([old.output])
            else:
                new.features = old.features
        self.save()

    def _refuse_others(self, record: Record) -> None:
        out = f"--out {one_line(self.folder.root)}"
        if record.version != VERSION:
            raise UserError(
                f"{out}: made by another version of this program; name another folder, or add --redo"
            )
        for name, value in self.settings.items():
            before = record.options.get(name)
            if before != value:
                raise UserError(
                    f"{out}: its pairs were made with {name} {one_line(before)}, not {one_line(value)}; "
                    "name another folder, or add --redo to replace them"
                )

    def examine(self) -> None:
        """Measures every photo that is not measured yet."""
        names = [name for name, photo in self.photos.items() if photo.features is None]
        saved = time.monotonic()
        for name, result in self._map(_measure, names, "examining"):
            if isinstance(result, Features):
                self.photos[name].features = result
            else:
                self.photos[name].judge(result)
            if time.monotonic() - saved > _SAVE_SECONDS:
                self.save()
                saved = time.monotonic()

    def judge(self, limits: Limits, duplicate_bits: int) -> None:
        """Decides on every photo from the features alone, and removes pairs that are dropped now."""
        features = {name: photo.features for name, photo in self.photos.items() if photo.features}
        dropped = drop_reasons(features, limits, duplicate_bits)
        for name in features:
            self.photos[name].judge(dropped.get(name))
        self.folder.remove(photo.output for photo in self.photos.values() if photo.result != KEPT)
        self.save()

    def draw(self) -> None:
        """Draws the missing pairs."""
        names = [
            name
            for name, photo in self.photos.items()
            if photo.result == KEPT and not self.folder.has(photo.output)
        ]
        for name, dropped in self._map(partial(_draw, self.folder, self.drawing), names, "drawing"):
            self.photos[name].judge(dropped)
            self.num_drawn += dropped is None

    def finish(self) -> None:
        """Draws the contact sheet and marks the record as finished."""
        kept = [photo.output for photo in self.photos.values() if photo.result == KEPT]
        (self.folder.root / SHEET).unlink(missing_ok=True)
        if kept:
            self.folder.write_sheet(kept)
        self.save(finished=True)

    def save(self, finished: bool = False) -> None:
        self.folder.write_record(Record(self.settings, self.photos), finished)

    def _map(self, function: Callable, names: list[str], title: str) -> Iterator[tuple]:
        """(name, function(file, output)) of each photo, with a progress bar."""
        results = self._pool.map(function, self._jobs(set(names)), self._stopped)
        return tqdm(results, title, len(names), unit="photo", delay=1)

    def _jobs(self, names: set[str]) -> Iterator[tuple[str, tuple]]:
        if not names:
            return
        # In the source's order and without gaps: a TensorFlow dataset can only be read from front
        # to back.
        for name, photo in self.photos.items():
            file = self.source.open(self._indices[name])
            if name in names:
                yield name, (file if isinstance(file, Path) else file.read(), photo.output)


def make_pairs(options: CartoonizeOptions) -> int | None:
    """Makes the pairs of all photos. Returns None, or 130 or 143 when it was interrupted.

    Raises:
        UserError: unusable options, source or folder, or no photo is left.
    """
    drawing = Drawing.from_options(options)
    source = open_source(options.src, "SRC") if options.src else bundled_photographs()
    if not options.src:
        print("no SRC: the bundled photographs are taken")
    root = Path(options.out).expanduser()
    if options.src and root.resolve().is_relative_to(Path(options.src).expanduser().resolve()):
        raise UserError(
            f"--out {one_line(root)}: is inside SRC, where its pictures would count as photos; "
            "name a folder elsewhere"
        )
    settings = {"source": _identity(options.src), "layout": options.layout, **asdict(drawing)}
    settings["strengths"] = dict(drawing.strengths)
    limits = Limits(options.min_size, options.min_chroma, options.min_face_ratio)
    folder = PairFolder(root, options.layout)
    with Interruption() as interruption, folder.locked(), PicturePool(options.workers) as pool:

        def stopped() -> bool:
            return interruption.signal is not None

        making = PairMaking(source, folder, drawing, settings, pool, stopped)
        making.resume(options.redo)
        try:
            making.examine()
            if not stopped():
                making.judge(limits, options.duplicate_bits)
                making.draw()
        finally:
            making.save()
        if not stopped():
            making.finish()
    if stopped():
        say(f"interrupted; {making.num_drawn} pairs were drawn; the same command goes on from here")
        return interruption.exit_status
    summary = print_summary({name: photo.to_json() for name, photo in making.photos.items()})
    if not summary[KEPT]:
        raise UserError(
            f"SRC {one_line(source.description)}: no photo is left; {one_line(root / RECORD)} has the reason for each"
        )
    parts = " and ".join(map(one_line, folder.parts))
    print(
        f"{making.num_drawn} drawn now, the others were there; pairs: {parts}; "
        f"look at {one_line(root / SHEET)}"
    )
    return None


def _identity(src: str | None) -> str:
    if src is None or src.startswith("tfds:"):
        return src or "bundled photographs"
    return str(Path(src).expanduser().resolve())


def _stamp(file: Path | None) -> tuple[int, int] | None:
    try:
        status = file.stat() if file else None
    except OSError:  # reported when it is read
        return None
    return (status.st_size, status.st_mtime_ns) if status else None


def _measure(file: Path | bytes, output: str) -> Features | Dropped:
    return measure(file)


def _draw(folder: PairFolder, drawing: Drawing, file: Path | bytes, output: str) -> Dropped | None:
    pair = draw(file, drawing)
    if isinstance(pair, Dropped):
        return pair
    folder.write(output, pair)
    return None
