"""Held-out photos for benchmarks.styles, and the scores of their translations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.image_cache import load_images
from tf_i2i.data.image_files import picture_size, read_image, resize_short_side, write_png
from tf_i2i.data.pixels import centre_square, resize_square, spread
from tf_i2i.data.sources import SUFFIXES, open_source
from tf_i2i.data.splits import VAL, SplitSizes, draw_splits
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import safe_part
from tf_i2i.metrics.fid_kid import MIN_PICTURES
from tf_i2i.metrics.style_metrics import detail, gap_closed, structure

_HELD_OUT, _TEST_SIDE, _JUDGED_SIDE = 0.1, 512, 256
_SHEET_ROWS, _SHEET_SIDE, _MAX_LABEL = 6, 192, 26


def split_photos(src: str, out: Path) -> list[Path]:
    """Link photos to train on into OUT/photos, and write the others as plain PNG into OUT/test:
    upright, at most 512 pixels. Returns these. Equal pictures are on one side.
    """
    if not Path(src).is_dir():
        raise UserError(f"--photos {one_line(src)}: no such folder; name one of photos")
    source = open_source(src, "--photos")
    count = len(source)
    if count < 2 * MIN_PICTURES:
        raise UserError(f"--photos {one_line(src)}: {count} photos, {2 * MIN_PICTURES} are needed")
    share = max(_HELD_OUT, MIN_PICTURES / count)
    sums = [source.sha256(i) for i in range(count)]
    sizes = SplitSizes(1 - share, share, 0, exact=False)
    (splits,) = draw_splits([[[sha256] for sha256 in sums]], sizes, 0, ["--photos"])
    files: dict[Path, Path] = {}
    for name, sha256, split, i in zip(source.names, sums, splits, range(count), strict=True):
        # By content as well, so that another call with other photos is noticed.
        stem, suffix = f"{safe_part(Path(name).stem)}-{sha256[:8]}", Path(name).suffix
        file = out / "test" / f"{stem}.png" if split == VAL else out / "photos" / f"{stem}{suffix}"
        files[file] = source.open(i).resolve()
    for folder in (out / "photos", out / "test"):
        folder.mkdir(exist_ok=True)
        if strange := {file for file in folder.glob("[!.]*") if file not in files}:
            problem = f"{one_line(min(strange))} is not of --photos {one_line(src)}"
            raise UserError(f"--out: {problem}; name another folder for other photos")
    for file, original in files.items():
        if file.parent.name == "photos" and not file.is_symlink():
            file.symlink_to(original)
        elif not file.exists():
            write_png(file, read_image(original, _TEST_SIDE))
    return sorted(file for file in files if file.parent.name == "test")


class Judge:
    """Scores translations of the photos `test` against the paintings of their style.

    Raises UserError: too few paintings, or ones that `features` can't tell from the photos.
    """

    def __init__(self, features: Callable, test: Sequence[Path], styles: dict[str, Path]):
        self._features, self._test = features, test
        self._photos = [square(read_image(file)) for file in test]
        self._before, self._paintings = features(self._photos), {}
        for name, folder in styles.items():
            option = f"--style {one_line(folder)}"
            source = open_source(str(folder), "--style")
            cache = load_images(source, _JUDGED_SIDE, option=option, warn=say, minimum=MIN_PICTURES)
            pictures = (square(cache.image(i)) for i in range(len(cache)))
            bar = tqdm(pictures, f"paintings of {name}", len(cache), delay=2, leave=False)
            self._paintings[name] = np.concatenate([features([picture]) for picture in bar])
            try:
                gap_closed(self._before, self._before, self._paintings[name])
            except ValueError as error:
                raise UserError(f"{option}: {error}; try others, or other --features") from error

    def facts(self) -> dict:
        """By what it judges."""
        paintings = {name: len(features) for name, features in self._paintings.items()}
        test = [file.name for file in self._test]
        return {"features": self._features.name, "test": test, "paintings": paintings}

    def examples(self, folders: dict[str, Path]) -> dict[str, np.ndarray]:
        """Columns of a sheet: some photos, and their translations in each folder."""
        places = spread(len(self._test), _SHEET_ROWS)
        columns = {"photo": [self._photos[i] for i in places]}
        for name, folder in folders.items():
            columns[name] = translations(folder / "out", [self._test[i] for i in places])
        return {
            name[-_MAX_LABEL:]: np.stack([resize_square(image, _SHEET_SIDE) for image in column])
            for name, column in columns.items()
        }

    def scores(self, style: str, folder: Path) -> dict[str, float]:
        """Of the translations in a folder: gap_closed and gap_error in percent; structure, detail."""
        outputs = translations(folder, self._test)
        gap = gap_closed(self._features(outputs), self._before, self._paintings[style])
        pairs = list(zip(self._photos, outputs, strict=True))
        means = {
            score.__name__: np.mean([score(*p) for p in pairs]) for score in (structure, detail)
        }
        found = {"gap_closed": gap.closed, "gap_error": gap.error, **means}
        return {name: round(float(value), 4) for name, value in found.items()}


def translations(folder: Path, test: Sequence[Path]) -> list[np.ndarray]:
    """The translation of each photo as uint8 [256, 256, 3]. UserError: one is missing."""
    files = {file.stem: file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES}
    squares = []
    for photo in test:
        if photo.stem not in files:
            raise UserError(f"no translation of {photo.name} is in {folder}")
        image, size = read_image(files[photo.stem]), picture_size(photo)
        # Some trainers squeeze all pictures into squares.
        stretched = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
        squares.append(square(np.asarray(stretched)))
    return squares


def square(image: np.ndarray) -> np.ndarray:
    return centre_square(resize_short_side(image, _JUDGED_SIDE), _JUDGED_SIDE)
