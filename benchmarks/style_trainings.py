"""The trainings of benchmarks.styles: commands of ours and of others, one after the other."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import rmtree

from tqdm import tqdm

from benchmarks.style_judge import Judge
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json

# {options}: those given with the trainer. A teacher's student takes a share of its minutes.
_DATA = "--domain-a {photos} --domain-b {style} --seed {seed} --run {run} {options}"
OURS = {
    "onesided": (f"{{python}} -m training.onesided --minutes {{minutes}} {_DATA}",),
    "cyclegan": (
        f"{{python}} -m training.cyclegan --minutes {{teacher}} --student none {_DATA}",
        "{python} -m training.distill --minutes {student} --seed {seed} --run {run}",
    ),
}
_STUDENT_SHARE, MIN_MINUTES = 0.3, 0.1
# What a user does. The pictures are judged here, so no file is refused.
_TRANSLATION = (
    "{python} -m export.tflite --run {run} --int8 --no-gpu-check --min-psnr 0",
    "{python} -m export.stylize {run}/export/ab-256-int8.tflite {test} --out {out}",
)
_DONE, _LOG = "done.json", "log.txt"
_POLL_S = 0.2
_BAR = (
    "{percentage:3.0f}% |{bar}| {n:.1f} of {total:g} minutes of training, {remaining} left{postfix}"
)


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Shell commands with placeholders; a peer's training translates as well."""

    name: str
    training: tuple[str, ...]
    translation: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Job:
    """One training on the folder `paintings` of the style called `style`."""

    style: str
    paintings: Path
    trainer: Trainer
    minutes: float
    seed: int

    def __str__(self) -> str:
        return f"{self.style}, {self.trainer.name}, {self.minutes:g} min, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Below --out."""
        return f"{self.style}/{self.trainer.name}/{self.minutes:g}-min-seed-{self.seed}"

    def facts(self) -> dict:
        """For JSON."""
        facts = {name: getattr(self, name) for name in ("style", "minutes", "seed", "folder")}
        facts |= {"trainer": self.trainer.name, "paintings": str(self.paintings)}
        return facts | {"commands": [*self.trainer.training, *self.trainer.translation]}


def named_trainers(ours: Sequence[str], peers: Sequence[str]) -> list[Trainer]:
    """Of --ours and --peer. UserError: what is no trainer, or has the name of another."""
    trainers = []
    for value, is_peer in [*((v, False) for v in ours), *((v, True) for v in peers)]:
        named = re.fullmatch(r"(?:(\w[\w.+-]*)=)?\s*(\S+)(.*)", value, re.S)
        name, program, arguments = named.groups() if named else (None, "", "")
        if is_peer:
            if not name or not {"{test}", "{out}"} <= set(re.findall(r"{\w+}", value)):
                form = "write NAME=COMMAND, with {test} and {out} in the command; see --help"
                raise UserError(f"--peer {one_line(value)}: {form}")
            trainers.append(Trainer(name, (program + arguments,)))
        elif program in OURS:
            training = [
                command.replace("{options}", arguments.strip()) for command in OURS[program]
            ]
            trainers.append(Trainer(name or program, tuple(training), _TRANSLATION))
        else:
            raise UserError(f"--ours {one_line(value)}: our trainers are {', '.join(OURS)}")
    names = [trainer.name for trainer in trainers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"two trainers are called {twice.pop()}: write NAME=... before one of them")
    return trainers


def complete(jobs: Sequence[Job], judge: Judge, out: Path) -> tuple[list[dict], list[str]]:
    """Train what is missing. Returns a row of scores for each training, and the failures."""
    rows, failed, features = [], [], judge.facts()["features"]
    total, done = (sum(j.minutes for j in js) for js in (jobs, [j for j in jobs if record(j, out)]))
    with tqdm(total=total, bar_format=_BAR, initial=done, dynamic_ncols=True) as bar:
        for job in jobs:
            row = record(job, out)
            try:
                row = row or job.facts() | {"took_minutes": train(job, out, bar)}
                if row.get("features") != features:  # scoring takes half a minute
                    scores = judge.scores(job.style, out / job.folder / "out")
                    row |= {"features": features} | scores
                    write_json(out / job.folder / _DONE, row)
                    shown = ", ".join(f"{name} {score:.3g}" for name, score in scores.items())
                    bar.write(f"{job}: {shown}", file=sys.stderr)
                rows.append(row)
            except UserError as error:
                failed.append(f"{job}: {error}")
                bar.write(f"warning: {failed[-1]}", file=sys.stderr)
    return rows, failed


def record(job: Job, out: Path) -> dict | None:
    """The row of the same training, where it is finished."""
    try:
        row = json.loads((out / job.folder / _DONE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return row if row.items() >= job.facts().items() else None


def train(job: Job, out: Path, bar: tqdm) -> float:
    """Train from the start and translate; returns how many minutes the training took.

    An unfinished one is not resumed: peers can't, and the time would no longer be comparable.
    Raises UserError: a command failed.
    """
    folder, begun, start = out / job.folder, bar.n, time.monotonic()
    rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    student = max(MIN_MINUTES, _STUDENT_SHARE * job.minutes)
    values = {
        "photos": out / "photos",
        "style": job.paintings,
        "test": out / "test",
        "seed": job.seed,
    }
    values |= {"out": folder / "out", "run": folder / "run", "python": sys.executable}
    values |= {"minutes": job.minutes, "student": student}
    values["teacher"] = max(MIN_MINUTES, job.minutes - student)

    def show() -> None:
        bar.n = begun + min((time.monotonic() - start) / 60, job.minutes)
        bar.refresh()

    bar.set_postfix_str(str(job))
    for command in job.trainer.training:
        execute(command, values, folder / _LOG, show)
    took = (time.monotonic() - start) / 60
    for command in job.trainer.translation:
        execute(command, values, folder / _LOG, show)
    bar.n = begun + job.minutes
    return round(took, 2)


def execute(command: str, values: dict, log: Path, show: Callable[[], None]) -> None:
    """Run a shell command, its placeholders filled; UserError when it fails."""
    for name, value in values.items():
        command = command.replace(f"{{{name}}}", shlex.quote(str(value)))
    with open(log, "a", encoding="utf-8") as file:
        print("$", command, file=file, flush=True)
        files = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": file}
        # In a session of its own, so that all that it started ends with it.
        process = subprocess.Popen(command, shell=True, start_new_session=True, **files)
        try:
            while process.poll() is None:
                show()
                time.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode:
        last = log.read_text("utf-8", "replace").splitlines()[-1]
        problem = f"exit status {process.returncode}, {one_line(last)}"
        raise UserError(f"{problem}; all that it said is in {log}")
