"""Translates photos of any size with an exported network.

python -m export.stylize MODEL.tflite PHOTO... --out DIR
"""

from __future__ import annotations

import dataclasses
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError, one_line

_EPILOG = """\
A photo is cut into tiles that overlap by what the network sees around a pixel, so that no seam shows. Results keep
their names: PNG stays PNG, everything else becomes JPEG, both with the photo's EXIF data and, where it had a colour
profile, sRGB's. A photo that can't be used is named and left out; when none can be used the exit status is 2."""

# Pixels above which a photo being decoded or encoded (7 bytes a pixel) and the networks' memory
# don't stand side by side.
_LARGE = 40_000_000


@dataclass(frozen=True)
class StylizeOptions:
    model: str = option(
        dataclasses.MISSING,
        "file that export.tflite wrote",
        group="what",
        metavar="MODEL.tflite",
        positional=True,
    )
    photos: tuple[str, ...] = option(
        dataclasses.MISSING,
        "pictures, or folders of them (searched recursively)",
        group="what",
        metavar="PHOTO",
        positional=True,
    )
    out: str | None = option(None, "folder for the results (needed)", group="what", metavar="DIR")
    tile: int | None = option(
        None,
        "largest side of the tiles that a photo is cut into; without it: what is fast and keeps the command under "
        "1 GB",
        group="how",
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    strength: float = option(
        1.0, "blends photo (0) and translation (1)", group="how", minimum=0, maximum=1
    )
    quality: int = option(92, "of JPEG results", group="how", minimum=1, maximum=95)
    threads: int = option(2, "of the CPU", group="how", minimum=1, maximum=256)


def main(argv: list[str] | None = None) -> int:
    options = parse(
        StylizeOptions,
        argv,
        prog="python -m export.stylize",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    if options.out is None:
        raise UserError("--out is missing: name the folder for the results")
    photos = _find_photos(options.photos)
    out = Path(options.out)
    _refuse_overwriting(photos, out)
    from tqdm import tqdm

    from export.photos.translator import load_translator

    translator = load_translator(options.model, options.tile, options.threads)
    _check_writable(out)
    done = 0
    for path, name in tqdm(photos, "photos", unit="photo", disable=len(photos) < 2 or None):
        try:
            stylize_photo(path, out / name, translator, options)
            done += 1
        except CannotWrite:
            raise
        except UserError as error:
            tqdm.write(f"warning: {error}", file=sys.stderr)
    if not done:
        raise UserError(f"none of {len(photos)} photos could be translated; see the warnings above")
    print(f"{done} of {len(photos)} photos are in {one_line(out)}")
    return 0


class CannotWrite(UserError):
    """No result can be written: the next photo would only end the same way, later."""


def stylize_photo(source: Path, target: Path, translator, options: StylizeOptions) -> None:
    """Translates one photo file and writes it to `target` (PNG or JPEG by its suffix).

    Raises:
        UserError: the photo can't be read or is unfit for the network.
        CannotWrite: the result can't be written; nothing is left of it.
    """
    from export.photos.photo_files import photo_size, read_photo, write_photo

    size = photo_size(source)
    if size and size[0] * size[1] <= _LARGE:
        # To build networks takes as long as to decode the photo, and either keeps one core busy.
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read_photo, source)
            translator.prepare(*size)
            photo = reading.result()
    else:
        translator.release()
        photo = read_photo(source)
    translator.translate(photo.pixels, one_line(source), options.strength)
    if photo.pixels.size > 3 * _LARGE:
        translator.release()
    try:
        write_photo(target, photo.pixels, photo, options.quality)
    except OSError as error:
        raise CannotWrite(
            f"{one_line(target)}: can't be written ({error.strerror or error}); "
            "free some space there or name another --out"
        ) from error


def _check_writable(out: Path) -> None:
    """Before the work rather than after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise CannotWrite(
            f"--out {one_line(out)}: can't be written ({error.strerror}); name another folder"
        ) from error


def _find_photos(named: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """(photo, name of its result below --out) for each photo named or found in a named folder."""
    from tf_i2i.data.sources import open_source

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
            raise UserError(
                f"--out {one_line(out)}: {one_line(name)} would overwrite a photo; name another folder"
            )


if __name__ == "__main__":
    # As an exception, so that no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
