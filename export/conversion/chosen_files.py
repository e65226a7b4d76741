"""Which of a run's exported files are used where none is named. Without TensorFlow."""

from itertools import groupby
from operator import itemgetter
from pathlib import Path

from export.conversion.manifest import read_entries
from tf_i2i.command_line import command
from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from training.runs.weights import stale_files

# Preferred first: what a phone runs fastest, then what is exact.
_MODELS = ("student", "teacher")
_VARIANTS = ("int8", "float16", "float32", "dynamic", "int16")


def chosen_entries(run: Path, variants: tuple[str, ...]) -> list[dict]:
    """Of each direction and variant the largest file in export.json, a student before a teacher."""
    if not run.is_dir():
        raise UserError(f"--run {one_line(run)}: no such folder; name a run folder")
    entries = [e for e in read_entries(run / "export") if _is_usable(e)]
    entries = [e for e in entries if e["variant"] in (variants or _VARIANTS)]
    entries.sort(
        key=lambda e: (_MODELS.index(e["model"]), _VARIANTS.index(e["variant"]), -e["size"])
    )
    chosen = []
    for direction in ("ab", "ba"):
        of_direction = [e for e in entries if e["direction"] == direction]
        of_model = [e for e in of_direction if e["model"] == of_direction[0]["model"]]
        largest = [next(group) for _, group in groupby(of_model, itemgetter("variant"))]
        chosen += largest if variants else largest[:1]
    if not chosen:
        missing = f"no {' or '.join(variants)} file" if variants else "no exported file"
        flags = dict.fromkeys(variants or ("int8",), True)
        export = command("export.tflite", run=run, **flags)
        raise UserError(f"--run {one_line(run)}: {missing}; write it: {export}")
    return chosen


def run_file(run: Path, direction: str | None) -> Path:
    """The exported file of a run for photos; says where it is of earlier weights."""
    entries = chosen_entries(run, ())
    known = {entry["direction"]: entry for entry in entries}
    if direction and direction not in known:
        export = command("export.tflite", run=run, direction=direction, int8=True)
        raise UserError(f"--direction {direction}: no exported file; write it: {export}")
    entry = known[direction] if direction else entries[0]
    for line in stale_files(run, [entry]).values():
        say(f"warning: {line}")
    return run / "export" / entry["file"]


def _is_usable(entry: dict) -> bool:
    """Whether an entry has all that is read here; another version's or an edited one may not."""
    return (
        Path(entry["file"]).name == entry["file"]
        and entry.get("direction") in ("ab", "ba")
        and type(entry.get("size")) is int
        and entry.get("model") in _MODELS
        and entry.get("variant") in _VARIANTS
    )
