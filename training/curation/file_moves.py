"""Moves rejects out of a folder, and everything back again byte for byte.

DIR's rejects go to DIR.rejected beside it, under the same names; trainers, which search folders
recursively, don't see them there. A journal is written before each step, so that a killed process
leaves nothing that can't be undone.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import write_jpeg, write_png
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from training.system.locks import locked_folder

JOURNAL = "curate.jsonl"
_JPEG = (".jpg", ".jpeg")
_TRIMMED_QUALITY = 95


@dataclass(frozen=True)
class Step:
    """A picture that was moved: a line of the journal."""

    name: str  # in DIR
    place: str  # in DIR.rejected
    output: str | None = None  # the trimmed picture in DIR, if any
    sha256: str | None = None  # of the output


class Rejects:
    """DIR.rejected. `locked` by the process that changes something. root: DIR."""

    def __init__(self, root: Path):
        self.root = root
        # The name of ".", "..", and of a path that ends with "/" is known only when it is resolved.
        resolved = root.resolve()
        self.folder = resolved.with_name(resolved.name + ".rejected")
        self._journal = self.folder / JOURNAL

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder and repairs what a killed process left. Raises UserError where it can't
        be written, or another process works on it.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            busy = f"{one_line(self.folder)}: another curate works there; wait for it"
            with locked_folder(self.folder, busy):
                try:
                    self._repair()
                    yield
                finally:
                    if not any(self.folder.iterdir()):
                        self.folder.rmdir()
        except OSError as error:
            reason = f"{one_line(error.filename or self.folder)}: {error.strerror or error}"
            raise UserError(f"{reason}; fix this, then run the same command again") from error

    def move(self, name: str) -> None:
        """Takes a picture out of the folder."""
        self._take_out(Step(name, _free_name(self.folder, name)))

    def replace(self, name: str, picture: np.ndarray) -> None:
        """Takes a picture out and puts `picture` in its place, as PNG unless it was a JPEG."""
        suffix, output = Path(name).suffix.lower(), name
        if suffix not in (*_JPEG, ".png"):
            output = _free_name(self.root, str(Path(name).with_suffix(".png")))
        # Below the folder, so that it can be renamed to its final place, and hidden from trainers.
        hidden = f".{sha256_of(os.fsencode(output))[:12]}.trimmed"
        waiting = (self.root / output).with_name(hidden)
        if suffix in _JPEG:
            write_jpeg(waiting, picture, _TRIMMED_QUALITY)
        else:
            write_png(waiting, picture)
        self._take_out(Step(name, _free_name(self.folder, name), output, sha256_of(waiting)))
        os.replace(waiting, self.root / output)

    def undo(self) -> tuple[int, list[str]]:
        """Puts everything back but files whose names are taken; returns the number, and those."""
        num_back, left = 0, []
        for step in reversed(self._steps()):
            source, target = self.folder / step.place, self.root / step.name
            if not os.path.lexists(source):  # killed between note and move
                continue
            output = self.root / step.output if step.output else None
            if output and output.exists() and sha256_of(output) == step.sha256:
                output.unlink()
            if os.path.lexists(target):
                left.append(step.name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            num_back += 1
        for waiting in self.root.rglob(".*.trimmed"):
            waiting.unlink()
        # The journal keeps only what is still to be undone.
        steps = [step for step in self._steps() if step.name in left]
        self._journal.unlink(missing_ok=True)
        for step in steps:
            self._note(step)
        for folder in sorted((p for p in self.folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        return num_back, left

    def _repair(self) -> None:
        """Drops an incomplete line; puts a picture back whose trimmed form did not arrive."""
        if self._journal.exists():
            os.truncate(self._journal, self._journal.read_bytes().rfind(b"\n") + 1)
        for step in self._steps()[-1:]:
            source, target = self.folder / step.place, self.root / step.name
            arrived = step.output is None or (self.root / step.output).exists()
            if not arrived and source.exists() and not target.exists():
                os.rename(source, target)

    def _take_out(self, step: Step) -> None:
        self._note(step)
        target = self.folder / step.place
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.root / step.name, target)

    def _note(self, step: Step) -> None:
        with open(self._journal, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(step)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _steps(self) -> list[Step]:
        try:
            steps = [Step(**json.loads(line)) for line in self._journal.read_bytes().splitlines()]
            names = [name for step in steps for name in (step.name, step.place, step.output or "")]
            if any(".." in Path(name).parts or Path(name).is_absolute() for name in names):
                raise ValueError("not written by this command")
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            reason = "damaged; move the pictures back by hand"
            raise UserError(f"{one_line(self._journal)}: {reason}") from error
        return steps


def _free_name(folder: Path, name: str) -> str:
    """`name`, or a numbered variant that nothing in `folder` has."""
    path, number = Path(name), 2
    while os.path.lexists(folder / path):
        path, number = Path(name).with_stem(f"{Path(name).stem}-{number}"), number + 1
    return path.as_posix()
