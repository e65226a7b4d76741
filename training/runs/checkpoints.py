"""Checkpoints that are complete or absent, and verified by their sha256 sums when they are read."""

import functools
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_json, write_text

# TensorFlow is imported in the functions that need it: training.launch does without.

_RECORD = re.compile(r"ckpt-(\d+)\.json")
_GLOB = re.compile(r"[*?\[\\]")
# A full disk makes other things fail too; logs and the next samples need a little.
_SPARE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Saved:
    """One checkpoint on disk: its step, the prefix of its files for TensorFlow, and what the loop
    stored beside the weights, JSON values by name.
    """

    step: int
    prefix: str
    state: dict


class Checkpoints:
    """The checkpoints of one training, in one folder.

    TensorFlow writes ckpt-<step>.index and .data-*; then ckpt-<step>.json with their sizes, sha256
    sums and the loop's state is renamed into place, and only with it does the checkpoint count.
    Files that a killed process leaves are never read, and the next save removes them.

    keep: number of newest checkpoints to keep, besides the one with the best score. chief: other
    workers write to a temporary folder, since all must take part in a save.
    """

    def __init__(self, folder: Path, objects, keep: int = 2, chief: bool = True):
        self.folder, self._objects, self._keep, self._chief = Path(folder), objects, keep, chief

    def save(self, step: int, state: dict) -> None:
        """Writes a checkpoint; `state["score"]` (higher is better, or None) ranks it.

        Raises UserError when the disk is full or can't be written to; earlier ones stay intact.
        """
        import tensorflow as tf

        name = f"ckpt-{step}"
        if not self._chief:
            with tempfile.TemporaryDirectory() as away:
                self._objects.write(os.path.join(away, name))
            return
        self._require_room(step)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._objects.write(str(self.folder / name))
            paths = sorted(self.folder.glob(f"{name}.*"))
            sums = {path.name: _sums(path) for path in paths if path.suffix != ".json"}
            record = {"step": step, "files": sums, "state": state}
            write_json(self.folder / f"{name}.json", record, sync=True)
            self._remove_old()
            self._write_marker()
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise self._cannot_save(step, reason) from error

    def newest(self) -> Saved | None:
        return newest(self.folder)

    def restore(self, saved: Saved) -> None:
        """Reads a checkpoint into the objects; UserError when it belongs to another network."""
        import tensorflow as tf

        try:
            self._objects.read(readable(saved.prefix)).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            fix = "resume its own run, or start a new one with another --run"
            other = "is of another network than these options build"
            raise UserError(f"{saved.prefix}: {other}; {fix}") from error

    def _require_room(self, step: int) -> None:
        """A save needs as much room as the largest checkpoint so far."""
        files = (_read_record(self.folder, step)["files"] for step in _steps(self.folder))
        sizes = (sum(sums["bytes"] for sums in of_one.values()) for of_one in files)
        needed = _SPARE_BYTES + max(sizes, default=0)
        folder = next(parent for parent in (self.folder, *self.folder.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        if free < needed:
            reason = f"{free / 1e6:.0f} MB are free, {needed / 1e6:.0f} MB are needed"
            raise self._cannot_save(step, reason)

    def _cannot_save(self, step: int, reason: str) -> UserError:
        self._remove_incomplete()
        last = newest_step(self.folder)
        intact = f"the one of step {last} is intact" if last else "there is none yet"
        return UserError(
            f"{self.folder}: checkpoint of step {step} can't be saved ({reason}); {intact}. Free "
            "some room, then continue with --resume"
        )

    def _remove_old(self) -> None:
        steps = sorted(_steps(self.folder))
        scores = {step: _read_record(self.folder, step)["state"].get("score") for step in steps}
        scored = [step for step in steps if scores[step] is not None]
        best = max(scored, key=scores.__getitem__, default=None)
        for step in steps[: -self._keep]:
            if step != best:
                # The record first: without it the rest does not count.
                (self.folder / f"ckpt-{step}.json").unlink()
        self._remove_incomplete()

    def _remove_incomplete(self) -> None:
        complete = _steps(self.folder)
        for path in self.folder.glob("ckpt-*"):
            number = re.match(r"ckpt-(\d+)", path.name)
            if number and int(number[1]) not in complete:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _write_marker(self) -> None:
        """TensorFlow's own record; names without folder, so that a run can be moved."""
        names = [f"ckpt-{step}" for step in sorted(_steps(self.folder))]
        lines = [f'model_checkpoint_path: "{names[-1]}"']
        lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
        write_text(self.folder / "checkpoint", "\n".join(lines) + "\n")


def readable(prefix: str) -> str:
    """A prefix to read a checkpoint by: TensorFlow takes the one that it gets for a glob pattern,
    so that a folder called run[2] would not be found.
    """
    folder, name = os.path.split(os.path.abspath(prefix))
    return os.path.join(_plain_name(folder), name) if _GLOB.search(folder) else prefix


@functools.cache  # the link lasts as long as the process: parts of a checkpoint are read late
def _link_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(dir="/tmp" if _GLOB.search(tempfile.gettempdir()) else None)


@functools.cache
def _plain_name(folder: str) -> str:
    """A link to `folder` whose path is no pattern."""
    link = os.path.join(_link_folder().name, sha256_of(os.fsencode(folder))[:16])
    os.symlink(folder, link)
    return link


def newest(folder: Path) -> Saved | None:
    """The newest checkpoint in `folder` whose files are as written; warns of damaged ones."""
    steps = sorted(_steps(folder), reverse=True)
    return next((saved for step in steps if (saved := _intact(folder, step))), None)


def chosen(folder: Path, which: str) -> Saved | None:
    """The newest checkpoint, the "best" by its score, or that of a step; None without any.

    Raises UserError: `which` is none of these, or there is no such checkpoint, or it is damaged.
    """
    if which == "newest":
        return newest(folder)
    steps, option = sorted(_steps(folder)), f"--checkpoint {one_line(which)}"
    if which == "best":
        scores = {step: _read_record(folder, step)["state"].get("score") for step in steps}
        scored = [step for step in steps if scores[step] is not None]
        if steps and not scored:
            raise UserError(
                f"{option}: none of {folder} has a score; name a step: {_listed(steps)}"
            )
        step = max(scored, key=scores.__getitem__, default=None)
    elif which.isdecimal():
        step = int(which)
    else:
        raise UserError(f"{option}: takes newest, best or a step")
    if not steps:
        return None
    if step not in steps:
        raise UserError(f"{option}: {folder} has those of steps {_listed(steps)}")
    if saved := _intact(folder, step):
        return saved
    raise UserError(f"{option}: is damaged; there are those of steps {_listed(steps)}")


def _listed(steps: list[int]) -> str:
    return ", ".join(map(str, steps))


def _intact(folder: Path, step: int) -> Saved | None:
    """A checkpoint whose files are as written; says what is damaged."""
    record, prefix = _read_record(folder, step), str(Path(folder) / f"ckpt-{step}")
    files = record["files"]
    wrong = [name for name, sums in files.items() if _sums(Path(folder) / name) != sums]
    if files and not wrong:
        return Saved(step, prefix, record["state"])
    what = ", ".join(wrong) or "its record"
    say(f"warning: {prefix}: {what} is damaged, so it is passed over")
    return None


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint by its name, 0 without one; its files are not read."""
    return max(_steps(folder), default=0)


def _steps(folder: Path) -> set[int]:
    """Of all checkpoints that have a record."""
    if not Path(folder).is_dir():
        return set()
    names = (_RECORD.fullmatch(path.name) for path in Path(folder).iterdir())
    return {int(match[1]) for match in names if match}


def _read_record(folder: Path, step: int) -> dict:
    """Without files where it is damaged."""
    try:
        record = json.loads((Path(folder) / f"ckpt-{step}.json").read_text(encoding="utf-8"))
        intact = record["step"] == step and isinstance(record["state"], dict)
        if intact and all(isinstance(sums["bytes"], int) for sums in record["files"].values()):
            return record
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return {"files": {}, "state": {}}


def _sums(path: Path) -> dict | None:
    """Size and sha256, once the bytes are on the disk; None for a file that can't be read."""
    try:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    except OSError:
        return None
