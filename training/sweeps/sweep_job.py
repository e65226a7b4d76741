"""A sweep's trainings and evaluations: child processes, a few at a time, each step of a run done
once.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json
from training.runs.checkpoints import any_checkpoint
from training.runs.run_folder import read_config
from training.sweeps.sweep_plan import (
    FILE,
    Plan,
    SweepRun,
    require_same_sweep,
)
from training.sweeps.sweep_results import Choice
from training.system.interruption import Interruption
from training.system.locks import run_lock


def sweep(root: Path, plan: Plan, choice: Choice, slots: list[str | None]) -> int | None:
    """All runs, then the table and the figure. Returns the exit status: None, or 130 / 143 after an
    interruption.

    slots: for each training at a time, the GPU it may see; None: all of them.

    Raises:
        UserError: another sweep is in the folder, or a run failed.
    """
    from training.reporting.charts import sweep_figure  # matplotlib takes a second
    from training.runs.run_folder import RunFolder
    from training.sweeps.sweep_results import gather, write_tables
    from training.system.locks import run_lock

    folder = RunFolder(root)
    with run_lock(root):
        require_same_sweep(root, plan)
        folder.write_json(FILE, dataclasses.asdict(plan))
        runs = SweepRuns(root, plan, slots)
        status = runs.train()
        if status:
            return status
        results = gather(root, plan, choice)
        if plan.has_test and results.chosen is not None:
            status = runs.evaluate_test(results.chosen)
            if status:
                return status
            results = gather(root, plan, choice)
        written = write_tables(root, results)
        from tf_i2i.data.image_files import write_png

        title = f"{plan.flag} of training.{plan.trainer}, {len(plan.seeds)} seeds"
        write_png(root / "sweep.png", sweep_figure(title, plan.flag[2:], results.panels()))
        print(
            "\n".join(
                [results.text(), f"written: {', '.join(map(str, [*written, root / 'sweep.png']))}"]
            )
        )
        if runs.failed:
            raise UserError(
                f"{len(runs.failed)} of {len(plan.runs())} runs failed: {'; '.join(runs.failed)}"
            )
    return None


STATE, LOG = "sweep-run.json", "sweep.log"


_LOOK_EVERY_S = 0.2


_TAIL_BYTES = 8192


# An orphan of a sweep that was killed saves after its step, which may be a long one.
_LOCK_WAIT_S = 120.0


# The rest is for evaluation.
_TRAINING_SHARE = 0.9


_BAR = "{desc}: {percentage:3.0f}% |{bar}| {n:.1f} of {total:.0f} runs, {elapsed} so far, {remaining} left{postfix}"


@dataclass
class _Active:
    """A run at work: the commands that are left of it, and the one that runs."""

    run: SweepRun
    slot: int
    commands: Iterator[list[str]]
    process: subprocess.Popen | None = None


class SweepRuns:
    """The runs of a plan below `root`.

    slots: for each training at a time, the GPU it may see; None: all of them.

    failed: a sentence for each run that failed.
    """

    def __init__(self, root: Path, plan: Plan, slots: list[str | None]):
        self._root, self._plan, self._slots = root, plan, slots
        self.failed: list[str] = []

    def train(self) -> int | None:
        """Trains and scores on validation data what is not done yet. Returns None, or 130 / 143
        after a signal.

        Raises:
            UserError: a training ended before its first step: the others would too.
        """
        return self._work("sweep", self._plan.runs(), self._training)

    def evaluate_test(self, value: str) -> int | None:
        """Scores the runs of one value on test data."""
        chosen = [
            run
            for run in self._plan.runs()
            if run.value == value and _state(self._folder(run)).get("trained")
        ]
        return self._work("test data", chosen, self._test)

    def _training(self, run: SweepRun) -> Iterator[list[str]]:
        """The commands that are left of a run; going on after one means that it ended well."""
        folder = self._folder(run)
        state = _state(folder)
        if not state.get("trained"):
            _wait_for_orphan(folder)
            command = ["--run", str(folder), "--resume"]
            if not any_checkpoint(folder / "checkpoints"):
                command = [
                    *self._plan.common,
                    f"{self._plan.flag}={run.value}",
                    "--seed",
                    str(run.seed),
                    *command[:2],
                ]
            yield [f"training.{self._plan.trainer}", *command]
            _record(folder, trained=True)
        yield from self._evaluation(folder, "val")

    def _test(self, run: SweepRun) -> Iterator[list[str]]:
        yield from self._evaluation(self._folder(run), "test")

    def _evaluation(self, folder: Path, split: str) -> Iterator[list[str]]:
        asked = list(self._plan.evaluate)
        if not {"--direction", "--model"} & set(asked) and self._plan.trainer == "cyclegan":
            asked += ["--direction", "both"]
        evaluated = _state(folder).get("evaluated", {})
        if evaluated.get(split) != asked:
            yield ["training.evaluate", "--run", str(folder), "--split", split, *asked]
            _record(folder, evaluated={**evaluated, split: asked})

    def _work(
        self, name: str, runs: list[SweepRun], commands: Callable[[SweepRun], Iterator[list[str]]]
    ) -> int | None:
        """Each run through its commands, as many runs at a time as there are slots."""
        waiting, free = deque(runs), deque(range(len(self._slots)))
        active: list[_Active] = []
        with (
            Interruption() as interruption,
            tqdm(
                total=len(runs),
                desc=name,
                bar_format=_BAR,
                smoothing=0,
                mininterval=1.0,
                dynamic_ncols=True,
            ) as bar,
        ):
            bar.n = bar.initial = (
                sum(map(self._progress, runs)) if commands == self._training else 0
            )
            finished = 0
            try:
                while (waiting or active) and not interruption.signal:
                    while waiting and free:
                        run = waiting.popleft()
                        active.append(_Active(run, free.popleft(), commands(run)))
                    for one in list(active):
                        if not self._advance(one):
                            active.remove(one)
                            free.append(one.slot)
                            finished += 1
                    shares = map(self._progress, [one.run for one in active] + list(waiting))
                    bar.n = max(
                        bar.n, finished + sum(shares) if commands == self._training else finished
                    )
                    bar.set_postfix_str("; ".join(one.run.folder for one in active), refresh=False)
                    bar.update(0)
                    time.sleep(_LOOK_EVERY_S)
            finally:
                _stop([one.process for one in active if one.process])
        if interruption.signal:
            print(f"stopped and saved; the same command goes on: {self._root}", file=sys.stderr)
        return interruption.exit_status

    def _advance(self, one: _Active) -> bool:
        """Starts a run's next command once the one before has ended; False when none is left or one
        failed.

        Raises:
            UserError: its training failed before the first step.
        """
        status = one.process.poll() if one.process else 0
        if status is None:
            return True
        folder = self._folder(one.run)
        if status:
            why = f"{one.run.folder}: {_last_line(folder / LOG) or 'no word'} (exit status {_shell_status(status)}; {folder / LOG})"
            if not _steps(folder):
                raise UserError(f"the sweep is stopped, {why}")
            self.failed.append(why)
            return False
        command = next(one.commands, None)
        if command is not None:
            one.process = self._start(folder, command, self._slots[one.slot])
        return command is not None

    def _start(self, folder: Path, command: list[str], gpu: str | None) -> subprocess.Popen:
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ if gpu is None else {**os.environ, "CUDA_VISIBLE_DEVICES": gpu}
        with open(folder / LOG, "a", encoding="utf-8") as log:
            log.write(f"\n$ python -m {shlex.join(command)}\n")
            log.flush()
            # A session of its own: Ctrl-C reaches the sweep alone, which then tells the trainings
            # once.
            return subprocess.Popen(
                [sys.executable, "-m", "training.sweeps.sweep_child", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _progress(self, run: SweepRun) -> float:
        """0 to 1."""
        folder = self._folder(run)
        state = _state(folder)
        if state.get("trained"):
            return 1.0 if "val" in state.get("evaluated", {}) else _TRAINING_SHARE
        step = _steps(folder)
        return (
            _TRAINING_SHARE * min(1.0, step / max(1, read_config(folder)["options"]["steps"]))
            if step
            else 0.0
        )

    def _folder(self, run: SweepRun) -> Path:
        return self._root / run.folder


def _stop(processes: list[subprocess.Popen]) -> None:
    """Lets them save and end."""
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait()


def _wait_for_orphan(folder: Path) -> None:
    """A training of a sweep that was killed a moment ago still saves.

    Raises:
        UserError: another process goes on training there.
    """
    deadline = time.monotonic() + _LOCK_WAIT_S
    while folder.exists():
        try:
            with run_lock(folder):
                return
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_EVERY_S)


def _state(folder: Path) -> dict:
    """What is done of a run; what is damaged or not there is not done."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _record(folder: Path, **done) -> None:
    write_json(folder / STATE, _state(folder) | done)


def _steps(folder: Path) -> int:
    """The last step that the training logged."""
    try:
        with open(folder / "metrics.jsonl", "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = [line for line in file.read().splitlines() if line.endswith(b"}")]
        return int(json.loads(lines[-1])["step"]) if lines else 0
    except (OSError, ValueError, KeyError):
        return 0


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line for line in lines if line.strip() and not line.startswith("$ ")]
    return one_line(said[-1].removeprefix("error: ")) if said else ""


def _shell_status(status: int) -> int:
    return 128 - status if status < 0 else status
