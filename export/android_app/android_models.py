"""Which exported files of a run go into the app, each checked and with a picture of what it does."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.conversion.manifest import read_entries
from tf_i2i.data.pixels import centre_square, most_detailed_window
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.model_file import read_bytes, read_facts

THUMBNAIL_SIDE = 256


# Best first: what a phone runs fastest, then what is exact, the student before its teacher.
_PREFERENCE = tuple(
    (model, variant)
    for model in ("student", "teacher")
    for variant in ("int8", "float16", "float32", "dynamic", "int16")
)


# Facts in model.json that the app reads.
_NEEDED_FACTS = ("model", "direction", "variant", "size", "stride", "halo_px", "training_data")


_CANDIDATES = 24


@dataclass(frozen=True, eq=False)
class AppModel:
    """A model as the app carries it.

    Attributes:
        name: of its files in the assets, without suffix.
        title: what the style chooser shows.
        direction: "ab" or "ba".
        size: side of the input in pixels.
        variant: key of export.conversion.variants.RECIPES.
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


def app_models(runs: list[Path], variants: tuple[str, ...]) -> list[AppModel]:
    """The models of several runs, both directions where they were exported.

    Args:
        runs: run folders.
        variants: wanted ones; none: the best of each run and direction.

    Raises:
        UserError: a run has no such files, or one of them is damaged or has no metadata.
    """
    from tqdm import tqdm

    chosen = []
    for run, shown in zip(runs, _distinct([run.resolve().name for run in runs]), strict=True):
        entries = chosen_entries(run, variants)
        chosen += [(run, shown, entry, _remark(entry, entries)) for entry in entries]
    models, photos = [], {}
    for run, shown, entry, remark in tqdm(
        chosen, "models", unit="model", disable=None, leave=False
    ):
        data = checked_data(run / "export", entry)
        direction, size, variant = entry["direction"], entry["size"], entry["variant"]
        if (run, direction) not in photos:
            photos[run, direction] = held_out_photo(run, direction)
        models.append(
            AppModel(
                name=f"{_slug(shown)}-{direction}-{size}-{variant}",
                title=_title(shown) + remark,
                direction=direction,
                size=size,
                variant=variant,
                data=data,
                thumbnail=thumbnail(run / "export" / entry["file"], photos[run, direction]),
            )
        )
    return models


def chosen_entries(run: Path, variants: tuple[str, ...]) -> list[dict]:
    """Entries of the run's export.json: of each direction and variant the largest size, a student
    before a teacher.
    """
    if not run.is_dir():
        raise UserError(f"--run {one_line(run)}: no such folder; name a run folder")
    entries = [entry for entry in read_entries(run / "export") if _usable(entry)]
    if variants:
        wanted = [rank for rank in _PREFERENCE if rank[1] in variants]
    else:
        wanted = list(_PREFERENCE)
    chosen = []
    for direction in ("ab", "ba"):
        there = [entry for entry in entries if entry["direction"] == direction]
        ranks = [rank for rank in wanted if any(_rank(entry) == rank for entry in there)]
        models = ranks[:1] if not variants else [rank for rank in ranks if rank[0] == ranks[0][0]]
        chosen += [
            max((e for e in there if _rank(e) == rank), key=lambda e: e["size"]) for rank in models
        ]
    if not chosen:
        missing = f"no {' or '.join(variants)} file" if variants else "no exported file"
        flags = " ".join(f"--{variant}" for variant in variants or ("int8",))
        raise UserError(
            f"--run {one_line(run)}: {missing}; write it: python -m export.tflite --run {one_line(run)} {flags}"
        )
    return chosen


def checked_data(folder: Path, entry: dict) -> bytes:
    """The file of an entry in export.json.

    Raises:
        UserError: it is missing, not the file that was exported, or has no metadata.
    """
    from export.conversion.metadata import read_normalization

    path = folder / entry["file"]
    data, shown = read_bytes(path), one_line(path)
    facts = read_facts(data)
    missing = [name for name in _NEEDED_FACTS if name not in (facts or {})]
    if missing:
        raise UserError(
            f"{shown}: its metadata says nothing of {', '.join(missing)}, which the app needs; "
            "export it again with export.tflite"
        )
    if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
        raise UserError(
            f"{shown}: is not the file that export.json tells of (changed or damaged); export it again"
        )
    _check_tiles(shown, facts, entry["size"])
    try:
        read_normalization(data)
    except Exception as error:  # what flatbuffers raise on a damaged block is of many types
        raise UserError(
            f"{shown}: has no metadata on how its pixels are coded; export it again"
        ) from error
    return data


def _check_tiles(shown: str, facts: dict, size: int) -> None:
    """The app runs the file as it is, so the tiles of large photos are as large as its input."""
    stride, halo = facts["stride"], facts["halo_px"]
    known = halo is None or (type(halo) is type(stride) is int and halo >= 0 and stride > 0)
    if facts["size"] != size or not known:
        raise UserError(f"{shown}: damaged, its size, stride and halo can't be; export it again")
    if halo is None:
        return
    margin = -(-halo // stride) * stride
    if size < 3 * margin:
        raise UserError(
            f"{shown}: an input of {size} pixels is too small for tiles that overlap by {margin}; "
            f"export one of at least {-(-3 * margin // stride) * stride}: export.tflite --size"
        )


def held_out_photo(run: Path, direction: str) -> np.ndarray:
    """uint8 [side, side, 3]: the middle of one of the run's validation pictures, neither a dull nor
    a restless one.

    A bundled photograph where the run's own pictures are not there any more.
    """
    try:
        photos = list(_validation_photos(run, direction))
    except UserError as error:
        from tf_i2i.data.demo_data import demo_images

        print(
            f"warning: {error}; thumbnails of this run show a bundled photograph", file=sys.stderr
        )
        validation = demo_images(THUMBNAIL_SIDE).val_a
        photos = [validation.image(i) for i in range(len(validation))]
    squares = sorted(map(centre_square, photos), key=lambda s: most_detailed_window(s, len(s))[0])
    return squares[len(squares) // 2]


def thumbnail(path: Path, photo: np.ndarray) -> bytes:
    """PNG bytes, THUMBNAIL_SIDE pixels square, of what the network makes of `photo` (uint8 [side,
    side, 3]).

    Raises:
        UserError: the file is damaged: it ran, in a process of its own, and failed.
    """
    from PIL import Image

    from export.photos.translator import load_translator

    translator, facts = load_translator(path, tile=None, threads=2), read_facts(read_bytes(path))
    # A network draws strokes of the width that it learned, so a small photo is enlarged afterwards;
    # and without a halo the network takes one size alone.
    side = min(THUMBNAIL_SIDE, len(photo), *([facts["size"]] if facts["halo_px"] is None else []))
    picture = np.array(Image.fromarray(photo).resize((side, side), Image.Resampling.LANCZOS))
    translator.translate(picture, one_line(path))
    image = Image.fromarray(picture).resize(
        (THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS
    )
    encoded = io.BytesIO()
    image.save(encoded, "png", optimize=True)
    return encoded.getvalue()


def _validation_photos(run: Path, direction: str) -> Iterator[np.ndarray]:
    from training.runs.finished_run import FinishedRun

    data = FinishedRun(run).data()
    cache = data.val_a if direction == "ab" else data.val_b
    for i in np.unique(np.linspace(0, len(cache) - 1, _CANDIDATES).round().astype(int)):
        yield cache.image(int(i))


def _usable(entry: dict) -> bool:
    """Whether an entry says all that is read here; one of another version or edited by hand may
    not.
    """
    return (
        Path(entry["file"]).name == entry["file"]
        and entry.get("direction") in ("ab", "ba")
        and type(entry.get("size")) is int
        and _rank(entry) in _PREFERENCE
    )


def _rank(entry: dict) -> tuple:
    return entry.get("model"), entry.get("variant")


def _remark(entry: dict, entries: list[dict]) -> str:
    """What tells an entry from the others of its run."""
    remark = (
        " reversed"
        if entry["direction"] == "ba" and any(e["direction"] == "ab" for e in entries)
        else ""
    )
    several = len({e["variant"] for e in entries}) > 1
    return remark + (f" ({entry['variant']})" if several else "")


def _distinct(names: list[str]) -> list[str]:
    """Run folders may have one name in several places."""
    return [
        name if names[:i].count(name) == 0 else f"{name} {names[:i].count(name) + 1}"
        for i, name in enumerate(names)
    ]


def _title(name: str) -> str:
    words = one_line(re.sub(r"[\s_-]+", " ", name)).strip()
    return words[:1].upper() + words[1:] or "Style"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
