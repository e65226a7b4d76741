"""What export.stylize does: photos and videos through a network, one after the other."""

import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from export.photos.photo_files import photo_size, read_photo, write_photo
from export.photos.translator import MAX_ENLARGEMENT, Translator
from export.videos import CLIP_SUFFIXES
from export.videos.animations import stylize_animation
from export.videos.frame_pipeline import OpenTranslators, Translate
from tf_i2i.data.image_files import TRANSPARENCY, is_animated
from tf_i2i.data.sources import SUFFIXES, open_source
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import require_writable, write_errors
from training.system.machine import usable_cores

# Pixels above which a photo being decoded or encoded (7 bytes per pixel) and the networks don't fit
# into memory together.
_LARGE = 40_000_000
# Of JPEG and WebP, and of H.264.
_QUALITY, _CRF = 92, 18
_PHOTO_THREADS = 2
_PHOTO, _ANIMATION, _CLIP = "photo", "animation", "clip"


class CannotWrite(UserError):
    """No result can be written: the next photo would only end the same way, later."""


def stylize(
    model: str,
    photos: Sequence[str],
    out: Path,
    *,
    working_size: int | None,
    brush: float,
    strokes: bool | None,
    tile: int | None,
    strength: float,
    quality: int | None,
    crf: int | None,
    start: float | None,
    end: float | None,
    threads: int | None,
) -> None:
    """Translates photos and videos, and those in folders, into files in `out`; one that can't be
    used is named and left out. Arguments as in export.stylize.

    Raises:
        UserError: the model can't be used, or none of the files.
        CannotWrite: results can't be written.
    """
    for folder in (Path(photo).resolve() for photo in photos):
        if folder.is_dir() and out.resolve().is_relative_to(folder):
            inside = "is inside PHOTO, whose results would be translated the next time"
            raise UserError(f"--out {one_line(out)}: {inside}; name a folder elsewhere")
    found = _find_files(photos)
    _require_effects(found, quality, crf, start, end)
    sources = {source.resolve() for source, _, _ in found}
    for _, name, _ in found:
        if (out / name).resolve() in sources:
            raise UserError(f"--out {one_line(out)}: {one_line(name)} would overwrite a photo")
    with ThreadPoolExecutor(1) as pool:
        # The model runs in a child process first: time to decode a photo.
        source, _, kind = found[0]
        is_read_ahead = kind == _PHOTO and _is_small(photo_size(source))
        reading = pool.submit(read_photo, source) if is_read_ahead else None
        translator = Translator(model, tile, threads or _PHOTO_THREADS)
    size = working_size or translator.recorded_working_size
    translator.working_size = _working_size(one_line(model), size, brush)
    is_given = working_size is not None or brush != 1
    require_writable(out, f"--out {one_line(out)}")
    what, done = "photos" if {kind for *_, kind in found} == {_PHOTO} else "files", 0
    part = {"start": start or 0.0, "end": end or math.inf}
    workers = threads or usable_cores()
    for source, name, kind in tqdm(found, what, unit="file", disable=len(found) < 2 or None):
        try:
            if kind == _PHOTO:
                translator.has_brushstrokes = translator.paints if strokes is None else strokes
                how = translator, strength, quality or _QUALITY, reading
                reading = None
                longest = _stylize_photo(source, out / name, *how)
            else:
                translator.has_brushstrokes = bool(strokes)
                with (
                    write_errors(one_line(out / name), CannotWrite),
                    _frame_translators(translator, workers, strength, source) as translators,
                ):
                    if kind == _CLIP:
                        from export.videos.stylize_clip import stylize_clip

                        how = {"crf": _CRF if crf is None else crf, **part}
                        longest = stylize_clip(source, out / name, translators, **how)
                    else:
                        how = {"quality": quality or _QUALITY, **part}
                        longest = stylize_animation(source, out / name, translators, **how)
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
        raise UserError(f"none of {len(found)} {what} could be translated; see the warnings above")
    print(f"{done} of {len(found)} {what} are in {one_line(out)}")


def _require_effects(
    found: Sequence[tuple[Path, Path, str]],
    quality: int | None,
    crf: int | None,
    start: float | None,
    end: float | None,
) -> None:
    """Raises UserError where an option that is given is for none of the files."""
    suffixes = {name.suffix.lower() for _, name, _ in found}
    if quality is not None and suffixes.isdisjoint((".jpg", ".jpeg", ".webp")):
        kinds = " and ".join(sorted(suffix[1:].upper() for suffix in suffixes))
        raise UserError(f"--quality has no effect on {kinds} files; leave it out")
    kinds = {kind for *_, kind in found}
    if crf is not None and _CLIP not in kinds:
        raise UserError("--crf has no effect without a video; leave it out")
    for flag, value in (("--start", start), ("--end", end)):
        if value is not None and kinds == {_PHOTO}:
            raise UserError(f"{flag} has no effect without a video or animation; leave it out")
    if end is not None and end <= (start or 0):
        raise UserError(f"--end {end:g}: nothing is left between --start {start or 0:g} and it")


@contextmanager
def _frame_translators(
    translator: Translator, workers: int, strength: float, source: Path
) -> Iterator[OpenTranslators]:
    copies, name = translator.single_threaded(workers), one_line(source)

    def open_translators(height: int, width: int) -> list[Translate]:
        for one in copies:
            one.prepare(height, width)
        return [lambda frame, one=one: one.translate(frame, name, strength) for one in copies]

    try:
        yield open_translators
    finally:
        for one in copies:
            one.release()


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


def _is_small(size: tuple[int, int] | None) -> bool:
    return size is not None and size[0] * size[1] <= _LARGE


def _stylize_photo(
    source: Path,
    target: Path,
    translator: Translator,
    strength: float,
    quality: int,
    reading: Future | None,
) -> int:
    """Returns the photo's longer side. reading: of this photo, where it has begun."""
    size = photo_size(source)
    if _is_small(size):
        # To build networks takes as long as to decode the photo, and either keeps one core busy.
        with ThreadPoolExecutor(1) as pool:
            reading = reading or pool.submit(read_photo, source)
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


def _find_files(files: Sequence[str]) -> list[tuple[Path, Path, str]]:
    """(source, name of its result below --out, kind) for each file named or in a named folder."""
    found, taken = [], set()
    for file in files:
        path = Path(file)
        is_folder = path.is_dir()
        folder = path if is_folder else path.parent
        names = [path.name]
        if is_folder:
            names = open_source(file, "PHOTO", suffixes=SUFFIXES + CLIP_SUFFIXES).names
        for name in names:
            kind, suffix = _kind_and_suffix(folder / name)
            target, number = Path(name).with_suffix(suffix), 2
            # a.webp and a.jpg, or 1.jpg of two folders, would overwrite each other.
            while target in taken:
                target = target.with_name(f"{Path(name).stem}-{number}{suffix}")
                number += 1
            taken.add(target)
            found.append((folder / name, target, kind))
    return found


def _kind_and_suffix(source: Path) -> tuple[str, str]:
    suffix = source.suffix.lower()
    if suffix in CLIP_SUFFIXES:
        from export.videos.clip_reader import result_suffix

        return _CLIP, result_suffix(source)
    if suffix in (".gif", ".webp") and is_animated(source):
        return _ANIMATION, suffix
    return _PHOTO, source.suffix if suffix in (".png", ".jpg", ".jpeg") else ".jpg"
