"""A sweep's trainings and evaluations: child processes, a few at a time, each step done once."""

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.image_files import write_png
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json
from training.options.sweep_options import SweepOptions
from training.reporting.charts import sweep_figure
from training.runs.checkpoints import newest_step
from training.runs.run_folder import RunFolder, read_config
from training.sweeps.sweep_plan import FILE, Plan, SweepRun, require_same_sweep
from training.sweeps.sweep_results import Choice, gather, write_tables
from training.system.interruption import Interruption
from training.system.locks import run_lock

STATE, LOG = "sweep-run.json", "sweep.log"
_POLL_S = 0.2
_TAIL_BYTES = 8192
# A training whose sweep was killed saves after its step, which may be a long one.
_LOCK_WAIT_S = 120.0
# The rest is for evaluation.
_TRAINING_SHARE = 0.9
_BAR = "{desc}: {percentage:3.0f}% |{bar}| {n:.1f} of {total:.0f} runs, {elapsed} so far, "
_BAR += "{remaining} left{postfix}"


def sweep(options: SweepOptions, plan: Plan) -> int | None:
    """All runs, then the tables and the figure. Returns None, or 130 / 143 after an interruption;
    UserError when another sweep is in the folder, or a run failed.
    """
    choice = Choice.parse(options.choose, options.guard)
    root = Path(options.run or f"runs/sweep-{plan.trainer}-{plan.flag[2:]}")
    folder = RunFolder(root)
    with run_lock(root):
        require_same_sweep(root, plan)
        folder.write_json(FILE, dataclasses.asdict(plan))
        runs = SweepRuns(root, plan, (options.devices or (None,)) * options.jobs)
        if status := runs.complete(plan.runs(), "val"):
            return status
        results = gather(root, plan, choice)
        if plan.has_test and results.chosen is not None:
            chosen = [run for run in plan.runs() if run.value == results.chosen]
            if status := runs.complete(chosen, "test"):
                return status
            results = gather(root, plan, choice)
        paths = [*write_tables(root, results), root / "sweep.png"]
        title = f"{plan.flag} of training.{plan.trainer}, {len(plan.seeds)} seeds"
        write_png(paths[-1], sweep_figure(title, plan.flag[2:], results.panels()))
        print(f"{results.text()}\nwritten: {', '.join(map(str, paths))}")
    if runs.failed:
        failed = f"{len(runs.failed)} of {len(plan.runs())} runs failed"
        raise UserError(f"{failed}: {'; '.join(runs.failed)}")
    return None


@dataclasses.dataclass
class _Job:
    """A run in progress: the commands that are left, the GPU they may see, and what runs now."""

    run: SweepRun
    commands: Iterator[list[str]]
    gpu: str | None
    process: subprocess.Popen | None = None


class SweepRuns:
    """The runs of a plan in the folder `root`; gpus: for each run at a time, the one it may see, or
    None: all; failed: one sentence for each run that failed.
    """

    def __init__(self, root: Path, plan: Plan, gpus: tuple[str | None, ...]):
        self._root, self._plan, self._gpus = root, plan, gpus
        self.failed: list[str] = []

    def complete(self, runs: list[SweepRun], split: str) -> int | None:
        """Trains runs and scores them on a split ("val" or "test"), as far as that is not done yet.
        Returns None, or 130 / 143 after a signal. UserError: one ended before its first step.
        """
        waiting, free, active = deque(runs), deque(self._gpus), []
        name = "sweep" if split == "val" else "test data"
        bar = tqdm(total=len(runs), desc=name, bar_format=_BAR, smoothing=0, dynamic_ncols=True)
        with Interruption() as interruption, bar:
            bar.initial = sum(self._progress(run, split) for run in runs)
            try:
                while (waiting or active) and not interruption.signal:
                    while waiting and free:
                        run = waiting.popleft()
                        active.append(_Job(run, self._commands(run, split), free.popleft()))
                    for job in list(active):
                        if not self._advance(job):
                            active.remove(job)
                            free.append(job.gpu)
                    bar.n = max(bar.n, sum(self._progress(run, split) for run in runs))
                    bar.set_postfix_str("; ".join(job.run.folder for job in active), refresh=False)
                    bar.update(0)
                    time.sleep(_POLL_S)
            finally:
                _stop([job.process for job in active if job.process])
        if interruption.signal:
            say(f"stopped and saved; the same command resumes it: {self._root}")
        return interruption.exit_status

    def _commands(self, run: SweepRun, split: str) -> Iterator[list[str]]:
        """The commands that are left of a run; asking for the next means that one succeeded."""
        folder, plan = self._root / run.folder, self._plan
        if not _state(folder).get("trained"):
            _wait_for_orphan(folder)
            options = ["--run", str(folder)]
            if newest_step(folder / "checkpoints"):
                options.append("--resume")
            else:
                options = [*plan.words(run.value), "--seed", str(run.seed), *options]
            yield [f"training.{plan.trainer}", *options]
            _record(folder, trained=True)
        evaluated = _state(folder).get("evaluated", {})
        if evaluated.get(split) != self._evaluation:
            yield ["training.evaluate", "--run", str(folder), "--split", split, *self._evaluation]
            _record(folder, evaluated={**evaluated, split: self._evaluation})

    @property
    def _evaluation(self) -> list[str]:
        """Options of every evaluation."""
        options = list(self._plan.evaluate)
        if self._plan.trainer == "cyclegan" and not {"--direction", "--model"} & set(options):
            options += ["--direction", "both"]
        return options

    def _advance(self, job: _Job) -> bool:
        """Starts a run's next command once the one before has ended; False when none is left or one
        failed, UserError when that was before the training's first step.
        """
        status = job.process.poll() if job.process else 0
        if status is None:
            return True
        folder = self._root / job.run.folder
        if status:
            status = 128 - status if status < 0 else status  # as a shell has it
            reason = _last_line(folder / LOG) or "no message"
            problem = f"{job.run.folder}: {reason} (exit status {status}; {folder / LOG})"
            if not _last_step(folder):
                raise UserError(f"the sweep is stopped, {problem}")
            self.failed.append(problem)
            return False
        command = next(job.commands, None)
        if command is not None:
            job.process = _start(folder, command, job.gpu)
        return command is not None

    def _progress(self, run: SweepRun, split: str) -> float:
        """0 to 1."""
        folder = self._root / run.folder
        state = _state(folder)
        if state.get("evaluated", {}).get(split) == self._evaluation:
            return 1.0
        if split == "test":
            return 0.0
        if state.get("trained"):
            return _TRAINING_SHARE
        step = _last_step(folder)
        steps = read_config(folder)["options"]["steps"] if step else 1
        return _TRAINING_SHARE * min(1.0, step / max(1, steps))


def _start(folder: Path, command: list[str], gpu: str | None) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ if gpu is None else {**os.environ, "CUDA_VISIBLE_DEVICES": gpu}
    with open(folder / LOG, "a", encoding="utf-8") as log:
        log.write(f"\n$ python -m {shlex.join(command)}\n")
        log.flush()
        # In a session of its own: Ctrl-C reaches the sweep alone, which then stops the trainings.
        command = [sys.executable, "-m", "training.sweeps.sweep_child", *command]
        files = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        return subprocess.Popen(command, **files, env=environment, start_new_session=True)


def _stop(processes: list[subprocess.Popen]) -> None:
    """Lets them save and end."""
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait()


def _wait_for_orphan(folder: Path) -> None:
    """Waits until a training whose sweep was killed has saved; UserError when it goes on."""
    deadline = time.monotonic() + _LOCK_WAIT_S
    while folder.exists():
        try:
            with run_lock(folder):
                return
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def _state(folder: Path) -> dict:
    """What is done of a run; empty where it is damaged or missing."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _record(folder: Path, **done) -> None:
    write_json(folder / STATE, _state(folder) | done)


def _last_step(folder: Path) -> int:
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
    messages = [line for line in lines if line.strip() and not line.startswith("$ ")]
    return one_line(messages[-1].removeprefix("error: ")) if messages else ""
