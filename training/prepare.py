"""Makes pairs of cartoon and photo as a TensorFlow dataset, on one machine or many:
python -m training.prepare SRC --out DIR --name NAME [-- BEAM OPTIONS]"""

from __future__ import annotations

import dataclasses
import re
import sys

from tf_i2i.errors import UserError
from training.cartoonize import CartoonizeOptions, style_strengths
from training.options import option, parse, run_command

_EPILOG = """\
The pairs are those that training.cartoonize makes with the same options. What follows -- goes to Apache Beam:
  -- --direct_running_mode=multi_processing --direct_num_workers=0    all cores of this machine
  -- --runner=FlinkRunner --flink_master=HOST:8081 ...                a cluster; see docs/cluster.md
DIR/NAME/1.0.0/prepare.json counts what was kept and dropped, photos-*.jsonl beside it tell of each photo.
Train on it: --input tfds:DIR/NAME:train:cartoon --target tfds:DIR/NAME:train:photo"""

_WHAT = "what"
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


def main(argv: list[str] | None = None) -> int | None:
    argv = sys.argv[1:] if argv is None else argv
    end = argv.index("--") if "--" in argv else len(argv)
    options = parse(
        PrepareOptions,
        argv[:end],
        prog="python -m training.prepare",
        description=__doc__,
        epilog=_EPILOG,
    )
    if options.out is None:
        raise UserError("--out is missing: name the folder for TensorFlow datasets")
    if not re.fullmatch("[a-z][a-z0-9_]*", options.name or ""):
        raise UserError(
            "--name: give the dataset a name of small letters, digits and _, such as --name my_pairs"
        )
    strengths = style_strengths(options)
    try:
        import apache_beam  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "Apache Beam is not installed; run: pip install -e .[beam] (training.cartoonize makes pairs without it)"
        ) from error
    from tf_i2i.photo_pairs import Drawing, Limits
    from training.pair_dataset import make_dataset

    limits = Limits(options.min_size, options.min_chroma, options.min_face_ratio)
    return make_dataset(
        options, Drawing(options.style, strengths, options.size), limits, argv[end + 1 :]
    )


if __name__ == "__main__":
    run_command(main)
