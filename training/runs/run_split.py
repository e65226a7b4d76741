"""The split of a run's pictures: drawn once, stored in RUN/split.json, found again by name and
checked by content.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.sources import ImageSource
from tf_i2i.data.splits import SPLITS, draw_splits, folders_of, parse_split
from tf_i2i.errors import UserError, one_line
from training.runs.run_folder import read_config

FILE = "split.json"


BY_FOLDER = "folder"


_DOMAIN = "domain_"


class SplitPictures:
    """One domain as read, all splits together.

    Args:
        option: what named the source, such as "--domain-a".
        caches: its pictures; of pairs: the inputs, then the targets in the same order.
        sources: those that the caches were read from, for the sums of the files.
    """

    def __init__(self, option: str, caches: Sequence[ImageCache], sources: Sequence[ImageSource]):
        self.option, self._caches, self.names = option, caches, caches[0].names
        sums = [
            _file_sums(option, cache, source) for cache, source in zip(caches, sources, strict=True)
        ]
        self.sums, self._all_sums = sums[0], sums

    def keys(self, by: str) -> list[list[str]]:
        """What ties each picture to others: its file, its pixels, and its folder with by="folder"."""
        found: list[list[str]] = [[] for _ in self.names]
        for cache, sums in zip(self._caches, self._all_sums, strict=True):
            for place, keys in enumerate(found):
                keys += [f"file {sums[place]}", f"pixels {cache.pixel_sum(place)}"]
        if by == BY_FOLDER:
            for keys, folder in zip(found, folders_of(self.names, self.option), strict=True):
                keys.append(f"folder {folder}")
        return found

    def cut(self, splits: Sequence[str | None]) -> dict[str, list[ImageCache]]:
        """The caches of each split."""
        places = {name: [i for i, split in enumerate(splits) if split == name] for name in SPLITS}
        return {
            name: [cache.subset(found) for cache in self._caches] for name, found in places.items()
        }


def split_pictures(
    domains: dict[str, SplitPictures], options, stored: dict | None
) -> tuple[dict[str, dict], dict]:
    """Caches by domain and split, and the record of who is where: the stored one, or a new draw.

    Args:
        domains: by the name that they have in the record, such as "domain_a".
        options: has split, split_by, split_seed. stored: what split.json of the run holds; None:
            draw.

    Raises:
        UserError: too few pictures, or those of the stored split are not there any more.
    """
    if stored is None:
        drawn = draw_splits(
            [pictures.keys(options.split_by) for pictures in domains.values()],
            parse_split(options.split),
            options.split_seed,
            [pictures.option for pictures in domains.values()],
        )
        record = {"split": options.split, "by": options.split_by, "seed": options.split_seed}
        for (name, pictures), splits in zip(domains.items(), drawn, strict=True):
            record[name] = _entries(pictures, splits)
    else:
        record, drawn = (
            stored,
            [_stored_splits(pictures, stored[name]) for name, pictures in domains.items()],
        )
    caches = {
        name: pictures.cut(splits)
        for (name, pictures), splits in zip(domains.items(), drawn, strict=True)
    }
    return caches, record


def read_split(run: Path) -> dict | None:
    """The split that a run was started with; None for a run without --split.

    Raises:
        UserError: split.json is damaged or gone.
    """
    if not read_config(run).get("options", {}).get("split"):
        return None
    path = Path(run) / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for part in (part for name, part in record.items() if name.startswith(_DOMAIN)):
            [(entry["name"], entry["sha256"]) for split in SPLITS for entry in part[split]]
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: can't be read ({one_line(error)}); bring it back, or start a new run"
        ) from error
    return record


def told(record: dict) -> list[str]:
    """A sentence a domain for the log."""
    lines = []
    for name, part in record.items():
        if name.startswith(_DOMAIN):
            counts = ", ".join(f"{len(part[split])} {split}" for split in SPLITS)
            left = f", {len(part['unused'])} unused" if part["unused"] else ""
            lines.append(f"split of {name.replace('_', ' ')} by {record['by']}: {counts}{left}")
    return lines


def _entries(pictures: SplitPictures, splits: Sequence[str | None]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {name: [] for name in (*SPLITS, "unused")}
    for name, split, content in zip(pictures.names, splits, pictures.sums, strict=True):
        found[split or "unused"].append({"name": name, "sha256": content})
    return found


def _stored_splits(pictures: SplitPictures, part: dict[str, list[dict]]) -> list[str | None]:
    """Pictures that came later belong to no split; one of the split that is missing or another now
    is an error.
    """
    split_of = {entry["name"]: (name, entry["sha256"]) for name in SPLITS for entry in part[name]}
    there = set(pictures.names)
    missing = [name for name in split_of if name not in there]
    changed = [
        name
        for name, content in zip(pictures.names, pictures.sums, strict=True)
        if name in split_of and split_of[name][1] != content
    ]
    for names, said in ((missing, "missing"), (changed, "another picture now")):
        if names:
            raise UserError(
                f"{pictures.option}: {len(names)} of the {len(split_of)} pictures of the run's split are {said} (first "
                f"{one_line(names[0])}); bring them back, or start a new run"
            )
    return [split_of[name][0] if name in split_of else None for name in pictures.names]


def _file_sums(option: str, cache: ImageCache, source: ImageSource) -> list[str]:
    places = {name: place for place, name in enumerate(source.names)}
    bar = tqdm(cache.names, f"{option}: sums of files", unit="file", delay=3)
    try:
        return [source.sha256(places[name]) for name in bar]
    except OSError as error:
        raise UserError(
            f"{option}: {one_line(error)}; the pictures must stay where they are"
        ) from error
