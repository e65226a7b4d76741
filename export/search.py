"""Trains students of several designs from one teacher and compares quality and time.

python -m export.search --run RUN --peer other.tflite
"""

from dataclasses import dataclass

from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError
from tf_i2i.models.model_builder import STUDENTS

# Arguments of MobileGenerator. Around the two that are shipped: fewer and more of each part.
CANDIDATES: dict[str, dict] = {
    **STUDENTS,
    "narrow": {"stem": 24, "width": 48, "full": 8},
    "wide": {"stem": 48, "width": 96},
    "drawing-2": {"drawing": 2},
    "drawing-6": {"drawing": 6},
    "blocks-6": {"blocks": 6, "drawing": 0},
    "no-detail": {"detail": 0},
    "detail-16": {"full": 16, "detail": 16},
    "wide-detail-16": dict(stem=48, width=96, blocks=3, drawing=6, full=16, detail=16),
    "broad": dict(stem=64, width=96, blocks=3, drawing=6, full=24, detail=16),
}
_STRIDE = 4

_what, _how = map(option_group, ("what", "how"))

_EPILOG = """\
Each candidate is distilled from the same teacher outputs, exported as int8, timed in turn with all others, and scored
on the run's validation photos: against their true translations where they are known, else against the teacher. A
candidate is on the frontier when no other is both faster and better. Writes RUN/search/: the files, export.json,
search.json, frontier.svg. Finished candidates are kept: the next search trains only what is missing.
Exit status: 0 done, 2 wrong usage, 3 a candidate's file missed --min-psnr (it is left out)."""


@dataclass(frozen=True)
class SearchOptions:
    run: str | None = _what(None, "run folder; default: the newest under runs/", metavar="RUN")
    direction: str = _what("ab", "which translation", choices=("ab", "ba"))
    only: tuple[str, ...] = _what((), f"of {', '.join(CANDIDATES)}; default: all", metavar="NAME")
    peer: str | None = _what(None, "another .tflite file to time beside them", metavar="FILE")
    steps: int = _how(
        1500,
        "distillation steps of each candidate",
        unit="steps",
        minimum=1,
        flag="student-steps",
        former="steps",
    )
    size: int = _how(
        256, f"side of the files, a multiple of {_STRIDE}", unit="pixels", minimum=32, maximum=4096
    )
    min_psnr: float = _how(
        30.0, "a file further from its network is left out", unit="dB", minimum=0, maximum=200
    )
    threads: int = _how(2, "of the CPU, for the times", minimum=1, maximum=256)
    repeats: int = _how(50, "timed inferences of each file", minimum=1, maximum=100000)
    seed: int = _how(1, "of weights, crops and calibration", minimum=0, maximum=2**31 - 1)


def main(argv: list[str] | None = None) -> int:
    options = parse(SearchOptions, argv, "export.search", __doc__, _EPILOG)
    for name in options.only:
        if name not in CANDIDATES:
            raise UserError(f"--only {name}: no such candidate; there are {', '.join(CANDIDATES)}")
    if options.size % _STRIDE:
        raise UserError(f"--size {options.size}: must be a multiple of {_STRIDE}")
    from export.student_search.search_job import search

    return search({name: CANDIDATES[name] for name in options.only or CANDIDATES}, options)


if __name__ == "__main__":
    run_command(main)
