"""The split of a run's pictures: drawn once, stored in RUN/split.json, verified by content."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.sources import ImageSource
from tf_i2i.data.splits import SPLITS, draw_splits, folders_of, parse_split
from tf_i2i.errors import UserError, one_line

FILE = "split.json"
_DOMAIN = "domain_"
_MAX_NAMED = 5


class PicturesChanged(UserError):
    """The sources are there, but not the pictures that the run recorded of them."""


@dataclass(frozen=True)
class PictureGroup:
    """Pictures that are split together: a domain, or pairs, as inputs and targets in one order.

    option: what named the source. sources, descriptions: of each cache, the latter for config.json.
    """

    option: str
    caches: tuple[ImageCache, ...]
    sources: tuple[ImageSource, ...]
    descriptions: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return self.caches[0].names

    @cached_property
    def sums(self) -> list[list[str]]:
        """For each cache the sha256 of the files that its pictures came from."""
        pairs = zip(self.caches, self.sources, strict=True)
        return [self._file_sums(source, cache.names) for cache, source in pairs]

    def _file_sums(self, source: ImageSource, names: Sequence[str]) -> list[str]:
        places = {name: place for place, name in enumerate(source.names)}
        try:
            bar = tqdm(names, f"{self.option}: sums of files", unit="file", delay=3)
            return [source.sha256(places[name]) for name in bar]
        except OSError as error:
            reason = f"{one_line(error)}; the pictures must stay where they are"
            raise UserError(f"{self.option}: {reason}") from error

    def keys(self, by: str) -> list[list[str]]:
        """What ties each picture to others: file, pixels, and with by="folder" its folder."""
        keys: list[list[str]] = [[] for _ in self.names]
        for cache, sums in zip(self.caches, self.sums, strict=True):
            for place, of_picture in enumerate(keys):
                of_picture += [f"file {sums[place]}", f"pixels {cache.pixel_sum(place)}"]
        if by == "folder":
            for of_picture, folder in zip(keys, folders_of(self.names, self.option), strict=True):
                of_picture.append(f"folder {folder}")
        return keys

    def entries(self, splits: Sequence[str | None]) -> dict[str, list[dict]]:
        """What split.json holds of these pictures."""
        entries: dict[str, list[dict]] = {name: [] for name in (*SPLITS, "unused")}
        for name, split, sha256 in zip(self.names, splits, self.sums[0], strict=True):
            entries[split or "unused"].append({"name": name, "sha256": sha256})
        return entries

    def stored_splits(self, entries: dict[str, list[dict]]) -> list[str | None]:
        """The split of each picture as stored; None for pictures that were added later. UserError
        where a picture of the stored split is missing or has changed.
        """
        stored = {e["name"]: (split, e["sha256"]) for split in SPLITS for e in entries[split]}
        sums = dict(zip(self.names, self.sums[0], strict=True))
        missing = [name for name in stored if name not in sums]
        changed = [name for name in sums if name in stored and stored[name][1] != sums[name]]
        for names, problem in ((missing, "missing"), (changed, "another picture now")):
            if names:
                raise PicturesChanged(
                    f"{self.option}: {len(names)} of the {len(stored)} pictures of the run's split "
                    f"are {problem} (first {one_line(names[0])}); restore them, or start a new run"
                )
        return [stored[name][0] if name in stored else None for name in self.names]

    def held_out_entries(self, held_out: ImageCache) -> list[dict]:
        """What config.json holds of pictures that were held out: in the order of `held_out`."""
        sums = self._file_sums(self.sources[0], held_out.names)
        pairs = zip(held_out.names, sums, strict=True)
        return [{"name": name, "sha256": sha256} for name, sha256 in pairs]

    def held_out_again(
        self, entries: list[dict]
    ) -> tuple[tuple[ImageCache, ...], tuple[ImageCache, ...]]:
        """(to train on, held out) as `entries` say, whatever happened to other pictures: one that
        was trained on never takes the place of one that is gone. Without entries the caches, twice.

        Raises UserError: none of those that were held out is there.
        """
        if not entries:
            return self.caches, self.caches
        stored = {entry["name"]: entry["sha256"] for entry in entries}
        there = [name for name in dict.fromkeys(self.names) if name in stored]
        sums = zip(there, self._file_sums(self.sources[0], there), strict=True)
        intact = {name for name, sha256 in sums if stored[name] == sha256}
        gone = [one_line(name) for name in stored if name not in intact]
        count = f"{len(gone)} of the {len(stored)} pictures that were held out of the training"
        if not intact:
            fix = "restore them, or name other pictures"
            raise PicturesChanged(f"{self.option}: {count} are missing or changed; {fix}")
        if gone:
            names = ", ".join(gone[:_MAX_NAMED]) + (", ..." if len(gone) > _MAX_NAMED else "")
            say(f"warning: {self.option}: {count} are missing or changed: {names}")
        parts = [], []
        for place, name in enumerate(self.names):
            if name in intact or name not in stored:
                parts[name in intact].append(place)
        train, held_out = (tuple(c.subset(part) for c in self.caches) for part in parts)
        return train, held_out


def split_pictures(
    groups: dict[str, PictureGroup], options, stored: dict | None
) -> tuple[dict[str, list[ImageCache]], dict]:
    """The caches of all groups in each split, and the record of it for split.json, as it is stored
    or drawn now. groups: by name in the record, such as "domain_a".
    Raises UserError: too few pictures, or those of the stored split are not there any more.
    """
    if stored is None:
        keys = [group.keys(options.split_by) for group in groups.values()]
        sources = [group.option for group in groups.values()]
        drawn = draw_splits(keys, parse_split(options.split), options.split_seed, sources)
        record = {"split": options.split, "by": options.split_by, "seed": options.split_seed}
        for (name, group), splits in zip(groups.items(), drawn, strict=True):
            record[name] = group.entries(splits)
    else:
        record = stored
        drawn = [group.stored_splits(stored[name]) for name, group in groups.items()]
    parts: dict[str, list[ImageCache]] = {split: [] for split in SPLITS}
    for group, splits in zip(groups.values(), drawn, strict=True):
        for name, caches in parts.items():
            places = [place for place, split in enumerate(splits) if split == name]
            caches += [cache.subset(places) for cache in group.caches]
    return parts, record


def read_split(run: Path) -> dict:
    """The split that a run was started with; UserError when split.json is damaged or missing."""
    path = Path(run) / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for part in (part for name, part in record.items() if name.startswith(_DOMAIN)):
            [(entry["name"], entry["sha256"]) for split in SPLITS for entry in part[split]]
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        reason = f"can't be read ({one_line(error)}); restore it, or start a new run"
        raise UserError(f"{path}: {reason}") from error
    return record


def summary_lines(record: dict) -> list[str]:
    """One line per domain for the log."""
    lines = []
    for name, part in record.items():
        if name.startswith(_DOMAIN):
            counts = ", ".join(f"{len(part[split])} {split}" for split in SPLITS)
            unused = f", {len(part['unused'])} unused" if part["unused"] else ""
            lines.append(f"split of {name.replace('_', ' ')} by {record['by']}: {counts}{unused}")
    return lines
