"""Options of training.curate."""

import dataclasses
import functools

from tf_i2i.command_line import option_group

_what, _match = option_group("what"), option_group("what both domains share")
# --undo takes the folders alone.
_not_undone = "undo=False"
_limits = functools.partial(
    option_group("what is left out (0 turns a limit off)"), needs=_not_undone
)


@dataclasses.dataclass(frozen=True)
class CurateOptions:
    dirs: tuple[str, ...] = _what(
        dataclasses.MISSING,
        "folders of pictures, searched recursively: one, or the two domains of a training",
        metavar="DIR",
        positional=True,
    )
    apply: bool = _what(False, "move what is left out to DIR.rejected, and cut margins off")
    undo: bool = _what(False, "bring back everything that --apply moved and trimmed")
    report: str | None = _what(
        None,
        "page to write; default curate.html beside the first folder",
        metavar="FILE",
        needs=_not_undone,
    )
    workers: int | None = _what(
        None,
        "processes; by default one per core",
        minimum=1,
        maximum=256,
        needs=_not_undone,
    )

    min_size: int = _limits(
        256,
        "shorter side of a picture without its margins; give the --crop-size of the training",
        unit="pixels",
        minimum=0,
    )
    min_chroma: float = _limits(
        3.0, "mean distance from grey; pictures in colour have 5 to 40", unit="levels", minimum=0
    )
    min_colours: float = _limits(
        8.0,
        "colours besides one tint, such as a sepia print's; monochromes have 0 to 7, paintings 9 "
        "and more",
        unit="percent of lightness",
        minimum=0,
    )
    keep_drawings: bool = _limits(
        False, "keep drawings: hardly any colours, on paper that shows on all four sides"
    )
    max_text: float = _limits(
        0.15, "share that text may cover; pages have 0.2 to 0.4; 1 keeps them", minimum=0, maximum=1
    )
    keep_copies: bool = _limits(
        False, "keep copies: the same picture but for size, compression, or some of the edge"
    )
    trim: bool = _limits(True, "cut even margins off: mats, paper, plain frames, black bars")

    match: str = _match(
        "none",
        "portraits: faces, of sizes that both domains have; features: what is near the other domain "
        "in the space of a feature network",
        choices=("none", "portraits", "features"),
        needs=_not_undone,
    )
    min_face: float = _match(
        0.15,
        "portraits: largest face over the picture's shorter side",
        minimum=0.01,
        maximum=1,
        needs=(_not_undone, "match=portraits"),
    )
    features: str = _match(
        "auto",
        "features: inception, offline, a file of InceptionV3 weights, or auto: inception where its "
        "weights are available",
        needs=(_not_undone, "match=features"),
    )
    neighbours: int = _match(
        5,
        "features: how many decide what is near",
        minimum=1,
        maximum=100,
        needs=(_not_undone, "match=features"),
    )
