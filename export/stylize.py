"""Translates photos of any size with an exported network.

python -m export.stylize MODEL.tflite PHOTO... --out DIR
"""

import dataclasses
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError

_what, _how = map(option_group, ("what", "how"))

_EPILOG = """\
A photo is reduced to the working size, translated there, and brought back to its own size with its own sharp edges. One
that is smaller by up to a third is enlarged for that; smaller ones are translated as they are. Tiles overlap by what the
network sees around a pixel, so that no seam shows. Results keep their names: PNG stays PNG, everything else becomes JPEG, both
with the photo's EXIF data and, where it had a colour profile, sRGB's. A photo that can't be used is named and left out; when
none can be used the exit status is 2."""


@dataclass(frozen=True)
class StylizeOptions:
    model: str = _what(
        dataclasses.MISSING,
        "file that export.tflite wrote",
        metavar="MODEL.tflite",
        positional=True,
    )
    photos: tuple[str, ...] = _what(
        dataclasses.MISSING,
        "pictures, or folders of them (searched recursively)",
        metavar="PHOTO",
        positional=True,
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
    tile: int | None = _how(
        None,
        "largest side of the tiles that the photo at its working size is cut into; default: what is fast in 1 GB of memory",
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    strength: float = _how(1.0, "blends photo (0) and translation (1)", minimum=0, maximum=1)
    quality: int | None = _how(None, "of JPEG results; default 92", minimum=1, maximum=95)
    threads: int = _how(2, "of the CPU", minimum=1, maximum=256)


def main(argv: list[str] | None = None) -> int:
    options = parse(StylizeOptions, argv, "export.stylize", __doc__, _EPILOG)
    if options.out is None:
        raise UserError("--out is missing: name the folder for the results")
    from export.photos.stylize_job import stylize

    how = {k: v for k, v in vars(options).items() if k not in ("model", "photos", "out")}
    stylize(options.model, options.photos, Path(options.out), **how)
    return 0


if __name__ == "__main__":
    # As an exception, so that no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
