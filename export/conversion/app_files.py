"""Which exported files go into an app or onto a page, each checked, and what it is called."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.conversion.chosen_files import chosen_entries
from export.conversion.metadata import read_normalization
from export.conversion.variants import VARIANTS
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from tf_i2i.litert.model_file import read_bytes, read_facts
from tf_i2i.litert.sandbox import read_image_model
from training.runs.run_folder import newest_run
from training.runs.weights import stale_files

# What the app and the page read of model.json.
_NEEDED_FACTS = ("model", "direction", "variant", "size", "stride", "halo_px", "training_data")


@dataclass(frozen=True, eq=False)
class AppFile:
    """An exported file: its run, or None for a file on its own; where it is; its entry in
    export.json, or else its facts; a name that is a file name's stem, and a title.
    """

    run: Path | None
    path: Path
    entry: dict
    name: str
    title: str

    def read(self) -> tuple[bytes, dict]:
        """The file, which must be as exported, and its facts. Raises UserError."""
        data, shown = read_bytes(self.path), one_line(self.path)
        changed = UserError(f"{shown}: is not the file in export.json; export it again")
        if self.run and sha256_of(data) != self.entry.get("sha256"):
            raise changed
        facts = _facts_in(data, shown)
        if facts["size"] != self.entry["size"]:
            raise changed
        return data, facts


def _facts_in(data: bytes, shown: str) -> dict:
    facts = read_facts(data) or {}
    missing = [name for name in _NEEDED_FACTS if name not in facts]
    if missing:
        lacks = f"its metadata lacks {', '.join(missing)}"
        raise UserError(f"{shown}: {lacks}; export it with export.tflite")
    try:
        read_normalization(data)
    except Exception as error:  # what flatbuffers raise on a damaged block is of many types
        lacks = "has no metadata on the range of its pixels"
        raise UserError(f"{shown}: {lacks}; export it with export.tflite") from error
    return facts


def app_files(
    runs: Sequence[str], variants: tuple[str, ...], models: Sequence[str]
) -> list[AppFile]:
    """The files of run folders, in both directions where they were exported; or those at the paths
    `models`; or, where neither is named, those of the newest run.

    variants: of each run; if empty, the preferred variant of each run and direction.
    Raises UserError: runs and models are named; a run has no such files, or one is of earlier
    weights than the run has now; a model is not whole, or no file of export.tflite.
    """
    if runs and models:
        raise UserError("--run and --model: both name models; leave one out")
    if models:
        return _finished_files([Path(model) for model in dict.fromkeys(models)])
    return _files_of_runs([Path(r) for r in dict.fromkeys(runs)] or [newest_run()], variants)


def _finished_files(paths: list[Path]) -> list[AppFile]:
    labels = _distinct([path.stem for path in paths])
    return [
        AppFile(None, path, _checked_facts(path), _slug(label), _title(label))
        for path, label in zip(paths, labels, strict=True)
    ]


def _checked_facts(path: Path) -> dict:
    """Of a file without a record in export.json; it runs where a crash does no harm."""
    model, shown = read_image_model(path), one_line(path)
    facts = _facts_in(model.data, shown)
    known = {"direction": ("ab", "ba"), "variant": tuple(VARIANTS), "size": (model.size,)}
    for name, values in known.items():
        if facts[name] not in values:
            wrong = f"damaged, its metadata says {name} {one_line(facts[name])}"
            raise UserError(f"{shown}: {wrong}; export it again")
    return facts


def _files_of_runs(runs: list[Path], variants: tuple[str, ...]) -> list[AppFile]:
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
    """Names with a number where files of two would be called the same."""
    distinct, taken = [], set()
    for name in names:
        numbered = (f"{name} {n}" if n > 1 else name for n in itertools.count(1))
        distinct.append(next(label for label in numbered if _slug(label) not in taken))
        taken.add(_slug(distinct[-1]))
    return distinct


def _title(name: str) -> str:
    words = one_line(re.sub(r"[\s_-]+", " ", name)).strip()
    return words[:1].upper() + words[1:] or "Style"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
