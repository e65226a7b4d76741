"""Options of training.cartoonize and training.prepare."""

import dataclasses
from typing import Any

from tf_i2i.command_line import option_group

STRENGTHS = "strengths of the styles (default: the style's own)"
_what, _how, _strengths = map(option_group, ("what", "how it is drawn", STRENGTHS))
_limits = option_group("which photos are dropped (0 turns a limit off)")
_SRC = "photos: a folder, a text file with one path per line, tfds:NAME:SPLIT"


def _source(kinds: str) -> Any:
    comment = f"{kinds}; without it the bundled photographs"
    return _what(None, comment, metavar="SRC", positional=True)


def _strength(comment: str, minimum: float, maximum: float) -> Any:
    return _strengths(None, comment, minimum=minimum, maximum=maximum)


@dataclasses.dataclass(frozen=True)
class DrawingOptions:
    """What both commands share; fields of the group STRENGTHS are named as styles' arguments."""

    src: str | None = _source(_SRC)
    out: str | None = _what(None, "folder for the pairs (required)", metavar="DIR")

    style: str = _how(
        "cartoon",
        "of the drawings",
        choices=("cartoon", "bold", "painting", "pencil", "poster", "illustration"),
    )
    size: int | None = _how(
        None,
        "resize photos to this shorter side before they are drawn; with the --load-size of the "
        "training, outlines have the width that it sees",
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    smoothings: int | None = _strength("cartoon, bold, poster: number of smoothing filters", 0, 100)
    sigma_color: float | None = _strength(
        "cartoon, bold, poster: differences well above this are edges and stay, 0..255", 0.1, 255
    )
    level_step: int | None = _strength("cartoon, bold: distance of colour levels, 0..255", 2, 128)
    colours: int | None = _strength("poster: number of colours besides outlines", 2, 256)
    outline_block: int | None = _strength(
        "cartoon, bold, poster: side of the square whose mean outlines are darker than, odd", 3, 255
    )
    outline_contrast: float | None = _strength(
        "cartoon, bold, poster: by how much it is darker, 0..255", 0, 255
    )
    outline_width: int | None = _strength("bold: width of the pen, pixels", 1, 64)
    reach: float | None = _strength("painting: how far colours flow, pixels", 1, 200)
    smoothness: float | None = _strength("painting: smaller differences are no edges", 0.01, 1)
    stroke: float | None = _strength("pencil: width of the shading, pixels", 0.5, 100)
    pressure: float | None = _strength("pencil: darkness", 0.1, 20)
    radius: float | None = _strength("illustration: how large even areas are, pixels", 1, 32)
    levels: int | None = _strength("illustration: number of levels of lightness", 2, 100)
    line_width: float | None = _strength("illustration: of the lines, pixels", 0.3, 16)
    line_contrast: float | None = _strength(
        "illustration: by how much a line is darker than its surroundings, L*", 0, 100
    )

    min_size: int = _limits(64, "shorter side of a photo", unit="pixels", minimum=0)
    min_chroma: float = _limits(
        3.0, "mean distance from grey; photos in colour have 5 to 40", unit="levels", minimum=0
    )
    min_face_ratio: float = _limits(0.0, "largest face over the shorter side", minimum=0, maximum=1)
    duplicate_bits: int = _limits(
        8,
        "photos whose 128-bit hashes differ in at most this many bits are near-duplicates, of which "
        "the largest is kept (different photos differ in 25 or more); -1 keeps them all",
        minimum=-1,
        maximum=32,
    )


@dataclasses.dataclass(frozen=True)
class CartoonizeOptions(DrawingOptions):
    layout: str = _what(
        "folders",
        "folders: DIR/cartoon and DIR/photo with equal file names; pairs: DIR/pairs, cartoon on the "
        "left and photo on the right",
        choices=("folders", "pairs"),
    )
    redo: bool = _what(False, "remove the pairs that an earlier run made in DIR, and start over")
    workers: int | None = _what(None, "processes; by default one per core", minimum=1, maximum=256)


@dataclasses.dataclass(frozen=True)
class PrepareOptions(DrawingOptions):
    src: str | None = _source(f"{_SRC}, or a folder at a URL such as gs://BUCKET/photos")
    out: str | None = _what(None, "folder or URL for TensorFlow datasets (required)", metavar="DIR")
    name: str | None = _what(None, "of the dataset: lower-case letters, digits and _ (required)")
