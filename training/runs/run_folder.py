"""The folder that a run writes into: names, config.json, who may start or resume there."""

import dataclasses
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, EIO, ENOSPC, EPERM, EROFS
from pathlib import Path

from tf_i2i.command_line import command, expanded, flag_of, recorded
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json
from training.runs.checkpoints import newest_step
from training.system.machine import git_revision, package_versions

_DISK_ERRORS = (ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO, EFBIG)
# Options of one call, not of the run.
_OF_THE_CALL = ("run", "resume", "extend", "dry_run")


class RunFolder:
    """Paths and records of one run. `root` is created when it is missing, or UserError.

    chief: False for workers that only read: what they write goes to a temporary folder.
    """

    def __init__(self, root: str | os.PathLike, chief: bool = True):
        self.root, self.chief = Path(root), chief
        _require_utf8(self.root)
        if not chief:
            self._away = tempfile.TemporaryDirectory()
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / ".writable"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            fix = f"can't write there ({error.strerror}); choose another folder"
            raise UserError(f"--run {self.root}: {fix}") from error

    def path(self, *parts: str) -> Path:
        """A file or folder to write inside the run; its parent is created."""
        path = (self.root if self.chief else Path(self._away.name)).joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value) -> None:
        write_json(self.path(name), value)

    def write_config(self, model: str, options, part: str = "", **facts) -> None:
        """config.json of the run, or of a part of it such as student/ab: every option as resolved,
        package versions, revision, and what the caller adds.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        config = {
            "model": model,
            "options": dataclasses.asdict(options) | {"run": os.path.abspath(self.root)},
            **facts,
            "packages": package_versions(),
            "python": platform.python_version(),
            "git_revision": git_revision(),
            "created": now.isoformat(timespec="seconds"),
        }
        write_json(self.path(part, "config.json"), config)


def _require_utf8(root: Path) -> None:
    """TensorFlow takes no other paths; that would show with the first checkpoint."""
    try:
        str(root.absolute()).encode()
    except UnicodeEncodeError as error:
        fix = "its name is no UTF-8 text; choose another folder"
        raise UserError(f"--run {one_line(root)}: {fix}") from error


@contextmanager
def writing_to(run: RunFolder) -> Iterator[None]:
    """Turns what a full or failing disk raises, in Python or in TensorFlow, into a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = _disk_error(error)
        if reason is None:
            raise
        fix = "the last checkpoint is intact: fix this, then resume with --resume"
        raise UserError(f"--run {run.root}: can't write there ({reason}); {fix}") from error


def _disk_error(error: Exception) -> str | None:
    """The system's words for a full, read-only or broken disk; None for any other error."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return error.strerror
    # TensorFlow's and HDF5's errors hold the words only.
    return next((words for words in map(os.strerror, _DISK_ERRORS) if words in str(error)), None)


def read_config(root: str | os.PathLike) -> dict:
    """config.json of a run; UserError when there is none, or it can't be read."""
    try:
        config = json.loads((Path(root) / "config.json").read_text(encoding="utf-8"))
        if config.get("model") == "cyclegan":  # runs of before there was a choice
            config["options"] = {"discriminator": "patch", "residual": False} | config["options"]
        if config.get("model") == "onesided":
            config["options"] = {"antialias": False} | config["options"]
        return config
    except FileNotFoundError as error:
        train = command("training.onesided", run=root)
        fix = f"no run there (config.json is missing); train first, for example: {train}"
        raise UserError(f"--run {root}: {fix}") from error
    except (OSError, ValueError) as error:
        reason = f"config.json can't be read ({error}); is it a run folder?"
        raise UserError(f"--run {root}: {reason}") from error


def newest_run(parent: str | os.PathLike = "runs") -> Path:
    """The run under `parent` whose checkpoint is newest; UserError when there is none."""
    records = list(Path(parent).glob("*/checkpoints/ckpt-*.json"))
    if not records:
        fix = f"train first ({command('training.onesided')}) or name one: --run DIR"
        raise UserError(f"no run with a checkpoint under {parent}/; {fix}")
    return max(records, key=lambda record: record.stat().st_mtime).parent.parent


def open_run(options, chief: bool) -> RunFolder:
    """The run's folder: a new one, or with --resume one that has a run; else UserError."""
    if options.resume:
        if not options.run:
            raise UserError("--resume needs --run DIR, the run to continue")
        read_config(options.run)
    default = datetime.datetime.now().strftime(f"runs/{options.model}-%Y%m%d-%H%M%S")
    run = RunFolder(options.run or default, chief)
    if not options.resume and newest_step(run.root / "checkpoints"):
        resume = command(f"training.{options.model}", run=run.root, resume=True)
        fix = f"continue it: {resume}, or name another folder"
        raise UserError(f"--run {run.root} has a run already; {fix}")
    return run


def continued_options(options, given: frozenset[str], run: RunFolder):
    """Options of a resumed run: the recorded ones, except resumable ones among `given`.

    Raises UserError where an option that defines the run has another value on the command line.
    """
    before, merged = read_config(run.root)["options"], {}
    for field in dataclasses.fields(options):
        name = field.name
        # JSON has no tuples, and earlier versions recorded the ~ and relative paths.
        value = recorded(field, expanded(before.get(name, field.default)))
        if name in _OF_THE_CALL:
            continue
        if name not in given:
            merged[name] = value
        elif getattr(options, name) != value and not field.metadata.get("resumable"):
            flag = f"{flag_of(name)} {getattr(options, name)}"
            reason = f"the run was started with {value}, which --resume can't change"
            raise UserError(f"{flag}: {reason}")
    return dataclasses.replace(options, **merged)


def require_same_data(data, run: RunFolder) -> None:
    """Raises UserError when the pictures are not those of before: batches would differ."""
    before, now = read_config(run.root)["data"], data.facts()
    for name, fingerprint in now["fingerprint"].items():
        if before["fingerprint"].get(name) != fingerprint:
            then, count = before["counts"].get(name), now["counts"][name]
            raise UserError(
                f"--run {run.root}: the pictures of {name} changed since it was started ({then} "
                f"then, {count} now); restore them to continue, or start a new run"
            )
