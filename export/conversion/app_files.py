"""Which exported files of runs go into an app or onto a page, each checked, and what it is called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.conversion.chosen_files import chosen_entries
from export.conversion.metadata import read_normalization
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from tf_i2i.litert.model_file import read_bytes, read_facts
from training.runs.weights import stale_files

# What the app and the page read of model.json.
_NEEDED_FACTS = ("model", "direction", "variant", "size", "stride", "halo_px", "training_data")


@dataclass(frozen=True, eq=False)
class AppFile:
    """An exported file: its run, where it is, its entry in export.json, a name that is a file
    name's stem, and a title.
    """

    run: Path
    path: Path
    entry: dict
    name: str
    title: str

    def read(self) -> tuple[bytes, dict]:
        """The file, which must be as exported, and its facts. Raises UserError."""
        data, shown = read_bytes(self.path), one_line(self.path)
        facts = read_facts(data) or {}
        missing = [name for name in _NEEDED_FACTS if name not in facts]
        if missing:
            raise UserError(f"{shown}: its metadata lacks {', '.join(missing)}; export it again")
        if sha256_of(data) != self.entry.get("sha256") or facts["size"] != self.entry["size"]:
            raise UserError(f"{shown}: is not the file in export.json; export it again")
        try:
            read_normalization(data)
        except Exception as error:  # what flatbuffers raise on a damaged block is of many types
            raise UserError(f"{shown}: has no metadata on the range of its pixels") from error
        return data, facts


def app_files(runs: Sequence[Path], variants: tuple[str, ...]) -> list[AppFile]:
    """The files of run folders, in both directions where they were exported.

    variants: of each run; if empty, the preferred variant of each run and direction.
    Raises UserError: a run has no such files, or one is of earlier weights than the run has now.
    """
    files = []
    for run, label in zip(runs, _distinct([run.resolve().name for run in runs]), strict=True):
        entries = chosen_entries(run, variants)
        for line in stale_files(run, entries).values():
            raise UserError(f"--run {one_line(run)}: {line}")
        for entry in entries:
            name = "-".join(
                str(part)
                for part in (_slug(label), entry["direction"], entry["size"], entry["variant"])
            )
            title = _title(label) + _remark(entry, entries)
            files.append(AppFile(run, run / "export" / entry["file"], entry, name, title))
    return files


def _remark(entry: dict, entries: list[dict]) -> str:
    """What distinguishes an entry from the others of its run."""
    directions, variants = ({e[key] for e in entries} for key in ("direction", "variant"))
    reverse = " reversed" if entry["direction"] == "ba" and "ab" in directions else ""
    return reverse + (f" ({entry['variant']})" if len(variants) > 1 else "")


def _distinct(names: list[str]) -> list[str]:
    """Names with a number where one occurs again: run folders in several places may share one."""
    counts = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return [f"{name} {n}" if n > 1 else name for name, n in zip(names, counts, strict=True)]


def _title(name: str) -> str:
    words = one_line(re.sub(r"[\s_-]+", " ", name)).strip()
    return words[:1].upper() + words[1:] or "Style"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
