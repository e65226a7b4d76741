"""The models in the app's assets: replaced as a set, and nothing else there is touched."""

import json
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_bytes, write_errors, write_json

_LIST = "models.json"
# Android's packagers leave out what begins with a dot.
_RECORD = ".made-by-export-android.json"


@dataclass(frozen=True, eq=False)
class AppModel:
    """A model as the app carries it: file name without suffix, title in the style chooser, "ab" or
    "ba", side of the input in pixels, key of VARIANTS, the .tflite file, and a held-out photo that
    it translated, PNG, 256x256.
    """

    name: str
    title: str
    direction: str
    size: int
    variant: str
    data: bytes
    thumbnail: bytes

    def entry(self) -> dict:
        """Its entry in the app's models.json."""
        names = ("name", "title", "direction", "size", "variant")
        files = {"file": f"{self.name}.tflite", "thumbnail": f"{self.name}.png"}
        return {name: getattr(self, name) for name in names} | files


class ModelAssets:
    """The assets' folder of models, their thumbnails and models.json.

    A record of what was written there, with checksums, stands beside them: only those files are
    replaced or removed. At any moment models.json names complete files only.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def is_empty(self) -> bool:
        """Whether models.json is missing or lists nothing."""
        return not self._entries()

    def replace(self, models: list[AppModel]) -> None:
        """Writes `models` in place of those that this command wrote before.

        Raises UserError: another file has one of their names, or nothing can be written there.
        """
        contents = {}
        for model in models:
            contents |= {f"{model.name}.tflite": model.data, f"{model.name}.png": model.thumbnail}
        written = self._read(_RECORD, {})
        others = [entry for entry in self._entries() if entry.get("file") not in written]
        for name in contents:
            if (self.folder / name).exists() and not self._is_ours(name, written):
                changed = "was not made by this command, or changed since; move it away"
                raise UserError(f"{one_line(self.folder / name)}: {changed}")
        new = {name: [sha256_of(content)] for name, content in contents.items()}
        # Until all is written, the old files and the new ones are ours.
        both = {name: written.get(name, []) + new.get(name, []) for name in {**written, **new}}
        with write_errors(f"--assets {one_line(self.folder)}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / _RECORD, both)
            for name, content in contents.items():
                write_bytes(self.folder / name, content)
            write_json(self.folder / _LIST, others + [model.entry() for model in models])
            for name in written.keys() - new.keys():
                if self._is_ours(name, written):
                    (self.folder / name).unlink()
            write_json(self.folder / _RECORD, new)

    def files(self) -> list[Path]:
        """models.json and every file that it names.

        Raises UserError: there are no models, or a listed file is missing.
        """
        entries = self._entries()
        if not entries:
            raise UserError(f"{one_line(self.folder)}: no models; add a run's: --run RUN")
        files = [self.folder / entry[key] for entry in entries for key in ("file", "thumbnail")]
        missing = next((path.name for path in files if not path.is_file()), None)
        if missing:
            raise self._damaged(f"{one_line(missing)} is missing")
        return [self.folder / _LIST, *files]

    def _entries(self) -> list[dict]:
        entries = self._read(_LIST, [])
        try:
            complete = all({"file", "thumbnail"} <= entry.keys() for entry in entries)
        except (AttributeError, TypeError):
            complete = False
        if not complete:
            raise self._damaged("not a list of models")
        return entries

    def _read(self, name: str, default):
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return default
        except (OSError, ValueError) as error:
            raise UserError(
                f"{one_line(path)}: can't be read ({one_line(error)}); remove it, and run again"
            ) from error

    def _damaged(self, reason: str) -> UserError:
        path = one_line(self.folder / _LIST)
        return UserError(f"{path}: {reason}; remove the folder's files, then run with --run RUN")

    def _is_ours(self, name: str, written: dict[str, list[str]]) -> bool:
        """Whether a file exists and is as this command wrote it."""
        path = self.folder / name
        return path.is_file() and sha256_of(path) in written.get(name, [])
