"""Which weights a run has now, and which exported files are of earlier ones. Without TensorFlow."""

import json
from collections.abc import Sequence
from pathlib import Path

from tf_i2i.command_line import command
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import sha256_of
from training.runs.checkpoints import chosen

_NETWORKS = [(model, way) for model in ("student", "teacher") for way in ("ab", "ba")]


def weights_sha256(
    root: Path, model: str, direction: str, checkpoint: str | None = None
) -> str | None:
    """sha256 of student.weights.h5, or of the data of a checkpoint (of a teacher by default the
    newest); None without it.
    """
    if model == "student" and not checkpoint:
        file = Path(root) / "student" / direction / "student.weights.h5"
        return sha256_of(file) if file.is_file() else None
    try:
        saved = chosen(Path(root) / "checkpoints", checkpoint or "newest")
    except UserError:  # it was removed since
        return None
    file = saved and Path(f"{saved.prefix}.data-00000-of-00001")
    return sha256_of(file) if file and file.is_file() else None


def stale_exports(root: Path) -> list[str]:
    """A line about each file in RUN/export of other weights than the run has now."""
    try:
        entries = json.loads((Path(root) / "export" / "export.json").read_text(encoding="utf-8"))
        return list(stale_files(root, entries).values())
    except (OSError, ValueError, TypeError, AttributeError, KeyError):  # whoever reads it will say
        return []


def stale_files(root: Path, entries: Sequence[dict]) -> dict[str, str]:
    """Of entries of export.json, those made of other weights than the run has now: file -> a line
    about it. Files of versions that did not record their weights are not among them.
    """
    stale, now = {}, {}
    for entry in entries:
        network, made_of = (entry.get("model"), entry.get("direction")), entry.get("weights_sha256")
        if not made_of or network not in _NETWORKS:
            continue
        model, direction, which = *network, entry.get("checkpoint")
        of = *network, which
        if of not in now:
            now[of] = weights_sha256(root, *of)
        if now[of] and made_of != now[of]:
            again = command(
                "export.tflite",
                run=root,
                model=model,
                direction=direction,
                checkpoint=which,
                size=entry.get("size"),
                **{str(entry.get("variant")): True},
            )
            file, what = one_line(entry["file"]), f"is of earlier weights of the {model}"
            stale[entry["file"]] = f"{file} {what}; export it again: {again}"
    return stale
