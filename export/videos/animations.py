"""Animated GIF and WebP pictures through a network, frame by frame."""

import itertools
import math
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from export.videos.frame_pipeline import OpenTranslators, Translate, translated
from tf_i2i.data.image_files import AnimationFrame, UnreadableImage, read_frames
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing


def stylize_animation(
    source: Path,
    target: Path,
    open_translators: OpenTranslators,
    *,
    quality: int,
    start: float = 0.0,
    end: float = math.inf,
) -> int:
    """Translates the frames that show from `start` to `end` (seconds) into a file of the same kind,
    GIF or WebP; returns their longer side in pixels. Of GIF, Pillow holds a byte per pixel of all
    frames until it has the last one, of WebP the file.

    quality: of WebP, 1..100. Raises UnreadableImage, or UserError where no frame is left; OSError
    when the result can't be written.
    """
    chosen, seconds, shape = _durations(source, start, end)
    with Image.open(source) as image:
        kept = {name: image.info[name] for name in ("loop", "exif") if name in image.info}
    # No frame after them is read: it may be the damaged one.
    frames = itertools.islice(read_frames(source), chosen.start, chosen.stop)

    def work(frame: AnimationFrame, translate: Translate) -> Image.Image:
        translate(frame.pixels)
        # As GIF has it: a pixel that shows or does not.
        alpha = frame.alpha
        if alpha is None:
            alpha = np.full(shape, 255, np.uint8)
        return Image.fromarray(np.dstack([frame.pixels, alpha]))

    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(translated(frames, work, open_translators(*shape))) as pictures,
        replacing(target, suffix=target.suffix) as partial,
    ):
        bar = tqdm(pictures, one_line(source), len(chosen), unit="frame", leave=False, disable=None)
        milliseconds = [round(1000 * duration) for duration in seconds]
        options = {"duration": milliseconds, "quality": quality, "method": 4, **kept}
        _streamed(iter(bar), len(chosen)).save(partial, save_all=True, **options)
    return max(shape)


def _durations(
    source: Path, start: float, end: float
) -> tuple[range, list[float], tuple[int, int]]:
    """Which frames show from `start` to `end`, for how long each, and their height and width."""
    time, places, seconds, shape = 0.0, [], [], (0, 0)
    try:
        for place, frame in enumerate(read_frames(source)):
            first, time = time, time + frame.seconds
            shape = frame.pixels.shape[:2]
            if start <= first < end:
                places.append(place)
                seconds.append(frame.seconds)
    except UnreadableImage as error:
        if not places:
            raise
        cut = f"damaged or cut off ({error.reason}); {len(places)} frames were translated"
        tqdm.write(f"warning: {one_line(source)}: {cut}", file=sys.stderr)
    if not places:
        long = f"it has {time:g} seconds"
        raise UserError(f"{one_line(source)}: nothing is left from --start {start:g} on; {long}")
    return range(places[0], places[-1] + 1), seconds, shape


def _streamed(pictures: Iterator[Image.Image], count: int) -> Image.Image:
    """A picture that Pillow writes as an animation without a list of all its frames: each is there
    only after `seek`.
    """
    picture, place = next(pictures), 0

    def seek(frame: int) -> None:
        nonlocal place
        if frame >= count:
            raise EOFError
        if frame > place:
            picture.paste(next(pictures))
            place = frame

    picture.seek, picture.n_frames, picture.is_animated = seek, count, True
    return picture
