"""A video through a network, frame by frame."""

import math
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from export.videos.clip_reader import Clip
from export.videos.clip_writer import ClipWriter, writing
from export.videos.frame_pipeline import OpenTranslators, Translate, translated
from tf_i2i.errors import one_line
from tf_i2i.files import replacing


def stylize_clip(
    source: Path,
    target: Path,
    open_translators: OpenTranslators,
    *,
    crf: int,
    start: float = 0.0,
    end: float = math.inf,
) -> int:
    """Translates the frames from `start` to `end` (seconds); returns their longer side in pixels.

    Raises UnreadableClip (a UserError); OSError when the result can't be written.
    """
    with closing(Clip(source, start, end)) as clip:
        for what in clip.notes:
            tqdm.write(f"warning: {one_line(source)}: has {what}", file=sys.stderr)
        translators = open_translators(clip.height, clip.width)
        target.parent.mkdir(parents=True, exist_ok=True)
        with writing(clip), replacing(target, suffix=target.suffix) as partial:
            count = _translate(clip, partial, translators, crf)
    if clip.ends_early:
        reason = f"damaged or cut off ({one_line(clip.ends_early)}); {count} frames were translated"
        tqdm.write(f"warning: {one_line(source)}: {reason}", file=sys.stderr)
    return max(clip.height, clip.width)


def _translate(clip: Clip, path: Path, translators: Sequence[Translate], crf: int) -> int:
    writer, count = ClipWriter(path, clip, crf, len(translators)), 0

    def work(frame, translate: Translate):
        pixels = clip.pixels(frame)
        translate(pixels)
        return writer.encodable(pixels, frame)

    with (
        closing(writer),
        closing(translated(clip.frames(writer.write_sound), work, translators)) as frames,
    ):
        name, total = one_line(clip.path), clip.num_frames
        for frame in tqdm(frames, name, total, unit="frame", leave=False, disable=None):
            writer.write(frame)
            count += 1
        writer.finish()
    return count
