"""cartoonize.json: the options of a folder of pairs, and what was found out about each photo."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from tf_i2i.errors import UserError, one_line
from tf_i2i.photo_pairs import Features
from training.run_folder import write_json

RECORD = "cartoonize.json"
# Changes when a style, a measurement or the record's form changes: then nothing that is there can
# be kept.
VERSION = 1
UNREADABLE, KEPT, DROPPED = "unreadable", "kept", "dropped"


@dataclass
class Photo:
    """What is known of one photo: an entry of the record.

    Attributes:
        output: its pair's path below the layout's folder, whether or not it is drawn.
        stamp: bytes and modification time (ns) of its file when it was examined; None where it is
            not a file.
        features: None until it is examined, and where it can't be read.
        result: "kept", "dropped", "unreadable", or None until it is judged.
        reason, detail: why it is not kept.
    """

    output: str
    stamp: tuple[int, int] | None
    features: Features | None = None
    result: str | None = None
    reason: str | None = None
    detail: str | None = None

    def to_json(self) -> dict:
        flat = asdict(self)
        return flat | (flat.pop("features") or {})

    @classmethod
    def from_json(cls, entry: dict) -> Photo:
        output = PurePosixPath(entry["output"])
        if output.is_absolute() or ".." in output.parts or output.suffix != ".png":
            raise ValueError("this file was not written by this command")
        measured = {
            field.name: entry[field.name] for field in fields(Features) if field.name in entry
        }
        stamp = tuple(entry["stamp"]) if entry["stamp"] else None
        return cls(entry["output"], stamp, Features(**measured) if measured else None)

    def cannot_be_read(self, reason: str) -> None:
        self.features, self.result, self.reason, self.detail = None, UNREADABLE, UNREADABLE, reason


@dataclass(frozen=True)
class Record:
    """options: those that decide how a pair looks. photos: by the source's name, in its order."""

    options: dict
    photos: dict[str, Photo]
    version: int = VERSION
    root: Path | None = None

    def refuse_unless(self, options: dict) -> None:
        """Raises UserError unless the pairs that are there look as `options` want them."""
        out = one_line(self.root)
        if self.version != VERSION:
            raise UserError(
                f"--out {out}: made by another version of this program; name another folder, or add --redo"
            )
        for name, value in options.items():
            if self.options.get(name) != value:
                raise UserError(
                    f"--out {out}: its pairs were made with {name} {one_line(self.options.get(name))}, not "
                    f"{one_line(value)}; name another folder, or add --redo to replace them"
                )

    def write(self, root: Path, finished: bool, summary: dict[str, int]) -> None:
        pictures = {name: photo.to_json() for name, photo in self.photos.items()}
        head = {
            "version": self.version,
            "finished": finished,
            "options": self.options,
            "summary": summary,
        }
        write_json(root / RECORD, {**head, "pictures": pictures})


def read_record(root: Path) -> Record | None:
    """The record below `root`, None where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = root / RECORD
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        photos = {name: Photo.from_json(entry) for name, entry in found["pictures"].items()}
        if found["options"]["layout"] not in ("folders", "pairs"):
            raise ValueError("no such layout")
        return Record(found["options"], photos, found["version"], root)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{one_line(path)}: damaged; remove this file and the pictures beside it, or name another --out"
        ) from error
