"""Training, validation and test sets that share no picture nor, on request, a person."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tf_i2i.errors import UserError, one_line

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitSizes:
    """train, val, test: numbers of pictures, or (exact=False) shares of all of them, 0 to 1."""

    train: float
    val: float
    test: float
    exact: bool

    def counts(self, total: int) -> dict[str, int]:
        """Pictures of each split where there are `total`."""
        parts = {TRAIN: self.train, VAL: self.val, TEST: self.test}
        if self.exact:
            return {name: int(part) for name, part in parts.items()}
        counts = {name: round(part * total) for name, part in parts.items()}
        if sum(parts.values()) > 1 - 1e-9:
            counts[TRAIN] = total  # what the other two leave
        return counts


def parse_split(text: str) -> SplitSizes:
    """Reads "1000/500/500" or "80%/10%/10%".

    Raises UserError: another form, no training or validation pictures, or shares of over 100 %.
    """
    parts, where = text.replace(" ", "").split("/"), f"--split {one_line(text)}"
    shares = all(part.endswith("%") for part in parts)
    try:
        values = [float(part[:-1]) / 100 if shares else int(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != len(SPLITS) or not all(0 <= value < float("inf") for value in values):
        raise UserError(f"{where}: write TRAIN/VAL/TEST as 1000/500/500 or as 80%/10%/10%")
    if shares and sum(values) > 1 + 1e-9:
        raise UserError(f"{where}: this is {100 * sum(values):g} % of the pictures, over 100 %")
    if not values[0] or not values[1]:
        raise UserError(f"{where}: training and validation need pictures; only the last may be 0")
    return SplitSizes(*values, exact=not shares)


def folders_of(names: Sequence[str], option: str) -> list[str]:
    """The folder of each picture, such as a person's: the first one below their common path.

    Raises UserError, naming `option`, where a picture is in none, or all are in the same one.
    """
    paths = [PurePosixPath(name.replace("\\", "/")).parts for name in names]
    shared = 0
    while all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    for name, path in zip(names, paths, strict=True):
        if len(path) < shared + 2:
            raise UserError(
                f"{option}: {one_line(name)} is beside the folders or in the only one; "
                "--split-by folder needs one folder for each person"
            )
    return [path[shared] for path in paths]


def draw_splits(
    domains: Sequence[Sequence[Sequence[str]]], sizes: SplitSizes, seed: int, options: Sequence[str]
) -> list[list[str | None]]:
    """Draws the split of each picture of each domain, None for a picture that is left over.

    Two pictures that share a key (a file's sha256, a person's folder), even through others or in
    two domains, are never in two splits: such groups are drawn as a whole. Numbers of pictures are
    met by leaving out some of the last group, shares as closely as whole groups can.

    domains: the keys of each picture. seed: the same draw, whatever the order of the pictures.
    options: the domains' names in messages.
    Raises UserError: too few pictures.
    """
    groups = iter(_groups([keys for domain in domains for keys in domain]))
    split_of: dict[str, str] = {}
    drawn = []
    for domain, option in zip(domains, options, strict=True):
        of_domain = [next(groups) for _ in domain]
        drawn.append(_draw(of_domain, sizes, seed, split_of, option))
        pairs = zip(of_domain, drawn[-1], strict=True)
        split_of |= {group: split for group, split in pairs if split}
    return drawn


def _draw(
    groups: list[str], sizes: SplitSizes, seed: int, split_of: dict[str, str], option: str
) -> list[str | None]:
    """split_of: splits of groups that an earlier domain has as well."""
    total, members = len(groups), {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    free = [group for group in order if group not in split_of]
    counts = sizes.counts(total)
    minimum = counts if sizes.exact else {TRAIN: 2, VAL: 1, TEST: int(sizes.test > 0)}
    splits: list[str | None] = [None] * total
    for split in (TEST, VAL, TRAIN):
        groups_here = [group for group in order if split_of.get(group) == split]
        bound = [place for group in groups_here for place in members[group]]
        places, free = _choose(bound, free, members, counts[split], not sizes.exact)
        if len(places) < minimum[split]:
            reason = "; pictures of one content or folder stay together" * (len(members) < total)
            raise UserError(
                f"--split: {option} has {total} pictures, {len(places)} are left where "
                f"{minimum[split]} are required for {split}{reason}: ask for fewer, or add pictures"
            )
        for place in places:
            splits[place] = split
    return splits


def _choose(
    places: list[int], free: list[str], members: dict[str, list[int]], count: int, whole: bool
) -> tuple[list[int], list[str]]:
    """Adds groups to `places` up to about `count` places; also returns the groups that stay free.

    Groups that fit come first: a person with hundreds of pictures is not spent on a handful. Unless
    `whole`, the last one is cut.
    """
    rest = []
    for group in free:
        if len(places) + len(members[group]) <= count:
            places += members[group]
        else:
            rest.append(group)
    if len(places) < count and rest:
        smallest = min(rest, key=lambda group: len(members[group]))
        over = len(places) + len(members[smallest]) - count
        if not whole or not places or over <= count - len(places):
            places += members[smallest]
            rest.remove(smallest)
    return places if whole else places[:count], rest


def _groups(items: list[Sequence[str]]) -> list[str]:
    """A name for the group of each item, equal where keys connect them: the group's least key."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for keys in items:
        roots = sorted({root(key) for key in keys})
        parent |= dict.fromkeys(roots, roots[0])
    return [root(keys[0]) for keys in items]
