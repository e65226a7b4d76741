"""What a sweep trains: read from its command line, checked before anything runs, and kept in its
folder.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

from tf_i2i.command_line import given_options, parse
from tf_i2i.errors import UserError, one_line

FILE = "sweep-plan.json"


TRAINERS = ("cyclegan", "pix2pix")


# Of a training: what the sweep sets itself. Of an evaluation: what would score other pictures or
# models.
_SET_HERE = {
    "run": "--run before the first --",
    "seed": "--seeds",
    "resume": "nothing: the same command goes on",
    "dry_run": "the trainer's own command",
}


_NOT_EVALUATED = ("run", "split", "model", "input", "domain_a", "domain_b", "robustness")


@dataclasses.dataclass(frozen=True)
class SweepRun:
    """One training: its value as typed, its seed, its folder's name."""

    value: str
    seed: int
    folder: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        trainer: "cyclegan" or "pix2pix". flag: the swept option, "--lambda-face"; values: as typed.
        common: options of every training. evaluate: options of every evaluation.
        has_test: the trainings split off test pictures.
    """

    trainer: str
    flag: str
    values: tuple[str, ...]
    seeds: tuple[int, ...]
    common: tuple[str, ...]
    evaluate: tuple[str, ...]
    has_test: bool

    def runs(self) -> list[SweepRun]:
        """Value by value within a seed, so that a sweep that is stopped has the first seed of all
        values early.
        """
        return [
            SweepRun(value, seed, f"{_slug(self.flag[2:])}-{_slug(value)}-seed-{seed}")
            for seed in self.seeds
            for value in self.values
        ]


def split_command(
    argv: Sequence[str] | None, own_options: type
) -> tuple[list[str], list[str], list[str], list[str]]:
    """(the sweep's own options, [trainer, --option, values...], the trainings' options, the
    evaluations' options).

    Raises:
        UserError: not one option with values.
    """
    head, *rest = _sections(list(sys.argv[1:] if argv is None else argv))
    if len(rest) > 2:
        raise UserError(
            "three times -- : the trainings' options stand after the first, training.evaluate's after the second"
        )
    common, evaluate = [*rest, [], []][:2]
    flags = {"--" + field.name.replace("_", "-") for field in dataclasses.fields(own_options)}
    own, swept, others, of_own = [], [], [], True
    for token in head:
        if token in ("-h", "--help"):
            return ["--help"], [], [], []
        if token.startswith("--"):
            of_own = token.partition("=")[0] in flags
            others += [] if of_own else [token]
        elif not swept and not others and not own:
            swept.append(token)  # the trainer, which comes first
            continue
        (own if of_own else swept).append(token)
    if len(others) != 1:
        named = f"these are {len(others)}: {' '.join(others)}" if others else "none is there"
        raise UserError(
            f"a sweep takes one option of the trainer with its values ({named}), as in "
            "training.sweep cyclegan --lambda-face 0 1 5 10; options of every training stand after --"
        )
    return own, swept, common, evaluate


def make_plan(
    swept: Sequence[str], seeds: Sequence[int], common: Sequence[str], evaluate: Sequence[str]
) -> Plan:
    """A checked plan: every value has been through the trainer's own parser.

    Raises:
        UserError: no such trainer or option, values that it does not take, or options that the
            sweep sets itself.
    """
    trainer, flag, *values = swept if swept and not swept[0].startswith("--") else ["", *swept]
    if trainer not in TRAINERS:
        raise UserError(f"{one_line(trainer) or 'the trainer'}: name {' or '.join(TRAINERS)} first")
    options_class = _options_of(trainer)
    name = flag[2:].replace("-", "_")
    hint = get_type_hints(options_class).get(name)
    if hint is None:
        raise UserError(f"{one_line(flag)}: training.{trainer} has no such option; see its --help")
    if hint is bool or str(hint).startswith("tuple") or name in _SET_HERE:
        raise UserError(
            f"{flag}: can't be swept; options with one value can, and seeds are named by --seeds"
        )
    if (
        len(values) < 2
        or len(set(values)) < len(values)
        or len(set(map(_slug, values))) < len(values)
    ):
        raise UserError(f"{flag} {one_line(' '.join(values))}: name two values or more, each once")
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    prog = f"python -m training.{trainer}"
    for value in values:
        parsed = parse(options_class, [*common, f"{flag}={value}"], prog=prog, description="")
    given = given_options(options_class, _without_file(common))
    for taken in (*_SET_HERE, name):
        if taken in given:
            by = _SET_HERE.get(taken, f"{flag} before the first --")
            raise UserError(
                f"--{taken.replace('_', '-')} among the trainings' options: it is set by {by}"
            )
    _check_evaluation(evaluate)
    has_test = bool(parsed.split) and _share_of_test(parsed.split) > 0
    return Plan(
        trainer, flag, tuple(values), tuple(seeds), tuple(common), tuple(evaluate), has_test
    )


def require_same_sweep(root: Path, plan: Plan) -> None:
    """Raises UserError when the folder holds runs that were trained otherwise. Values and seeds may
    be added, and evaluations may change."""
    path = root / FILE
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: can't be read ({one_line(error)}); name another folder with --run"
        ) from error
    for name, said in (
        ("trainer", "the trainer"),
        ("flag", "the option"),
        ("common", "the trainings' options"),
    ):
        now = getattr(plan, name)
        if before.get(name) != (list(now) if isinstance(now, tuple) else now):
            raise UserError(
                f"--run {root}: holds a sweep in which {said} differed ({FILE}); name another folder"
            )


def _sections(tokens: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for token in tokens:
        if token == "--":
            found.append([])
        else:
            found[-1].append(token)
    return found


def _options_of(trainer: str) -> type:
    if trainer == "pix2pix":
        from training.options.trainer_options import Pix2PixOptions

        return Pix2PixOptions
    from training.options.trainer_options import CycleGANOptions

    return CycleGANOptions


def _check_evaluation(evaluate: Sequence[str]) -> None:
    from training.options.evaluate_options import EvaluateOptions

    parse(EvaluateOptions, list(evaluate), prog="python -m training.evaluate", description="")
    for name in given_options(EvaluateOptions, list(evaluate)):
        if name in _NOT_EVALUATED:
            raise UserError(
                f"--{name.replace('_', '-')} among the evaluations' options: a sweep scores its own runs on their own pictures"
            )


def _without_file(tokens: Sequence[str]) -> list[str]:
    """Without --options FILE: what stands there yields to the command line, and so to the sweep."""
    kept, skip = [], False
    for token in tokens:
        if not skip and not token.startswith("--options="):
            kept += [] if token == "--options" else [token]
        skip = not skip and token == "--options"
    return kept


def _share_of_test(split: str) -> float:
    from tf_i2i.data.splits import parse_split

    return parse_split(split).test


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-.") or "none"
