"""Translates photos and videos of any size with an exported network.

python -m export.stylize --run RUN PHOTO_OR_VIDEO... --out DIR
python -m export.stylize MODEL.tflite PHOTO_OR_VIDEO... --out DIR
"""

import dataclasses
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError, one_line

_what, _how = map(option_group, ("what", "how"))
_video = option_group("videos and animations")

_EPILOG = """\
A photo is reduced to the working size, translated there, and brought back to its own size with its own sharp edges. One
that is smaller by up to a third is enlarged for that; smaller ones are translated as they are. Tiles overlap by what the
network sees around a pixel, so that no seam shows. Results keep their names: PNG stays PNG, everything else becomes JPEG, both
with the photo's EXIF data and, where it had a colour profile, sRGB's. Videos become H.264 in MP4 (in Matroska where MP4 has
no place for their sound) with the same sound and frame times; that needs PyAV: pip install av. Animated GIF and WebP stay
what they are. A file that can't be used is named and left out; when none can be used the exit status is 2."""


@dataclass(frozen=True)
class StylizeOptions:
    files: tuple[str, ...] = _what(
        dataclasses.MISSING,
        "pictures or videos, or folders of them (searched recursively); without --run after a file that "
        "export.tflite wrote",
        metavar="FILE",
        positional=True,
    )
    run: str | None = _what(
        None, "the run whose exported file translates: int8, or else the best", metavar="RUN"
    )
    direction: str | None = _what(
        None, "of --run; default ab, or the one that was exported", choices=("ab", "ba")
    )
    out: str | None = _what(None, "folder for the results (needed)", metavar="DIR")
    working_size: int | None = _how(
        None,
        "long side at which photos are translated: half of it doubles the strokes; default: as in "
        "training, by the model's record",
        metavar="PX",
        unit="pixels",
        minimum=16,
    )
    brush: float = _how(
        1.0,
        "factor on the size of strokes, from 0.5 to 4: 2 makes them twice as large",
        metavar="FACTOR",
        minimum=0.5,
        maximum=4,
    )
    strokes: bool | None = _how(
        None,
        "paints brushstrokes out on photos that are not of the working size: broad ones first, fine ones "
        "where there is detail, with edges; otherwise they are enlarged as they are; default: on for the photos of a model that paints, by its record",
    )
    tile: int | None = _how(
        None,
        "largest side of the tiles that the photo at its working size is cut into; default: what is fast in 1 GB of memory",
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    strength: float = _how(1.0, "blends photo (0) and translation (1)", minimum=0, maximum=1)
    quality: int | None = _how(
        None, "of JPEG results and animated WebP; default 92", minimum=1, maximum=95
    )
    threads: int | None = _how(
        None, "of the CPU; default 2, for videos all cores", minimum=1, maximum=256
    )
    start: float | None = _video(None, "where to begin", metavar="T", unit="seconds", minimum=0)
    end: float | None = _video(None, "where to stop", metavar="T", unit="seconds", minimum=0)
    crf: int | None = _video(
        None,
        "quality of H.264, x264's constant rate factor: 0 is best, 51 smallest; default 18",
        minimum=0,
        maximum=51,
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(StylizeOptions, argv, "export.stylize", __doc__, _EPILOG)
    if options.out is None:
        raise UserError("--out is missing: name the folder for the results")
    model, photos = (None, options.files) if options.run else (options.files[0], options.files[1:])
    if options.direction and not options.run:
        raise UserError("--direction is of --run; a file has its own")
    if not photos:
        raise UserError("PHOTO is missing: name a photo, or a folder, after the model")
    # The strips of a photo have threads of their own; BLAS's would wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from export.conversion.chosen_files import run_file
    from export.photos.stylize_job import stylize

    if options.run:
        if photos[0].endswith(".tflite"):
            raise UserError(f"--run and {one_line(photos[0])}: both name a model; leave one out")
        model = str(run_file(Path(options.run), options.direction))
    apart = ("files", "run", "direction", "out")
    how = {name: value for name, value in vars(options).items() if name not in apart}
    stylize(model, photos, Path(options.out), **how)
    return 0


if __name__ == "__main__":
    # As an exception, so that no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
