"""What a sweep found: means and spreads over the seeds, the choice on validation data, and its
scores on test data.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_i2i.console import text_table
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json, write_text
from training.evaluation.score_table import SCORES
from training.sweeps.sweep_plan import Plan

VAL, TEST = "validation", "test"


DIRECTIONS = ("ab", "ba")


MODEL = "teacher"


# Neither much nor little of it is good by itself.
_READING = {"photo_ssim": "more keeps more"}


# What a value may be chosen by.
CHOOSABLE = (
    "psnr_db",
    "ssim",
    "outline_f1",
    "colour_error",
    "photo_ssim",
    "cycle_l1",
    "kid",
    "fid",
    "identity_distance",
    "identity_accuracy",
    "identity_auc",
    "mask_iou",
)


@dataclasses.dataclass(frozen=True)
class Choice:
    """score decides; guard, if any, must be at least `share` as good as at the first value. Both:
    (direction, name).
    """

    score: tuple[str, str]
    guard: tuple[str, str] | None = None
    share: float = 0.0

    @classmethod
    def parse(cls, score: str, guard: Sequence[str]) -> Choice:
        """Raises UserError for an unknown score or a share that is none."""
        if not guard:
            return cls(_score_of(score, "--choose"))
        try:
            name, share = guard[0], float(guard[1])
            if len(guard) != 2 or not 0 < share <= 1:
                raise ValueError
        except (ValueError, IndexError) as error:
            raise UserError(
                f"--guard {one_line(' '.join(guard))}: write a score and a share of 0 to 1: outline_f1 0.9"
            ) from error
        return cls(_score_of(score, "--choose"), _score_of(name, "--guard"), share)


def _score_of(text: str, option: str) -> tuple[str, str]:
    direction, _, name = text.rpartition(":")
    if name not in CHOOSABLE or direction not in ("", *DIRECTIONS):
        raise UserError(
            f"{option} {one_line(text)}: no such score; there are {', '.join(CHOOSABLE)}, and ba:... for the way back"
        )
    return direction or "ab", name


@dataclasses.dataclass(frozen=True)
class Results:
    """scores: (value, seed) -> split -> direction -> name -> number; chosen: a value, or None with
    the reason in `why`.
    """

    plan: Plan
    choice: Choice
    scores: dict[tuple[str, int], dict]
    chosen: str | None = None
    why: str = ""

    def of_seeds(self, value: str, split: str, direction: str, name: str) -> list[float]:
        """The numbers of those seeds that have one."""
        found = (self.scores.get((value, seed), {}) for seed in self.plan.seeds)
        numbers = (one.get(split, {}).get(direction, {}).get(name) for one in found)
        return [number for number in numbers if number is not None]

    def shown(self, split: str = VAL) -> list[tuple[str, str]]:
        """(direction, name) of every score that any run has."""
        return [
            (direction, name)
            for direction in DIRECTIONS
            for name in CHOOSABLE
            if any(self.of_seeds(value, split, direction, name) for value in self.plan.values)
        ]

    def summary(self) -> list[dict]:
        """A row for each split, direction, score and value: mean, standard deviation (None of one
        seed), least, most.
        """
        rows = []
        for split in (VAL, TEST):
            for direction, name in self.shown(split):
                for value in self.plan.values:
                    numbers = self.of_seeds(value, split, direction, name)
                    if numbers:
                        key = {
                            "split": split,
                            "direction": direction,
                            "score": name,
                            "value": value,
                        }
                        rows.append({**key, "seeds": len(numbers), **_spread(numbers)})
        return rows

    def panels(self) -> list[dict]:
        """A panel of `training.reporting.charts.sweep_figure` for each score."""
        panels = []
        for direction, name in self.shown():
            score = SCORES[name]
            tested = []
            if self.chosen is not None:
                tested = self.of_seeds(self.chosen, TEST, direction, name)
            panels.append(
                {
                    "title": f"{score.head}, {direction[0].upper()} to {direction[1].upper()}",
                    "note": _READING.get(name)
                    or f"{'more' if score.more_is_better else 'less'} is better",
                    "numbers": {
                        value: self.of_seeds(value, VAL, direction, name)
                        for value in self.plan.values
                    },
                    "chosen": (self.chosen, float(np.mean(tested))) if tested else None,
                }
            )
        return panels

    def text(self) -> str:
        """The tables of validation data, the choice, and what it comes to on test data."""
        parts = [self._table(VAL, direction, self.plan.values) for direction in DIRECTIONS]
        parts.append(self.why)
        if self.chosen is not None:
            tested = [self._table(TEST, direction, (self.chosen,)) for direction in DIRECTIONS]
            parts += (
                tested
                if any(tested)
                else ["no test data: train with --split TRAIN/VAL/TEST to have some"]
            )
        return "\n\n".join(part for part in parts if part)

    def _table(self, split: str, direction: str, values: Sequence[str]) -> str:
        names = [name for of, name in self.shown(split) if of == direction]
        if not names:
            return ""
        lines = [[self.plan.flag[2:], "seeds", *(SCORES[name].head for name in names)]]
        for value in values:
            counts = [len(self.of_seeds(value, split, direction, name)) for name in names]
            cells = [
                _cell(self.of_seeds(value, split, direction, name), SCORES[name].digits)
                for name in names
            ]
            lines.append([value, str(max(counts)), *cells])
        arrow = f"{direction[0].upper()} to {direction[1].upper()}"
        return "\n".join(
            [f"{split} data, {arrow}: mean +- standard deviation over the seeds", text_table(lines)]
        )


def gather(root: Path, plan: Plan, choice: Choice) -> Results:
    """Reads the runs' evaluation.json and chooses."""
    scores = {}
    for run in plan.runs():
        try:
            evaluation = json.loads(
                (root / run.folder / "evaluation.json").read_text(encoding="utf-8")
            )[MODEL]
        except (OSError, ValueError, KeyError):
            continue  # not there yet, or it failed
        scores[run.value, run.seed] = {
            split: {
                direction: {
                    name: found.get(name) for name in CHOOSABLE if found.get(name) is not None
                }
                for direction, found in by.items()
            }
            for split, by in evaluation.items()
            if split in (VAL, TEST)
        }
    results = Results(plan, choice, scores)
    chosen, why = choose(results)
    return dataclasses.replace(results, chosen=chosen, why=why)


def choose(results: Results) -> tuple[str | None, str]:
    """The value that is best on validation data, and a sentence on why; values that miss a seed
    take no part.
    """
    plan, choice = results.plan, results.choice

    def mean(value: str, score: tuple[str, str]) -> float | None:
        numbers = results.of_seeds(value, VAL, *score)
        return float(np.mean(numbers)) if len(numbers) == len(plan.seeds) else None

    whole = [value for value in plan.values if mean(value, choice.score) is not None]
    head = _named(choice.score)
    if not whole:
        return (
            None,
            f"nothing is chosen: no value has {head} of all seeds; name another score with --choose",
        )
    allowed, said = whole, ""
    if choice.guard:
        first = mean(plan.values[0], choice.guard)
        if first is None:
            return (
                None,
                f"nothing is chosen: {plan.values[0]} has no {_named(choice.guard)} of all seeds, which --guard asks for",
            )
        more = SCORES[choice.guard[1]].more_is_better
        bound = first * choice.share if more else first / choice.share
        allowed = [
            value
            for value in whole
            if (found := mean(value, choice.guard)) is not None
            and (found >= bound if more else found <= bound)
        ]
        digits = SCORES[choice.guard[1]].digits
        said = (
            f", with {_named(choice.guard)} {'at least' if more else 'at most'} {bound:.{digits}f}"
        )
    if not allowed:
        return None, f"nothing is chosen: no value has {_named(choice.guard)} within --guard"
    sign = 1 if SCORES[choice.score[1]].more_is_better else -1
    best = max(allowed, key=lambda value: sign * mean(value, choice.score))
    digits = SCORES[choice.score[1]].digits
    return best, (
        f"chosen on validation data: {plan.flag} {best}, for the best {head} ({mean(best, choice.score):.{digits}f}){said}"
    )


def write_tables(root: Path, results: Results) -> list[Path]:
    """sweep.txt, sweep.csv (a line each run, split, direction and score) and sweep.json below
    `root`.
    """
    plan = results.plan
    paths = [root / f"sweep.{suffix}" for suffix in ("txt", "csv", "json")]
    write_text(paths[0], results.text() + "\n")
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([plan.flag[2:], "seed", "split", "direction", "score", "number"])
    for (value, seed), splits in results.scores.items():
        for split, by in splits.items():
            for direction, found in by.items():
                writer.writerows(
                    [value, seed, split, direction, name, number] for name, number in found.items()
                )
    write_text(paths[1], sheet.getvalue())
    write_json(
        paths[2],
        {
            **dataclasses.asdict(plan),
            "chosen": results.chosen,
            "why": results.why,
            "summary": results.summary(),
            "runs": [
                {**dataclasses.asdict(run), "scores": results.scores.get((run.value, run.seed))}
                for run in plan.runs()
            ],
        },
    )
    return paths


def _spread(numbers: list[float]) -> dict[str, float | None]:
    deviation = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
    found = {
        "mean": float(np.mean(numbers)),
        "deviation": deviation,
        "least": min(numbers),
        "most": max(numbers),
    }
    return {name: value if value is None else round(value, 6) for name, value in found.items()}


def _cell(numbers: list[float], digits: int) -> str:
    if not numbers:
        return "-"
    spread = _spread(numbers)
    deviation = "" if spread["deviation"] is None else f" +-{spread['deviation']:.{digits}f}"
    return f"{spread['mean']:.{digits}f}{deviation}"


def _named(score: tuple[str, str]) -> str:
    return SCORES[score[1]].head + (" (B to A)" if score[0] == "ba" else "")
