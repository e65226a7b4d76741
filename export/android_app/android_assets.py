"""The models in the app's assets: replaced as a set, and nothing else there is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of, write_bytes, write_json

_LIST = "models.json"
# Android's packagers leave out what begins with a dot.
_RECORD = ".made-by-export-android.json"


@dataclass(frozen=True, eq=False)
class AppModel:
    """A model as the app carries it.

    Attributes:
        name: of its files in the assets, without suffix.
        title: what the style chooser shows.
        direction: "ab" or "ba".
        size: side of the input in pixels.
        variant: key of export.conversion.variants.VARIANTS.
        data: the .tflite file.
        thumbnail: PNG, 256x256, a held-out photo that the model translated.
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
    """The folder of the app's assets that holds models, their thumbnails and models.json.

    A record of the files that were written there, with checksums, stands beside them: only those
    are replaced or removed. At any moment models.json names complete files only, even when the
    process is killed.

    Args:
        folder: made when it is missing.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def is_empty(self) -> bool:
        """Whether models.json is missing or lists nothing."""
        return not self._entries()

    def replace(self, models: list[AppModel]) -> None:
        """Writes `models` in place of those that this command wrote before.

        Raises:
            UserError: another file has one of their names, or nothing can be written there.
        """
        contents = {}
        for model in models:
            contents |= {f"{model.name}.tflite": model.data, f"{model.name}.png": model.thumbnail}
        written = self._read(_RECORD, {})
        others = [entry for entry in self._entries() if entry.get("file") not in written]
        for name in contents:
            if (self.folder / name).exists() and not self._is_ours(name, written):
                raise UserError(
                    f"{one_line(self.folder / name)}: was not made by this command, or changed "
                    "since; move it away or remove it"
                )
        new = {name: [sha256_of(content)] for name, content in contents.items()}
        # Until all is written, the old files and the new ones are ours.
        both = {name: written.get(name, []) + new.get(name, []) for name in {**written, **new}}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self.folder / _RECORD, both)
            for name, content in contents.items():
                write_bytes(self.folder / name, content)
            write_json(self.folder / _LIST, others + [model.entry() for model in models])
            for name in written.keys() - new.keys():
                if self._is_ours(name, written):
                    (self.folder / name).unlink()
            write_json(self.folder / _RECORD, new)
        except OSError as error:
            raise UserError(
                f"--assets {one_line(self.folder)}: can't be written ({error.strerror}); "
                "name another folder"
            ) from error

    def files(self) -> list[Path]:
        """models.json and every file that it names.

        Raises:
            UserError: there are no models, or a listed file is missing.
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
        return UserError(
            f"{one_line(self.folder / _LIST)}: {reason}; remove it and the files beside it, and "
            "run again with --run RUN"
        )

    def _is_ours(self, name: str, written: dict[str, list[str]]) -> bool:
        """Whether a file exists and is as this command wrote it."""
        path = self.folder / name
        return path.is_file() and sha256_of(path) in written.get(name, [])
