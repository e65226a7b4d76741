"""Translates photos of any size with an exported network.

python -m export.stylize MODEL.tflite PHOTO... --out DIR
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from training.options import option, parse, run_command

_EPILOG = """\
A photo is cut into tiles that overlap by what the network sees around a pixel, so that no seam shows. Results keep
their names: PNG stays PNG, everything else becomes JPEG with the photo's EXIF data. A photo that can't be used is
named and left out; when none could be used the exit status is 2."""


@dataclass(frozen=True)
class StylizeOptions:
    model: str = option(
        dataclasses.MISSING, "file that export.tflite wrote", group="what", metavar="MODEL.tflite", positional=True
    )
    photos: tuple[str, ...] = option(dataclasses.MISSING, "pictures, or folders of them (searched recursively)", group="what",
                                     metavar="PHOTO", positional=True)  # fmt: skip
    out: str | None = option(None, "folder for the results (needed)", group="what", metavar="DIR")
    tile: int = option(
        256, "side of the tiles that a photo is cut into", group="how", unit="pixels", minimum=16, maximum=8192
    )
    strength: float = option(1.0, "blends photo (0) and translation (1)", group="how", minimum=0, maximum=1)
    quality: int = option(92, "of JPEG results", group="how", minimum=1, maximum=95)
    threads: int = option(2, "of the CPU", group="how", minimum=1, maximum=256)


def main(argv: list[str] | None = None) -> int:
    options = parse(
        StylizeOptions, argv, prog="python -m export.stylize", description=__doc__.splitlines()[0], epilog=_EPILOG
    )
    if options.out is None:
        raise UserError("--out is missing: name the folder for the results")
    photos = _find_photos(options.photos)
    out = Path(options.out)
    _refuse_overwriting(photos, out)
    from export.translator import load_translator

    translate = load_translator(options.model, options.tile, options.threads)
    done = 0
    for path, name in photos:
        try:
            stylize_photo(path, out / name, translate, options)
            done += 1
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr, flush=True)
    if not done:
        raise UserError(f"none of {len(photos)} photos could be translated; see the warnings above")
    print(f"{done} of {len(photos)} photos are in {one_line(out)}")
    return 0


def stylize_photo(source: Path, target: Path, translate: Callable, options: StylizeOptions) -> None:
    """Translates one photo file and writes it to `target` (PNG or JPEG by its suffix).

    Raises:
        UserError: the photo can't be read, is unfit for the network, or the result can't be written.
    """
    from export.photo_files import read_photo, write_photo

    photo = read_photo(source)
    result = translate(photo.pixels, one_line(source))
    _blend(result, photo.pixels, options.strength)
    try:
        write_photo(target, result, photo, options.quality)
    except OSError as error:
        raise UserError(f"{one_line(target)}: can't be written ({error.strerror or error})") from error


def _blend(result, photo, strength: float) -> None:
    """Mixes `photo` into `result` in place, a few rows at a time: as floats a whole photo takes four times its memory."""
    import numpy as np

    if strength == 1:
        return
    for top in range(0, len(photo), 64):
        rows = slice(top, top + 64)
        base = photo[rows].astype(np.float32)
        result[rows] = np.rint(base + np.float32(strength) * (result[rows] - base))


def _find_photos(named: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """(photo, name of its result below --out) for each photo named or found in a named folder."""
    from tf_i2i.sources import open_source

    found: list[tuple[Path, Path]] = []
    for one in named:
        path = Path(one)
        names = open_source(one, "PHOTO").names if path.is_dir() else [path.name]
        folder = path if path.is_dir() else path.parent
        found += [(folder / name, Path(name)) for name in names]
    taken: set[Path] = set()
    pairs = []
    for source, name in found:
        suffix = name.suffix if name.suffix.lower() in (".png", ".jpg", ".jpeg") else ".jpg"
        target, number = name.with_suffix(suffix), 2
        # a.webp and a.jpg, or two folders' 1.jpg, would else overwrite each other.
        while target in taken:
            target, number = name.with_name(f"{name.stem}-{number}{suffix}"), number + 1
        taken.add(target)
        pairs.append((source, target))
    return pairs


def _refuse_overwriting(photos: list[tuple[Path, Path]], out: Path) -> None:
    sources = {source.resolve() for source, _ in photos}
    for _, name in photos:
        if (out / name).resolve() in sources:
            raise UserError(f"--out {one_line(out)}: {one_line(name)} would overwrite a photo; name another folder")


if __name__ == "__main__":
    run_command(main)
