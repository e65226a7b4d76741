"""Options of training.cartoonize and training.prepare."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option
from tf_i2i.errors import UserError

_WHAT, _HOW, _LIMITS = "what", "how it is drawn", "which photos are dropped (0 turns a limit off)"


_STRENGTHS = "strengths of the styles (default: the style's own)"


@dataclasses.dataclass(frozen=True)
class CartoonizeOptions:
    """Options of training.cartoonize. The fields of the group of strengths bear the names of the
    styles' arguments.
    """

    src: str | None = option(
        None,
        "photos: a folder (searched recursively), a text file with a path a line, or tfds:NAME:SPLIT; "
        "without it the bundled photographs",
        group=_WHAT,
        metavar="SRC",
        positional=True,
    )
    out: str | None = option(None, "folder for the pairs (needed)", group=_WHAT, metavar="DIR")
    layout: str = option(
        "folders",
        "folders: DIR/cartoon and DIR/photo with equal file names; pairs: DIR/pairs, cartoon left and photo right",
        group=_WHAT,
        choices=("folders", "pairs"),
    )
    redo: bool = option(
        False, "remove the pairs in DIR that an earlier run made, and start anew", group=_WHAT
    )
    workers: int | None = option(
        None, "processes; default one a core", group=_WHAT, minimum=1, maximum=256
    )

    style: str = option(
        "cartoon",
        "of the drawings",
        group=_HOW,
        choices=("cartoon", "bold", "painting", "pencil", "poster"),
    )
    size: int | None = option(
        None,
        "shorter side that photos are resized to before they are drawn: give the --load-size of the training, then "
        "outlines have the width that it sees; default as they are",
        group=_HOW,
        unit="pixels",
        minimum=16,
        maximum=8192,
    )
    smoothings: int | None = option(
        None,
        "cartoon, bold, poster: smoothing filters one after another",
        group=_STRENGTHS,
        minimum=0,
        maximum=100,
    )
    sigma_color: float | None = option(
        None,
        "cartoon, bold, poster: differences well above this stay, 0..255",
        group=_STRENGTHS,
        minimum=0.1,
        maximum=255,
    )
    level_step: int | None = option(
        None,
        "cartoon, bold: distance of the colour levels, 0..255",
        group=_STRENGTHS,
        minimum=2,
        maximum=128,
    )
    colours: int | None = option(
        None, "poster: how many colours, outlines apart", group=_STRENGTHS, minimum=2, maximum=256
    )
    outline_block: int | None = option(
        None,
        "cartoon, bold, poster: side of the square that an outline is darker than, odd pixels",
        group=_STRENGTHS,
        minimum=3,
        maximum=255,
    )
    outline_contrast: float | None = option(
        None,
        "cartoon, bold, poster: by how much it is darker, 0..255",
        group=_STRENGTHS,
        minimum=0,
        maximum=255,
    )
    outline_width: int | None = option(
        None, "bold: width of the pen, pixels", group=_STRENGTHS, minimum=1, maximum=64
    )
    reach: float | None = option(
        None, "painting: how far colours flow, pixels", group=_STRENGTHS, minimum=1, maximum=200
    )
    smoothness: float | None = option(
        None,
        "painting: differences under this are no edges, 0..1",
        group=_STRENGTHS,
        minimum=0.01,
        maximum=1,
    )
    stroke: float | None = option(
        None, "pencil: width of the shading, pixels", group=_STRENGTHS, minimum=0.5, maximum=100
    )
    pressure: float | None = option(
        None, "pencil: darkness", group=_STRENGTHS, minimum=0.1, maximum=20
    )

    min_size: int = option(
        64, "shorter side that a photo must have", group=_LIMITS, unit="pixels", minimum=0
    )
    min_chroma: float = option(
        3.0,
        "mean distance from grey that it must have; photos in colour have 5 to 40",
        group=_LIMITS,
        unit="levels",
        minimum=0,
    )
    min_face_ratio: float = option(
        0.0,
        "side of its largest frontal face over its shorter side",
        group=_LIMITS,
        minimum=0,
        maximum=1,
    )
    duplicate_bits: int = option(
        8,
        "photos whose hashes of 128 bits differ in this many or fewer are near-duplicates, of which the largest stays "
        "(different photos differ in 25 or more); -1 keeps them all",
        group=_LIMITS,
        minimum=-1,
        maximum=32,
    )


def style_strengths(options: CartoonizeOptions) -> tuple[tuple[str, float], ...]:
    """The strengths that were given, as (argument of the style, value).

    Raises:
        UserError: one of them is not of this style, or not odd where it must be.
    """
    from tf_i2i.data.cartoon_styles import strengths

    fields = [
        field.name for field in dataclasses.fields(options) if field.metadata["group"] == _STRENGTHS
    ]
    given = {name: getattr(options, name) for name in fields if getattr(options, name) is not None}
    for name in given:
        if name not in strengths(options.style):
            flags = ", ".join(
                "--" + one.replace("_", "-") for one in fields if one in strengths(options.style)
            )
            raise UserError(
                f"--{name.replace('_', '-')} is no strength of --style {options.style}, which has {flags}"
            )
    if given.get("outline_block", 1) % 2 == 0:
        raise UserError(
            f"--outline-block {given['outline_block']}: the square needs a middle; give an odd number"
        )
    return tuple(sorted(given.items()))


_CARTOONIZE = {field.name: field for field in dataclasses.fields(CartoonizeOptions)}


def _as_in_cartoonize(name: str):
    """The option of training.cartoonize: both commands make the same pairs."""
    return dataclasses.field(default=_CARTOONIZE[name].default, metadata=_CARTOONIZE[name].metadata)


@dataclasses.dataclass(frozen=True)
class PrepareOptions:
    """Options of training.prepare."""

    src: str | None = option(
        None,
        "photos: a folder (searched recursively), a text file with a path a line, tfds:NAME:SPLIT, or a folder at a URL "
        "such as gs://BUCKET/photos; without it the bundled photographs",
        group=_WHAT,
        metavar="SRC",
        positional=True,
    )
    out: str | None = option(
        None, "folder or URL for TensorFlow datasets (needed)", group=_WHAT, metavar="DIR"
    )
    name: str | None = option(
        None, "of the dataset: small letters, digits and _ (needed)", group=_WHAT
    )

    style: str = _as_in_cartoonize("style")
    size: int | None = _as_in_cartoonize("size")
    smoothings: int | None = _as_in_cartoonize("smoothings")
    sigma_color: float | None = _as_in_cartoonize("sigma_color")
    level_step: int | None = _as_in_cartoonize("level_step")
    colours: int | None = _as_in_cartoonize("colours")
    outline_block: int | None = _as_in_cartoonize("outline_block")
    outline_contrast: float | None = _as_in_cartoonize("outline_contrast")
    outline_width: int | None = _as_in_cartoonize("outline_width")
    reach: float | None = _as_in_cartoonize("reach")
    smoothness: float | None = _as_in_cartoonize("smoothness")
    stroke: float | None = _as_in_cartoonize("stroke")
    pressure: float | None = _as_in_cartoonize("pressure")

    min_size: int = _as_in_cartoonize("min_size")
    min_chroma: float = _as_in_cartoonize("min_chroma")
    min_face_ratio: float = _as_in_cartoonize("min_face_ratio")
    duplicate_bits: int = _as_in_cartoonize("duplicate_bits")
