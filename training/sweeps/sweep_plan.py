"""What a sweep trains: from its command line, checked before anything runs, and stored."""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

from tf_i2i.command_line import (
    absolute,
    expanded,
    flag_of,
    given_options,
    parse,
    parse_known,
    without_effect,
)
from tf_i2i.data.splits import parse_split
from tf_i2i.errors import UserError, one_line
from training.options.evaluate_options import EvaluateOptions
from training.options.trainer_options import TRAINER_OPTIONS

FILE = "sweep-plan.json"
# Options of a training that the sweep sets, and what to use in their place.
_SET_BY_SWEEP = {
    "run": "--run before the first --",
    "seed": "--seeds",
    "resume": "nothing: the same command resumes",
    "dry_run": "the trainer's own command",
}
# Options of an evaluation that would score other pictures or models.
_NOT_EVALUATED = ("run", "split", "model", "input", "domain_a", "domain_b", "robustness")


@dataclasses.dataclass(frozen=True)
class SweepRun:
    """One training: its value as typed, its seed, the name of its folder."""

    value: str
    seed: int
    folder: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """A sweep: trainer, "cyclegan" or "pix2pix"; flag, such as "--lambda-face"; values as typed;
    options of every training and evaluation; has_test: the trainings split off test pictures.
    """

    trainer: str
    flag: str
    values: tuple[str, ...]
    seeds: tuple[int, ...]
    common: tuple[str, ...]
    evaluate: tuple[str, ...]
    has_test: bool

    def runs(self) -> list[SweepRun]:
        """Value by value within a seed, for the first seed of all values early."""
        pairs = [(seed, value) for seed in self.seeds for value in self.values]
        names = [f"{_slug(self.flag[2:])}-{_slug(value)}-seed-{seed}" for seed, value in pairs]
        return [SweepRun(v, seed, name) for (seed, v), name in zip(pairs, names, strict=True)]

    def words(self, value: str) -> list[str]:
        """The trainer's command line at a value: without those of the common options that have no
        effect there, as --face-jitter at --lambda-face 0.
        """
        options_class, swept = TRAINER_OPTIONS[self.trainer], f"{self.flag}={value}"
        words = [*self.common, swept]
        options, _ = parse_known(options_class, words, f"training.{self.trainer}", "")
        idle = without_effect(options, given_options(options_class, words))
        return [*_without(self.common, set(map(flag_of, idle)) - {self.flag}), swept]


def split_command(argv: Sequence[str] | None) -> list[list[str]]:
    """The sweep's part of a command line, the options of the trainings, those of the evaluations."""
    sections: list[list[str]] = [[]]
    for token in sys.argv[1:] if argv is None else argv:
        if token == "--":
            sections.append([])
        else:
            sections[-1].append(token)
    if len(sections) > 3:
        raise UserError("more than two -- : the trainings' options, then training.evaluate's")
    return [*sections, [], []][:3]


def make_plan(
    swept: Sequence[str], seeds: Sequence[int], common: Sequence[str], evaluate: Sequence[str]
) -> Plan:
    """A checked plan: every value has passed the trainer's own parser.

    swept: trainer, --option, values. common, evaluate: options of every training and evaluation.
    Raises UserError: no such trainer, option or values, or options that the sweep sets itself.
    """
    flags = [token for token in swept if token.startswith("--")]
    if len(flags) != 1:
        named = f"these are {len(flags)}: {' '.join(flags)}" if flags else "none is given"
        raise UserError(
            f"a sweep takes one option of the trainer with its values ({named}), as in "
            "training.sweep cyclegan --lambda-face 0 1 5 10; options of every training come after --"
        )
    trainer, flag, *values = ["", *swept] if swept[0] == flags[0] else swept
    if trainer not in TRAINER_OPTIONS:
        known = " or ".join(TRAINER_OPTIONS)
        raise UserError(f"{one_line(trainer) or 'the trainer'}: name {known} first")
    options_class, name = TRAINER_OPTIONS[trainer], flag[2:].replace("-", "_")
    hint = get_type_hints(options_class).get(name)
    if hint is None:
        raise UserError(f"{one_line(flag)}: training.{trainer} has no such option; see its --help")
    if hint is bool or str(hint).startswith("tuple") or name in _SET_BY_SWEEP:
        fix = "options with one value can, and seeds are named by --seeds"
        raise UserError(f"{flag}: can't be swept; {fix}")
    if len(values) < 2 or len(set(map(_slug, values))) < len(values):
        raise UserError(f"{flag} {one_line(' '.join(values))}: name two values or more, each once")
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds {' '.join(map(str, seeds))}: name each seed once")
    common = with_whole_paths(options_class, common)
    evaluate = with_whole_paths(EvaluateOptions, evaluate)
    lists = (tuple(values), tuple(seeds), tuple(common), tuple(evaluate))
    plan = Plan(trainer, flag, *lists, has_test=False)
    idle = []
    for value in values:
        words = plan.words(value)
        parsed = parse(options_class, words, f"training.{trainer}", "")
        idle.append(set(common) - set(words))
    for option in common:
        if all(option in of_value for of_value in idle):
            raise UserError(f"{option} has no effect at any value of {flag}; leave it out")
    # What an options file sets yields to the command line, and so to the sweep.
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--options")
    given = given_options(options_class, finder.parse_known_args(common)[1])
    for taken, replacement in {**_SET_BY_SWEEP, name: f"{flag} before the first --"}.items():
        if taken in given:
            problem = f"among the trainings' options: it is set by {replacement}"
            raise UserError(f"{flag_of(taken)} {problem}")
    parse(EvaluateOptions, list(evaluate), "training.evaluate", "")
    for taken in given_options(EvaluateOptions, list(evaluate)) & set(_NOT_EVALUATED):
        fix = "a sweep scores its own runs on their own pictures"
        raise UserError(f"{flag_of(taken)} among the evaluations' options: {fix}")
    has_test = bool(parsed.split) and parse_split(parsed.split).test > 0
    return dataclasses.replace(plan, has_test=has_test)


def require_same_sweep(root: Path, plan: Plan) -> None:
    """Raises UserError when the folder has runs that were trained otherwise. Values and seeds may
    be added, and evaluations may change.
    """
    path = root / FILE
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = f"can't be read ({one_line(error)}); name another folder with --run"
        raise UserError(f"{path}: {reason}") from error
    now = json.loads(json.dumps(dataclasses.asdict(plan)))
    if before.get("trainer") == plan.trainer:  # of earlier versions, which recorded what was typed
        options_class = TRAINER_OPTIONS[plan.trainer]
        before["common"] = with_whole_paths(options_class, before.get("common", []))
    fixed = {"trainer": "the trainer", "flag": "the option", "common": "the trainings' options"}
    for name, description in fixed.items():
        if before.get(name) != now[name]:
            reason = f"has a sweep in which {description} differed ({FILE})"
            raise UserError(f"--run {root}: {reason}; name another folder")


def with_whole_paths(options_class: type, words: Sequence[str]) -> list[str]:
    """A command line that means the same from wherever the sweep is resumed."""
    fields = dataclasses.fields(options_class)
    flags = {flag_of(field.name) for field in fields if field.metadata["path"]}
    whole = []
    for word, before in zip(words, ["", *words], strict=False):
        flag, equals, value = word.partition("=")
        if before in flags:
            word = absolute(expanded(word))
        elif equals and flag in flags:
            word = f"{flag}={absolute(expanded(value))}"
        whole.append(word)
    return whole


def _without(words: Sequence[str], flags: set[str]) -> list[str]:
    """A command line of options without some of them and their values."""
    kept, leave_out = [], False
    for word in words:
        if word.startswith("--"):
            leave_out = word.partition("=")[0].replace("--no-", "--", 1) in flags
        if not leave_out:
            kept.append(word)
    return kept


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-.") or "none"
