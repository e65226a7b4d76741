"""What a sweep found: means and spreads over the seeds, the choice, and its scores on test data."""

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_i2i.console import text_table
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json, write_text
from training.evaluation.score_table import SCORES, score_text
from training.sweeps.sweep_plan import Plan

VAL, TEST = "validation", "test"
DIRECTIONS = ("ab", "ba")
# Neither much nor little of these is good by itself.
_NOTES = {"photo_ssim": "more keeps more"}
CHOOSABLE = tuple(name for name, score in SCORES.items() if score.choosable)


@dataclasses.dataclass(frozen=True)
class Choice:
    """How a value is chosen: by (direction, name) of a score; guard: that of another, which must be
    at least `share` as good as at the first value.
    """

    score: tuple[str, str]
    guard: tuple[str, str] | None = None
    share: float = 0.0

    @classmethod
    def parse(cls, score: str, guard: Sequence[str]) -> "Choice":
        """Reads --choose and --guard. Raises UserError for an unknown score or a wrong share."""
        decisive = _score_of(score, "--choose")
        if not guard:
            return cls(decisive)
        try:
            name, text = guard
            share = float(text)
            if not 0 < share <= 1:
                raise ValueError
        except ValueError as error:
            fix = "write a score and a share of 0 to 1: outline_f1 0.9"
            raise UserError(f"--guard {one_line(' '.join(guard))}: {fix}") from error
        return cls(decisive, _score_of(name, "--guard"), share)


def _score_of(text: str, option: str) -> tuple[str, str]:
    direction, _, name = text.rpartition(":")
    if name not in CHOOSABLE or direction not in ("", *DIRECTIONS):
        known = f"{', '.join(CHOOSABLE)}, and ba:... for the reverse direction"
        raise UserError(f"{option} {one_line(text)}: no such score; there are {known}")
    return direction or "ab", name


@dataclasses.dataclass(frozen=True)
class Results:
    """A sweep's scores, (value, seed) -> split -> direction -> name -> number, and the choice."""

    plan: Plan
    choice: Choice
    scores: dict[tuple[str, int], dict]
    chosen: str | None = None
    why: str = ""

    def of_seeds(self, value: str | None, split: str, direction: str, name: str) -> list[float]:
        """The numbers of those seeds that have one."""
        runs = (self.scores.get((value, seed), {}) for seed in self.plan.seeds)
        numbers = (run.get(split, {}).get(direction, {}).get(name) for run in runs)
        return [number for number in numbers if number is not None]

    def shown(self, split: str = VAL) -> list[tuple[str, str]]:
        """(direction, name) of every score that any run has."""
        scores, values = itertools.product(DIRECTIONS, CHOOSABLE), self.plan.values
        return [s for s in scores if any(self.of_seeds(value, split, *s) for value in values)]

    def summary(self) -> list[dict]:
        """A row for each split, direction, score and value: mean, standard deviation (None for one
        seed), minimum ("least") and maximum ("most").
        """
        rows = []
        for split in (VAL, TEST):
            for direction, name in self.shown(split):
                for value in self.plan.values:
                    numbers = self.of_seeds(value, split, direction, name)
                    if numbers:
                        row = {"split": split, "direction": direction, "score": name}
                        row |= {"value": value, "seeds": len(numbers)}
                        rows.append(row | _spread(numbers))
        return rows

    def panels(self) -> list[dict]:
        """A panel of `training.reporting.charts.sweep_figure` for each score."""
        panels = []
        for direction, name in self.shown():
            score, tested = SCORES[name], self.of_seeds(self.chosen, TEST, direction, name)
            better = f"{'more' if score.more_is_better else 'less'} is better"
            values = self.plan.values
            panel = {
                "title": f"{score.head}, {_arrow(direction)}",
                "note": _NOTES.get(name, better),
            }
            panel["numbers"] = {v: self.of_seeds(v, VAL, direction, name) for v in values}
            panel["chosen"] = (self.chosen, float(np.mean(tested))) if tested else None
            panels.append(panel)
        return panels

    def text(self) -> str:
        """The tables of validation data, the choice, and its scores on test data."""
        parts = [self._table(VAL, direction, self.plan.values) for direction in DIRECTIONS]
        parts.append(self.why)
        if self.chosen is not None:
            tested = [self._table(TEST, direction, (self.chosen,)) for direction in DIRECTIONS]
            missing = "no test data: train with --split TRAIN/VAL/TEST to have some"
            parts += tested if any(tested) else [missing]
        return "\n\n".join(part for part in parts if part)

    def _table(self, split: str, direction: str, values: Sequence[str]) -> str:
        names = [name for of, name in self.shown(split) if of == direction]
        if not names:
            return ""
        rows = [[self.plan.flag[2:], "seeds", *(SCORES[name].head for name in names)]]
        for value in values:
            numbers = {name: self.of_seeds(value, split, direction, name) for name in names}
            seeds = max(map(len, numbers.values()))
            rows.append([value, str(seeds), *(_cell(name, numbers[name]) for name in names)])
        head = f"{split} data, {_arrow(direction)}"
        return f"{head}: mean +- standard deviation over the seeds\n{text_table(rows)}"


def gather(root: Path, plan: Plan, choice: Choice) -> Results:
    """Reads the teachers' scores from the runs' evaluation.json and chooses a value."""
    scores = {}
    for run in plan.runs():
        path = root / run.folder / "evaluation.json"
        try:
            models = json.loads(path.read_text(encoding="utf-8"))
            evaluation = models.get("teacher") or models["student"]  # of training.onesided
        except (OSError, ValueError, KeyError):
            continue  # not there yet, or it failed
        scores[run.value, run.seed] = {
            split: {
                direction: {name: row[name] for name in CHOOSABLE if row.get(name) is not None}
                for direction, row in evaluation[split].items()
            }
            for split in (VAL, TEST)
            if split in evaluation
        }
    results = Results(plan, choice, scores)
    chosen, why = choose(results)
    return dataclasses.replace(results, chosen=chosen, why=why)


def choose(results: Results) -> tuple[str | None, str]:
    """The value that is best on validation data, of those scored with all seeds, and why."""
    plan, choice = results.plan, results.choice

    def means(score: tuple[str, str]) -> dict[str, float]:
        numbers = {value: results.of_seeds(value, VAL, *score) for value in plan.values}
        complete = {value: of for value, of in numbers.items() if len(of) == len(plan.seeds)}
        return {value: float(np.mean(of)) for value, of in complete.items()}

    candidates, head, within = means(choice.score), _head(choice.score), ""
    if not candidates:
        reason = f"no value has {head} of all seeds; name another score with --choose"
        return None, f"nothing is chosen: {reason}"
    if choice.guard:
        guarded, guard_head = means(choice.guard), _head(choice.guard)
        first = guarded.get(plan.values[0])
        if first is None:
            reason = f"{plan.values[0]} has no {guard_head} of all seeds, which --guard needs"
            return None, f"nothing is chosen: {reason}"
        sign = _sign(choice.guard)
        bound = first * choice.share if sign > 0 else first / choice.share
        inside = {v for v, mean in guarded.items() if sign * mean >= sign * bound}
        candidates = {value: mean for value, mean in candidates.items() if value in inside}
        limit = score_text(choice.guard[1], bound)
        within = f", with {guard_head} {'at least' if sign > 0 else 'at most'} {limit}"
        if not candidates:
            return None, f"nothing is chosen: no value has {guard_head} within --guard"
    best = max(candidates, key=lambda value: _sign(choice.score) * candidates[value])
    score = score_text(choice.score[1], candidates[best])
    why = f"for the best {head} ({score}){within}"
    return best, f"chosen on validation data: {plan.flag} {best}, {why}"


def write_tables(root: Path, results: Results) -> list[Path]:
    """Writes sweep.txt, .csv (a line for each run, split, direction and score), .json: paths."""
    plan = results.plan
    paths = [root / f"sweep.{suffix}" for suffix in ("txt", "csv", "json")]
    write_text(paths[0], results.text() + "\n")
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([plan.flag[2:], "seed", "split", "direction", "score", "number"])
    for run, splits in results.scores.items():
        for split, directions in splits.items():
            for direction, row in directions.items():
                writer.writerows([*run, split, direction, *item] for item in row.items())
    write_text(paths[1], sheet.getvalue())
    scores = results.scores
    runs = [dataclasses.asdict(r) | {"scores": scores.get((r.value, r.seed))} for r in plan.runs()]
    choice = {"chosen": results.chosen, "why": results.why}
    summary = {"summary": results.summary(), "runs": runs}
    write_json(paths[2], dataclasses.asdict(plan) | choice | summary)
    return paths


def _spread(numbers: list[float]) -> dict[str, float | None]:
    spread = {
        "mean": float(np.mean(numbers)),
        "deviation": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        "least": min(numbers),
        "most": max(numbers),
    }
    return {name: value if value is None else round(value, 6) for name, value in spread.items()}


def _cell(name: str, numbers: list[float]) -> str:
    if not numbers:
        return "-"
    spread = _spread(numbers)
    deviation = spread["deviation"]
    added = "" if deviation is None else f" +-{score_text(name, deviation)}"
    return score_text(name, spread["mean"]) + added


def _arrow(direction: str) -> str:
    return f"{direction[0].upper()} to {direction[1].upper()}"


def _head(score: tuple[str, str]) -> str:
    return SCORES[score[1]].head + (" (B to A)" if score[0] == "ba" else "")


def _sign(score: tuple[str, str]) -> int:
    """1 where more is better, else -1."""
    return 1 if SCORES[score[1]].more_is_better else -1
