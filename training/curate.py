"""Cleans the folders of a training: finds copies, small, grey and framed pictures, pages of text,
and what only one domain
has: python -m training.curate DIR [DIR]"""

from __future__ import annotations

import dataclasses

from tf_i2i.errors import UserError
from training.options import option, parse, run_command

_EPILOG = """\
  python -m training.curate photos/ paintings/                      looks, and writes curate.html beside the first folder
  python -m training.curate photos/ paintings/ --match portraits    keeps faces, of sizes that both domains have
  python -m training.curate photos/ paintings/ --match portraits --apply
  python -m training.curate photos/ paintings/ --undo
Without --apply nothing is changed. With it, what is left out of DIR goes to DIR.rejected beside it, with the originals of
pictures that were trimmed; --undo brings all of it back byte for byte."""

_WHAT, _LIMITS, _MATCH = "what", "what is left out (0 turns a limit off)", "what both domains share"


@dataclasses.dataclass(frozen=True)
class CurateOptions:
    """Options of training.curate."""

    dirs: tuple[str, ...] = option(
        dataclasses.MISSING,
        "folders of pictures, searched recursively: one, or the two domains of a training",
        group=_WHAT,
        metavar="DIR",
        positional=True,
    )
    apply: bool = option(
        False, "move what is left out to DIR.rejected, and trim margins", group=_WHAT
    )
    undo: bool = option(False, "bring back everything that --apply moved and trimmed", group=_WHAT)
    report: str | None = option(
        None,
        "page to write; default curate.html beside the first folder",
        group=_WHAT,
        metavar="FILE",
    )
    workers: int | None = option(
        None, "processes; default one a core", group=_WHAT, minimum=1, maximum=256
    )

    min_size: int = option(
        256,
        "shorter side that a picture must have, without its margins; give the --crop-size of the training",
        group=_LIMITS,
        unit="pixels",
        minimum=0,
    )
    min_chroma: float = option(
        3.0,
        "mean distance from grey that it must have; pictures in colour have 5 to 40",
        group=_LIMITS,
        unit="levels",
        minimum=0,
    )
    max_text: float = option(
        0.15,
        "share of the picture that lines of text may cover; pages have 0.2 to 0.4; 1 lets them stay",
        group=_LIMITS,
        minimum=0,
        maximum=1,
    )
    copies: bool = option(
        False,
        "leave copies: pictures that are the same but for size, compression, or a few percent of the edge",
        group=_LIMITS,
    )
    trim: bool = option(
        True, "leave even margins: mats, paper, plain frames, black bars", group=_LIMITS
    )

    match: str = option(
        "none",
        "portraits: faces, of sizes that both domains have; features: what lies near the other domain in a feature network",
        group=_MATCH,
        choices=("none", "portraits", "features"),
    )
    min_face: float = option(
        0.15,
        "portraits: side of the largest face over the shorter side of the picture",
        group=_MATCH,
        minimum=0.01,
        maximum=1,
    )
    features: str = option(
        "auto",
        "features: inception, offline, a file of InceptionV3 weights, or auto: inception where its weights are there",
        group=_MATCH,
    )
    neighbours: int = option(
        5, "features: how many decide what is near", group=_MATCH, minimum=1, maximum=100
    )


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        CurateOptions, argv, prog="python -m training.curate", description=__doc__, epilog=_EPILOG
    )
    if options.apply and options.undo:
        raise UserError("--apply and --undo: give one of them")
    if len(options.dirs) > 2:
        raise UserError(
            f"DIR: {len(options.dirs)} folders were given; give one, or the two domains of a training"
        )
    if options.match != "none" and len(options.dirs) != 2 and not options.undo:
        raise UserError(f"--match {options.match}: give two folders, one a domain")
    from training.curating.command import curate, undo

    return undo(options) if options.undo else curate(options)


if __name__ == "__main__":
    run_command(main)
