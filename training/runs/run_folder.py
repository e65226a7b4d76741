"""The folder a run writes into: names, config.json, metrics.jsonl."""

from __future__ import annotations

import dataclasses
import datetime
import errno
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tf_i2i.errors import UserError
from tf_i2i.files import write_json
from training.runs.checkpoints import any_checkpoint
from training.system.machine import git_revision, package_versions


class RunFolder:
    """Paths and records of one run. `root` is made when it is missing.

    chief: False for those of several workers that only read: what they write goes to a temporary
        folder.

    Raises UserError when it can't be written to.
    """

    def __init__(self, root: str | os.PathLike, chief: bool = True):
        self.root, self.chief = Path(root), chief
        if not chief:
            self._away = tempfile.TemporaryDirectory()
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / ".writable"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise UserError(
                f"--run {self.root}: can't write there ({error.strerror}); choose another folder"
            ) from error

    def path(self, *parts: str) -> Path:
        """A file or folder to write inside the run; its parent is made."""
        path = (self.root if self.chief else Path(self._away.name)).joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value) -> None:
        """Writes to a temporary name, then renames."""
        write_json(self.path(name), value)

    def write_config(self, model: str, options, part: str = "", **facts) -> None:
        """config.json (of the run, or of a part of it such as student/ab): every option as
        resolved, package versions, revision, and what the caller adds."""
        self.write_json(
            f"{part}/config.json" if part else "config.json",
            {
                "model": model,
                "options": dataclasses.asdict(options),
                **facts,
                "packages": package_versions(),
                "python": platform.python_version(),
                "git_revision": git_revision(),
                "created": datetime.datetime.now(datetime.timezone.utc).isoformat(
                    timespec="seconds"
                ),
            },
        )

    def read_config(self) -> dict:
        return read_config(self.root)


@contextmanager
def writing_to(run: RunFolder) -> Iterator[None]:
    """Turns what a full or failing disk raises inside, be it Python or TensorFlow that writes, into
    a UserError.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = _disk_trouble(error)
        if reason is None:
            raise
        raise UserError(
            f"--run {run.root}: can't write there ({reason}); the last checkpoint is whole: mend that, then continue with --resume"
        ) from error


def _disk_trouble(error: BaseException) -> str | None:
    """The system's words where a disk is full, read-only, broken or out of quota; None for any
    other error.
    """
    numbers = (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.EFBIG,
    )
    if isinstance(error, OSError) and error.errno in numbers:
        return error.strerror
    # TensorFlow's and HDF5's errors hold the words only.
    return next((words for words in map(os.strerror, numbers) if words in str(error)), None)


def read_config(root: str | os.PathLike) -> dict:
    """config.json of a run. Raises UserError when there is none or it can't be read."""
    path = Path(root) / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"--run {root}: no run there (config.json is missing); train first: python -m training.cyclegan"
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            f"--run {root}: config.json can't be read ({error}); is it a run folder?"
        ) from error


def newest_run(parent: str | os.PathLike = "runs") -> Path:
    """The run under `parent` whose checkpoint is newest. Raises UserError when there is none."""
    markers = list(Path(parent).glob("*/checkpoints/ckpt-*.json"))
    if not markers:
        raise UserError(
            f"no run with a checkpoint under {parent}/; train first (python -m training.cyclegan) or name one: --run DIR"
        )
    return max(markers, key=lambda marker: marker.stat().st_mtime).parent.parent


def default_run(model: str) -> str:
    """runs/<model>-<date>-<time>"""
    return datetime.datetime.now().strftime(f"runs/{model}-%Y%m%d-%H%M%S")


def continued_options(options, given: frozenset[str], run: RunFolder):
    """Options of a resumed run: the recorded ones, but for those that may change and were named on
    the command line.

    given: names of the options that the command line has.

    Raises UserError when an option that is part of what the run is was given another value.
    """
    recorded = run.read_config()["options"]
    merged = {}
    for field in dataclasses.fields(options):
        now, before = getattr(options, field.name), recorded.get(field.name, field.default)
        before = tuple(before) if isinstance(before, list) else before  # JSON has no tuples
        if field.name in ("run", "resume", "dry_run"):
            merged[field.name] = now
            continue
        if field.name in given and now != before and not field.metadata.get("resumable"):
            raise UserError(
                f"--{field.name.replace('_', '-')} {now}: the run was started with {before}, which --resume can't change"
            )
        merged[field.name] = now if field.name in given else before
    return dataclasses.replace(options, **merged)


def open_run(options, chief: bool) -> RunFolder:
    """The run's folder: new, or with --resume one that holds a run.

    Raises:
        UserError: --resume without --run or without a run there, or a new run over an old one.
    """
    if options.resume:
        if not options.run:
            raise UserError("--resume needs --run DIR, the run to continue")
        read_config(options.run)
    run = RunFolder(options.run or default_run(options.model), chief)
    if not options.resume and any_checkpoint(run.root / "checkpoints"):
        raise UserError(
            f"--run {run.root} holds a run already; continue it with --resume or name another folder"
        )
    return run


def require_same_data(data, run: RunFolder) -> None:
    """Raises UserError when the pictures are not those that the run was started with: batches would
    be others.
    """
    before = run.read_config()["data"]
    now = data.facts()
    for name, fingerprint in now["fingerprint"].items():
        if before["fingerprint"].get(name) != fingerprint:
            raise UserError(
                f"--run {run.root}: the pictures of {name} changed since it was started ({before['counts'].get(name)} then, "
                f"{now['counts'][name]} now); bring them back to continue, or start a new run"
            )
