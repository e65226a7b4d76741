"""What export.stylize does: photo files through a network, one after the other."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from export.photos.photo_files import photo_size, read_photo, write_photo
from export.photos.translator import MAX_ENLARGEMENT, Translator
from tf_i2i.data.image_files import TRANSPARENCY
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import require_writable, write_errors

# Pixels above which a photo being decoded or encoded (7 bytes per pixel) and the networks don't fit
# into memory together.
_LARGE = 40_000_000
_QUALITY = 92


class CannotWrite(UserError):
    """No result can be written: the next photo would only end the same way, later."""


def stylize(
    model: str,
    photos: Sequence[str],
    out: Path,
    *,
    working_size: int | None,
    brush: float,
    tile: int | None,
    strength: float,
    quality: int | None,
    threads: int,
) -> None:
    """Translates photos, and those in folders, into files in `out`; one that can't be used is
    named and left out. Arguments as in export.stylize.

    Raises:
        UserError: the model can't be used, or none of the photos.
        CannotWrite: results can't be written.
    """
    for folder in (Path(photo).resolve() for photo in photos):
        if folder.is_dir() and out.resolve().is_relative_to(folder):
            inside = "is inside PHOTO, whose results would be translated the next time"
            raise UserError(f"--out {one_line(out)}: {inside}; name a folder elsewhere")
    pairs = _find_photos(photos)
    if quality is not None and all(name.suffix.lower() == ".png" for _, name in pairs):
        raise UserError("--quality has no effect on PNG files; leave it out")
    sources = {source.resolve() for source, _ in pairs}
    for _, name in pairs:
        if (out / name).resolve() in sources:
            raise UserError(f"--out {one_line(out)}: {one_line(name)} would overwrite a photo")
    translator = Translator(model, tile, threads)
    size = working_size or translator.recorded_working_size
    translator.working_size = _working_size(one_line(model), size, brush)
    is_given = working_size is not None or brush != 1
    require_writable(out, f"--out {one_line(out)}")
    done = 0
    for source, name in tqdm(pairs, "photos", unit="photo", disable=len(pairs) < 2 or None):
        try:
            how = translator, strength, quality or _QUALITY
            longest = _stylize_photo(source, out / name, *how)
            if is_given and MAX_ENLARGEMENT * longest < translator.working_size:
                own = (
                    f"too small for {translator.working_size} pixels, so translated at its own size"
                )
                tqdm.write(f"{one_line(source)}: {own}")
            done += 1
        except CannotWrite:
            raise
        except UserError as error:
            tqdm.write(f"warning: {error}", file=sys.stderr)
    if not done:
        raise UserError(f"none of {len(pairs)} photos could be translated; see the warnings above")
    print(f"{done} of {len(pairs)} photos are in {one_line(out)}")


def _working_size(model: str, size: int | None, brush: float) -> int | None:
    """Long side in pixels at which photos are translated; None: each at its own size.

    size: as given, or else as recorded in the model, unchecked. Raises UserError: it is no number
    of pixels, or there is none that --brush could be a factor on.
    """
    fix = "export it again, or use --working-size PX"
    if size is None:
        if brush != 1:
            raise UserError(f"--brush {brush:g}: {model} has no working size on record; {fix}")
        own = "photos are translated at their own size"
        print(f"{model}: has no working size on record, so {own}; {fix}")
        return None
    if type(size) is not int or size < 1:
        raise UserError(f"{model}: its working_size_px is not a number of pixels; {fix}")
    return max(1, round(size / brush))


def _stylize_photo(
    source: Path, target: Path, translator: Translator, strength: float, quality: int
) -> int:
    """Returns the photo's longer side."""
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
    for what in photo.left_out:
        if what != TRANSPARENCY or target.suffix.lower() != ".png":
            tqdm.write(f"warning: {one_line(source)}: has {what}", file=sys.stderr)
    translator.translate(photo.pixels, one_line(source), strength)
    if photo.pixels.size > 3 * _LARGE:
        translator.release()
    with write_errors(one_line(target), CannotWrite):
        write_photo(target, photo, quality)
    return max(photo.pixels.shape)


def _find_photos(photos: Sequence[str]) -> list[tuple[Path, Path]]:
    """(photo, name of its result below --out) for each photo named or in a named folder."""
    pairs, taken = [], set()
    for photo in photos:
        path = Path(photo)
        is_folder = path.is_dir()
        folder = path if is_folder else path.parent
        for name in open_source(photo, "PHOTO").names if is_folder else [path.name]:
            suffix = Path(name).suffix
            suffix = suffix if suffix.lower() in (".png", ".jpg", ".jpeg") else ".jpg"
            target, number = Path(name).with_suffix(suffix), 2
            # a.webp and a.jpg, or 1.jpg of two folders, would overwrite each other.
            while target in taken:
                target = target.with_name(f"{Path(name).stem}-{number}{suffix}")
                number += 1
            taken.add(target)
            pairs.append((folder / name, target))
    return pairs
