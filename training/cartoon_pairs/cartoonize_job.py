"""The work of training.cartoonize: examines every photo, judges all, draws what is missing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tf_i2i.console import say
from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.screening import Dropped, Features, Limits, drop_reasons
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from training.cartoon_pairs import pair_folder
from training.cartoon_pairs.pair_folder import KEPT, PairFolder, Photo
from training.cartoon_pairs.photo_pair import Drawing, draw, measure
from training.options.pair_options import CartoonizeOptions
from training.system.interruption import Interruption
from training.system.worker_pool import PicturePool

_SAVE_SECONDS = 30


class PairMaking:
    """One run of the command: its photos and its folder. Raises UserError for unusable options."""

    def __init__(self, options: CartoonizeOptions):
        self._options, self._drawing = options, Drawing.from_options(options)
        src, root = options.src, Path(options.out)
        self.source = open_source(src, "SRC") if src else bundled_photographs()
        if not src:
            print("no SRC: the bundled photographs are taken")
        elif root.resolve().is_relative_to(Path(src).resolve()):
            raise UserError(f"--out {one_line(root)}: is inside SRC; name a folder elsewhere")
        self.folder = PairFolder(root, options.layout)
        drawing = asdict(self._drawing) | {"strengths": dict(self._drawing.strengths)}
        self._settings = {"source": _identity(src), "layout": options.layout, **drawing}
        # A list file may name a photo twice.
        self._indices = {name: index for index, name in enumerate(self.source.names)}
        self.photos: dict[str, Photo] = {}
        self.num_drawn = 0

    def resume(self) -> None:
        """Takes over what an earlier run measured, and removes pairs that would differ now. Raises
        UserError where it had other options, without --redo.
        """
        record, root = pair_folder.read_record(self.folder.root), self.folder.root
        known = record.photos if record else {}
        if record and self._options.redo:
            before = PairFolder(root, record.options["layout"])
            before.remove(photo.output for photo in known.values())
            known = {}
        elif record:
            record.refuse_others(root, self._settings)
        for name, output in pair_folder.output_names(self._indices).items():
            file = self.source.open(self._indices[name]) if self.source.in_files else None
            new = self.photos[name] = Photo(output, _stamp(file))
            old = known.get(name)
            if old and (new.output, new.stamp) == (old.output, old.stamp):
                new.features = known.pop(name).features
        self.folder.remove(photo.output for photo in known.values())
        self.save()

    def examine(self, pool: PicturePool) -> None:
        """Measures every photo that is not measured yet."""
        names = [name for name, photo in self.photos.items() if photo.features is None]
        saved = time.monotonic()
        for name, result in pool.results(_measure, self._jobs(names), "examining", len(names)):
            if isinstance(result, Features):
                self.photos[name].features = result
            else:
                self.photos[name].judge(result)
            if time.monotonic() - saved > _SAVE_SECONDS:
                self.save()
                saved = time.monotonic()

    def judge(self) -> None:
        """Decides on every photo from the features alone, and removes pairs that are dropped now."""
        options = self._options
        limits = Limits(options.min_size, options.min_chroma, options.min_face_ratio)
        features = {name: photo.features for name, photo in self.photos.items() if photo.features}
        dropped = drop_reasons(features, limits, options.duplicate_bits)
        for name in features:
            self.photos[name].judge(dropped.get(name))
        self.folder.remove(photo.output for photo in self.photos.values() if photo.result != KEPT)
        self.save()

    def draw(self, pool: PicturePool) -> None:
        """Draws the missing pairs."""
        kept = [name for name, photo in self.photos.items() if photo.result == KEPT]
        names = [name for name in kept if not self.folder.has(self.photos[name].output)]
        function = partial(_draw, self.folder, self._drawing)
        for name, dropped in pool.results(function, self._jobs(names), "drawing", len(names)):
            self.photos[name].judge(dropped)
            self.num_drawn += dropped is None

    def finish(self) -> None:
        """Draws the contact sheet and marks the record as finished."""
        kept = [photo.output for photo in self.photos.values() if photo.result == KEPT]
        (self.folder.root / pair_folder.SHEET).unlink(missing_ok=True)
        if kept:
            self.folder.write_sheet(kept)
        self.save(finished=True)

    def save(self, finished: bool = False) -> None:
        self.folder.write_record(self._settings, self.photos, finished)

    def _jobs(self, names: list[str]) -> Iterator[tuple[str, tuple]]:
        missing = set(names)
        # In the source's order, without gaps: a TensorFlow dataset is read from front to back.
        for name, photo in self.photos.items() if names else ():
            file = self.source.open(self._indices[name])
            if name in missing:
                yield name, (file if isinstance(file, Path) else file.read(), photo.output)


def make_pairs(options: CartoonizeOptions) -> int | None:
    """Makes the pairs of all photos; returns None, or 130 or 143 when it was interrupted. Raises
    UserError for unusable options, source or folder, or where no photo is left.
    """
    making = PairMaking(options)
    with Interruption() as interruption, making.folder.locked():
        _run(making, options.workers, lambda: interruption.signal is not None)
    if interruption.signal is not None:
        say(f"interrupted; {making.num_drawn} pairs were drawn; the same command resumes from here")
        return interruption.exit_status
    root = making.folder.root
    photos = {name: photo.to_json() for name, photo in making.photos.items()}
    if not pair_folder.print_summary(photos)[KEPT]:
        src, reasons = making.source.description, one_line(root / pair_folder.RECORD)
        raise UserError(f"SRC {one_line(src)}: no photo is left; {reasons} has the reason for each")
    print(f"{making.num_drawn} drawn now, the others were there")
    parts, sheet = map(one_line, making.folder.parts), one_line(root / pair_folder.SHEET)
    print(f"pairs: {' and '.join(parts)}; look at {sheet}")
    return None


def _run(making: PairMaking, workers: int | None, stopped: Callable[[], bool]) -> None:
    making.resume()
    with PicturePool(workers, stopped) as pool:
        try:
            making.examine(pool)
            if not stopped():
                making.judge()
                making.draw(pool)
        finally:
            making.save()
    if not stopped():
        making.finish()


def _identity(src: str | None) -> str:
    if src is None or src.startswith("tfds:"):
        return src or "bundled photographs"
    return str(Path(src).resolve())


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
