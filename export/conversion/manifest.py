"""export.json: what is known of every exported file of a folder."""

import json
from pathlib import Path

from tf_i2i.errors import UserError
from tf_i2i.files import write_json

_NAME = "export.json"


def read_entries(folder: Path) -> list[dict]:
    """Entries of export.json in `folder` (RUN/export), maybe none. Raises UserError if damaged."""
    path = folder / _NAME
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(entry["file"], str) for entry in entries):
            raise ValueError("an entry names no file")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: can't be read ({error}); remove it and export again") from error
    return entries


def put_entry(folder: Path, entry: dict) -> None:
    """Adds an entry, in place of one for the same file; entries without a file are dropped."""
    others = [e for e in read_entries(folder) if e["file"] != entry["file"]]
    present = [e for e in others if (folder / e["file"]).is_file()]
    write_json(folder / _NAME, sorted([*present, entry], key=lambda e: e["file"]))


def drop_file(folder: Path, file: str) -> None:
    """Removes an exported file and its entry, where they exist."""
    (folder / file).unlink(missing_ok=True)
    entries = read_entries(folder)
    others = [entry for entry in entries if entry["file"] != file]
    if len(others) != len(entries):
        write_json(folder / _NAME, others)
