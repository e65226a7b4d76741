"""Moves rejects out of a folder, and everything back again byte for byte.

DIR's rejects go to DIR.rejected beside it, under the same names; trainers, who search folders to
the bottom, don't see them there. A journal is written before each step, so that a killed process
leaves nothing that can't be undone.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import write_jpeg, write_png
from tf_i2i.errors import UserError, one_line
from training.system.locks import lock_folder

JOURNAL = "curate.jsonl"


_JPEG = (".jpg", ".jpeg")


_TRIMMED_QUALITY = 95


@dataclass(frozen=True)
class Step:
    """A picture that was moved.

    Attributes:
        name: in DIR. place: in DIR.rejected.
        output: what stands in DIR instead, trimmed, with its sha256; None where nothing does.
    """

    name: str
    place: str
    output: str | None = None
    sha256: str | None = None


class Rejects:
    """DIR.rejected. Entered by the process that changes something.

    Args:
        root: DIR.
    """

    def __init__(self, root: Path):
        self.root = root
        # The name of ".", "..", and of a path that ends with "/" is known only when it is resolved.
        whole = root.resolve()
        self.folder = whole.with_name(whole.name + ".rejected")
        self._journal = self.folder / JOURNAL

    def __enter__(self) -> Rejects:
        """Raises UserError: it can't be made, or another process works on it."""
        try:
            self.folder.mkdir(exist_ok=True)
            self._held = lock_folder(self.folder)
        except BlockingIOError as error:
            raise UserError(
                f"{one_line(self.folder)}: another curate works there; wait for it"
            ) from error
        except OSError as error:
            raise self.unwritable(error) from error
        self._mend()
        return self

    def __exit__(self, *exception) -> None:
        if self._held is not None:
            os.close(self._held)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"{one_line(error.filename or self.folder)}: {error.strerror or error}; mend that and run it again"
        )

    def move(self, name: str) -> None:
        """Takes a picture out of the folder."""
        step = Step(name, self._free(self.folder, name))
        self._note(step)
        self._take_out(step)

    def replace(self, name: str, picture: np.ndarray) -> None:
        """Takes a picture out of the folder and puts `picture` in its place: under its name if that
        is one of a JPEG or PNG, else as PNG."""
        suffix = Path(name).suffix.lower()
        output = (
            name
            if suffix in (*_JPEG, ".png")
            else self._free(self.root, str(Path(name).with_suffix(".png")))
        )
        # Below the folder, so that it can be renamed to where it belongs, and hidden from trainers.
        waiting = (
            self.root
            / Path(output).parent
            / f".{hashlib.sha256(output.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}.trimmed"
        )
        if suffix in _JPEG:
            write_jpeg(waiting, picture, _TRIMMED_QUALITY)
        else:
            write_png(waiting, picture)
        step = Step(name, self._free(self.folder, name), output, _sha256(waiting))
        self._note(step)
        self._take_out(step)
        os.replace(waiting, self.root / output)

    def undo(self) -> tuple[int, list[str]]:
        """Puts everything back.

        Returns:
            How many pictures are back, and the names of those that are not, because something else
            has their name now.
        """
        back, left = 0, []
        for step in reversed(self._steps()):
            source, target = self.folder / step.place, self.root / step.name
            if not os.path.lexists(source):  # killed between note and move
                continue
            output = self.root / step.output if step.output else None
            if output and output.exists() and _sha256(output) == step.sha256:
                output.unlink()
            if os.path.lexists(target):
                left.append(step.name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
            back += 1
        for waiting in self.root.rglob(".*.trimmed"):
            waiting.unlink()
        self._clear(left)
        return back, left

    def _clear(self, left: list[str]) -> None:
        """Leaves in the journal only what is still to be undone, and no empty folders."""
        steps = [step for step in self._steps() if step.name in left]
        self._journal.unlink(missing_ok=True)
        for step in steps:
            self._note(step)
        for folder in sorted((p for p in self.folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()

    def _mend(self) -> None:
        """After a kill: drops a line that was not written to its end, and takes back a picture
        whose trimmed form did not reach its place any more."""
        if self._journal.exists():
            data = self._journal.read_bytes()
            os.truncate(self._journal, data.rfind(b"\n") + 1)
        steps = self._steps()
        if not steps or steps[-1].output is None:
            return
        source, target = self.folder / steps[-1].place, self.root / steps[-1].name
        if source.exists() and not target.exists() and not (self.root / steps[-1].output).exists():
            os.rename(source, target)

    def _take_out(self, step: Step) -> None:
        target = self.folder / step.place
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.root / step.name, target)

    @staticmethod
    def _free(folder: Path, name: str) -> str:
        """`name`, or one like it that nothing in `folder` has."""
        path, number = Path(name), 2
        while os.path.lexists(folder / path):
            path, number = Path(name).with_stem(f"{Path(name).stem}-{number}"), number + 1
        return path.as_posix()

    def _note(self, step: Step) -> None:
        with open(self._journal, "a", encoding="utf-8") as file:
            file.write(json.dumps(step.__dict__) + "\n")
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
            raise UserError(
                f"{one_line(self._journal)}: damaged; move the pictures back by hand"
            ) from error
        return steps


def _sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
