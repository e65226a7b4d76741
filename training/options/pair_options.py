"""Options of training.cartoonize and training.prepare."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option

STRENGTHS = "strengths of the styles (default: the style's own)"
_WHAT, _HOW, _LIMITS = "what", "how it is drawn", "which photos are dropped (0 turns a limit off)"


@dataclasses.dataclass(frozen=True)
class DrawingOptions:
    """What both commands share, as they make the same pairs. Fields of the group STRENGTHS have the
    names of the styles' arguments.
    """

    src: str | None = option(
        None,
        "photos: a folder (searched recursively), a text file with one path per line, or "
        "tfds:NAME:SPLIT; without it the bundled photographs",
        group=_WHAT,
        metavar="SRC",
        positional=True,
    )
    out: str | None = option(None, "folder for the pairs (required)", group=_WHAT, metavar="DIR")

    style: str = option(
        "cartoon",
        "of the drawings",
        group=_HOW,
        choices=("cartoon", "bold", "painting", "pencil", "poster"),
    )
    size: int | None = option(
        None,
        "shorter side that photos are resized to before they are drawn; with the --load-size of the "
        "training, outlines have the width that it sees; by default photos keep their size",
        group=_HOW,
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    smoothings: int | None = option(
        None,
        "cartoon, bold, poster: number of smoothing filters",
        group=STRENGTHS,
        minimum=0,
        maximum=100,
    )
    sigma_color: float | None = option(
        None,
        "cartoon, bold, poster: differences well above this are edges and stay, 0..255",
        group=STRENGTHS,
        minimum=0.1,
        maximum=255,
    )
    level_step: int | None = option(
        None,
        "cartoon, bold: distance between colour levels, 0..255",
        group=STRENGTHS,
        minimum=2,
        maximum=128,
    )
    colours: int | None = option(
        None, "poster: number of colours besides outlines", group=STRENGTHS, minimum=2, maximum=256
    )
    outline_block: int | None = option(
        None,
        "cartoon, bold, poster: side of the square whose mean an outline is darker than, odd pixels",
        group=STRENGTHS,
        minimum=3,
        maximum=255,
    )
    outline_contrast: float | None = option(
        None,
        "cartoon, bold, poster: by how much it is darker, 0..255",
        group=STRENGTHS,
        minimum=0,
        maximum=255,
    )
    outline_width: int | None = option(
        None, "bold: width of the pen, pixels", group=STRENGTHS, minimum=1, maximum=64
    )
    reach: float | None = option(
        None, "painting: how far colours flow, pixels", group=STRENGTHS, minimum=1, maximum=200
    )
    smoothness: float | None = option(
        None,
        "painting: differences below this are not edges, 0..1",
        group=STRENGTHS,
        minimum=0.01,
        maximum=1,
    )
    stroke: float | None = option(
        None, "pencil: width of the shading, pixels", group=STRENGTHS, minimum=0.5, maximum=100
    )
    pressure: float | None = option(
        None, "pencil: darkness", group=STRENGTHS, minimum=0.1, maximum=20
    )

    min_size: int = option(64, "shorter side of a photo", group=_LIMITS, unit="pixels", minimum=0)
    min_chroma: float = option(
        3.0,
        "mean distance from grey; photos in colour have 5 to 40",
        group=_LIMITS,
        unit="levels",
        minimum=0,
    )
    min_face_ratio: float = option(
        0.0,
        "side of the largest frontal face over the photo's shorter side",
        group=_LIMITS,
        minimum=0,
        maximum=1,
    )
    duplicate_bits: int = option(
        8,
        "photos whose 128-bit hashes differ in at most this many bits are near-duplicates, of which "
        "the largest is kept (different photos differ in 25 or more); -1 keeps them all",
        group=_LIMITS,
        minimum=-1,
        maximum=32,
    )


@dataclasses.dataclass(frozen=True)
class CartoonizeOptions(DrawingOptions):
    """Options of training.cartoonize."""

    layout: str = option(
        "folders",
        "folders: DIR/cartoon and DIR/photo with equal file names; pairs: DIR/pairs, cartoon on the "
        "left and photo on the right",
        group=_WHAT,
        choices=("folders", "pairs"),
    )
    redo: bool = option(
        False, "remove the pairs that an earlier run made in DIR, and start over", group=_WHAT
    )
    workers: int | None = option(
        None, "processes; by default one per core", group=_WHAT, minimum=1, maximum=256
    )


@dataclasses.dataclass(frozen=True)
class PrepareOptions(DrawingOptions):
    """Options of training.prepare."""

    src: str | None = option(
        None,
        "photos: a folder (searched recursively), a text file with one path per line, "
        "tfds:NAME:SPLIT, or a folder at a URL such as gs://BUCKET/photos; without it the bundled "
        "photographs",
        group=_WHAT,
        metavar="SRC",
        positional=True,
    )
    out: str | None = option(
        None, "folder or URL for TensorFlow datasets (required)", group=_WHAT, metavar="DIR"
    )
    name: str | None = option(
        None, "of the dataset: lower-case letters, digits and _ (required)", group=_WHAT
    )
