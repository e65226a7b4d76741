"""Checkpoints that are complete or absent, checked by their sums when they are read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import UserError
from tf_i2i.files import write_json, write_text

_RECORD = re.compile(r"ckpt-(\d+)\.json")


# A full disk makes other things fail too; the sums, the logs and the next samples need a little.
_SPARE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Saved:
    """One checkpoint on disk.

    Attributes:
        step: steps taken when it was saved.
        prefix: what TensorFlow names its files by.
        state: what the loop put beside the weights: JSON values by name.
    """

    step: int
    prefix: str
    state: dict


class Checkpoints:
    """The checkpoints of one training, in one folder.

    TensorFlow writes ckpt-<step>.index and .data-*; then ckpt-<step>.json with their sizes and
    sha256 sums and the loop's own state is renamed into place, and only with it does the checkpoint
    count. So a process that is killed in the middle leaves files that nothing reads, and the next
    save removes them.

    Args:
        folder: RUN/checkpoints, or a student's.
        objects: `tf.train.Checkpoint` of everything that is saved.
        keep: how many of the newest stay; the one with the best score stays besides.
        chief: others than the chief of several workers write to a temporary folder, since all must
            take part in a save.
    """

    def __init__(self, folder: Path, objects, keep: int = 2, chief: bool = True):
        self.folder, self._objects, self._keep, self._chief = Path(folder), objects, keep, chief

    def save(self, step: int, state: dict) -> None:
        """Writes a checkpoint; `state["score"]` (higher is better, or None) decides which is the
        best.

        Raises:
            UserError: the disk is full or can't be written to; the checkpoints before it are
                untouched.
        """
        if not self._chief:
            with tempfile.TemporaryDirectory() as away:
                self._objects.write(os.path.join(away, f"ckpt-{step}"))
            return
        prefix = self.folder / f"ckpt-{step}"
        self._require_room(step)
        import tensorflow as tf

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._objects.write(str(prefix))
            files = sorted(self.folder.glob(f"{prefix.name}.*"))
            sums = {file.name: _sums(file) for file in files if file.suffix != ".json"}
            write_json(
                self.folder / f"{prefix.name}.json",
                {"step": step, "files": sums, "state": state},
                sync=True,
            )
            self._remove_old()
            self._write_marker()
        except (OSError, tf.errors.OpError) as error:
            raise self._cannot_save(
                step, getattr(error, "strerror", None) or str(error).splitlines()[0]
            ) from error

    def newest(self, warn: Callable[[str], None]) -> Saved | None:
        """The newest valid checkpoint of this training, or None; see `newest`."""
        return newest(self.folder, warn)

    def restore(self, saved: Saved) -> None:
        """Reads a checkpoint into the objects.

        Raises:
            UserError: it belongs to another network.
        """
        import tensorflow as tf

        try:
            self._objects.read(saved.prefix).assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise UserError(
                f"{saved.prefix}: is of another network than these options build; continue the run that it belongs to, "
                "or start a new one with another --run"
            ) from error

    def _require_room(self, step: int) -> None:
        needed = _SPARE_BYTES + max(
            (sum(size) for size in _file_sizes(self.folder).values()), default=0
        )
        folder = next(parent for parent in (self.folder, *self.folder.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise self._cannot_save(
                step, f"{free / 1e6:.0f} MB are free, {needed / 1e6:.0f} MB are needed"
            )

    def _cannot_save(self, step: int, reason: str) -> UserError:
        self._remove_incomplete()
        last = max(_records(self.folder), default=None)
        kept = "there is none yet" if last is None else f"the one of step {last} is whole"
        return UserError(
            f"{self.folder}: checkpoint of step {step} can't be saved ({reason}); {kept}. Free some room, then continue with --resume"
        )

    def _remove_old(self) -> None:
        steps = sorted(_records(self.folder))
        scores = {
            step: _read_record(self.folder, step).get("state", {}).get("score") for step in steps
        }
        best = max(
            (step for step in steps if scores[step] is not None),
            key=lambda step: scores[step],
            default=None,
        )
        for step in steps[: -self._keep]:
            if step != best:
                # The record first: without it the rest does not count.
                (self.folder / f"ckpt-{step}.json").unlink()
        self._remove_incomplete()

    def _write_marker(self) -> None:
        """TensorFlow's own record, for tf.train.latest_checkpoint and the like; names without
        folder, so a run can be moved.
        """
        names = [f"ckpt-{step}" for step in sorted(_records(self.folder))]
        lines = [
            f'model_checkpoint_path: "{names[-1]}"',
            *(f'all_model_checkpoint_paths: "{name}"' for name in names),
        ]
        write_text(self.folder / "checkpoint", "\n".join(lines) + "\n")

    def _remove_incomplete(self) -> None:
        whole = _records(self.folder)
        for path in self.folder.glob("ckpt-*"):
            number = re.match(r"ckpt-(\d+)", path.name)
            if number and int(number[1]) not in whole:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def newest(folder: Path, warn: Callable[[str], None] = lambda message: None) -> Saved | None:
    """The newest checkpoint in `folder` whose files are what was written; damaged ones are named
    and passed over.
    """
    for step in sorted(_records(folder), reverse=True):
        prefix = str(Path(folder) / f"ckpt-{step}")
        record = _read_record(folder, step)
        wrong = [
            name
            for name, sums in record.get("files", {}).items()
            if _sums(Path(folder) / name) != sums
        ]
        if record.get("files") and not wrong:
            return Saved(step, prefix, record["state"])
        warn(
            f"warning: {prefix}: {', '.join(wrong) or 'its record'} is damaged; going back to the checkpoint before it"
        )
    return None


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint by its name, 0 without one; its files are not looked at."""
    return max(_records(folder), default=0)


def any_checkpoint(folder: Path) -> bool:
    """Whether a training got as far as its first checkpoint."""
    return bool(_records(folder))


def _records(folder: Path) -> set[int]:
    if not Path(folder).is_dir():
        return set()
    names = (_RECORD.fullmatch(path.name) for path in Path(folder).iterdir())
    return {int(match[1]) for match in names if match}


def _read_record(folder: Path, step: int) -> dict:
    try:
        record = json.loads((Path(folder) / f"ckpt-{step}.json").read_text(encoding="utf-8"))
        return record if record["step"] == step and isinstance(record["state"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _sums(path: Path) -> dict | None:
    """Size and sha256, after the bytes have reached the disk; None for a file that can't be read."""
    try:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.sha256()
            while block := file.read(2**20):
                digest.update(block)
            return {"bytes": file.tell(), "sha256": digest.hexdigest()}
    except OSError:
        return None


def _file_sizes(folder: Path) -> dict[int, list[int]]:
    """Bytes of the files of each checkpoint."""
    return {
        step: [sums["bytes"] for sums in _read_record(folder, step).get("files", {}).values()]
        for step in _records(folder)
    }
