"""The models in the app's assets: replaced as a set, and nothing else there is touched."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from export.android_app.android_models import AppModel
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import write_json

LIST = "models.json"


# Android's packagers leave out what begins with a dot.
_RECORD = ".made-by-export-android.json"


class ModelAssets:
    """The folder of the app's assets that holds models, their thumbnails and models.json.

    A list of what was put there is kept beside them, with checksums: only that is replaced or
    removed. At any moment models.json names complete files alone, also when the process is killed.

    Args:
        folder: made when it is missing.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def is_empty(self) -> bool:
        """Whether models.json lists nothing or is not there."""
        return not self._entries()

    def replace(self, models: list[AppModel]) -> None:
        """Puts `models` in place of those that this command put there before.

        Raises:
            UserError: a file of somebody else has one of their names, or nothing can be written
                there.
        """
        contents = {}
        for model in models:
            contents |= {f"{model.name}.tflite": model.data, f"{model.name}.png": model.thumbnail}
        made, theirs = self._record(), self._foreign_entries()
        for name in contents:
            if (self.folder / name).exists() and self._sum(name) not in made.get(name, []):
                raise UserError(
                    f"{one_line(self.folder / name)}: was not made by this command, or changed since; "
                    "move it away or remove it"
                )
        new = {name: [hashlib.sha256(content).hexdigest()] for name, content in contents.items()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # What is killed half-way owns the old files and the new ones.
            write_json(
                self.folder / _RECORD,
                {name: made.get(name, []) + new.get(name, []) for name in {**made, **new}},
            )
            for name, content in contents.items():
                _write(self.folder / name, content)
            write_json(self.folder / LIST, theirs + [_entry(model) for model in models])
            for name in made.keys() - new.keys():
                if self._sum(name) in made[name]:
                    (self.folder / name).unlink()
            write_json(self.folder / _RECORD, new)
        except OSError as error:
            raise UserError(
                f"--assets {one_line(self.folder)}: can't be written ({error.strerror}); name another folder"
            ) from error

    def files(self) -> list[Path]:
        """models.json and every file that it names.

        Raises:
            UserError: there are no models, or one that is listed is missing.
        """
        entries = self._entries()
        if not entries:
            raise UserError(f"{one_line(self.folder)}: no models; put a run's there: --run RUN")
        try:
            files = [self.folder / entry[key] for entry in entries for key in ("file", "thumbnail")]
        except (KeyError, TypeError) as error:
            raise self._damaged(f"{error} is missing") from error
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise self._damaged(f"{one_line(missing[0].name)} is not there")
        return [self.folder / LIST, *files]

    def _entries(self) -> list[dict]:
        entries = self._read(LIST, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._damaged("no list of objects")
        return entries

    def _foreign_entries(self) -> list[dict]:
        """Entries that somebody else wrote into models.json."""
        made = self._record()
        return [entry for entry in self._entries() if entry.get("file") not in made]

    def _record(self) -> dict[str, list[str]]:
        return self._read(_RECORD, {})

    def _read(self, name: str, otherwise):
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return otherwise
        except (OSError, ValueError) as error:
            raise UserError(
                f"{one_line(self.folder / name)}: can't be read ({one_line(error)}); remove it, and run again"
            ) from error

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"{one_line(self.folder / LIST)}: {reason}; remove it and the files beside it, and run again with --run RUN"
        )

    def _sum(self, name: str) -> str | None:
        try:
            return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None


def _entry(model: AppModel) -> dict:
    return {
        "name": model.name,
        "title": model.title,
        "file": f"{model.name}.tflite",
        "thumbnail": f"{model.name}.png",
        "direction": model.direction,
        "size": model.size,
        "variant": model.variant,
    }


def _write(path: Path, content: bytes) -> None:
    """Complete or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
