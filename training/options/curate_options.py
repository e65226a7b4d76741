"""Options of training.curate."""

from __future__ import annotations

import dataclasses

from tf_i2i.command_line import option

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
        False, "move what is left out to DIR.rejected, and cut margins off", group=_WHAT
    )
    undo: bool = option(False, "bring back everything that --apply moved and trimmed", group=_WHAT)
    report: str | None = option(
        None, "page to write, or curate.html beside the first folder", group=_WHAT, metavar="FILE"
    )
    workers: int | None = option(
        None, "processes; by default one per core", group=_WHAT, minimum=1, maximum=256
    )

    min_size: int = option(
        256,
        "shorter side of a picture without its margins; give the --crop-size of the training",
        group=_LIMITS,
        unit="pixels",
        minimum=0,
    )
    min_chroma: float = option(
        3.0,
        "mean distance from grey; pictures in colour have 5 to 40",
        group=_LIMITS,
        unit="levels",
        minimum=0,
    )
    max_text: float = option(
        0.15,
        "share of the picture that lines of text may cover; pages have 0.2 to 0.4; 1 keeps them",
        group=_LIMITS,
        minimum=0,
        maximum=1,
    )
    keep_copies: bool = option(
        False,
        "do not remove copies: the same picture but for size, compression, or some of the edge",
        group=_LIMITS,
    )
    trim: bool = option(
        True, "cut even margins off: mats, paper, plain frames, black bars", group=_LIMITS
    )

    match: str = option(
        "none",
        "portraits: faces, of sizes that both domains have; features: what is near the other domain "
        "in the space of a feature network",
        group=_MATCH,
        choices=("none", "portraits", "features"),
    )
    min_face: float = option(
        0.15,
        "portraits: largest face over the picture's shorter side",
        group=_MATCH,
        minimum=0.01,
        maximum=1,
    )
    features: str = option(
        "auto",
        "features: inception, offline, a file of InceptionV3 weights, or auto: inception where its "
        "weights are available",
        group=_MATCH,
    )
    neighbours: int = option(
        5, "features: how many decide what is near", group=_MATCH, minimum=1, maximum=100
    )
