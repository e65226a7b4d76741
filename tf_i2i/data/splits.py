"""Pictures drawn into training, validation and test sets that share neither a picture nor, where
asked, a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tf_i2i.errors import UserError, one_line

TRAIN, VAL, TEST = "train", "val", "test"


SPLITS = (TRAIN, VAL, TEST)


_FORM = "write TRAIN/VAL/TEST as numbers of pictures (1000/500/500) or as shares (80%/10%/10%)"


class NotEnough(ValueError):
    """Too few pictures for a split; the text says of what."""


@dataclass(frozen=True)
class SplitSizes:
    """train, val, test: how many pictures, or (exact=False) which shares of all of them, 0 to 1."""

    train: float
    val: float
    test: float
    exact: bool

    def wanted(self, total: int) -> dict[str, int]:
        """Pictures of each split when there are `total`."""
        parts = {TRAIN: self.train, VAL: self.val, TEST: self.test}
        if self.exact:
            return {name: int(part) for name, part in parts.items()}
        everything_else = sum(parts.values()) > 1 - 1e-9
        return {name: round(part * total) for name, part in parts.items()} | (
            {TRAIN: total} if everything_else else {}
        )

    def least(self, split: str, total: int) -> int:
        """Fewer pictures than this are too few."""
        if self.exact:
            return self.wanted(total)[split]
        return {TRAIN: 2, VAL: 1, TEST: int(self.test > 0)}[split]


def parse_split(text: str) -> SplitSizes:
    """Reads "1000/500/500" or "80%/10%/10%".

    Raises:
        UserError: another form, no training or validation pictures, or shares of over 100 %.
    """
    parts = text.replace(" ", "").split("/")
    shares = all(part.endswith("%") for part in parts)
    try:
        values = [float(part[:-1]) / 100 if shares else int(part) for part in parts]
    except ValueError:
        values = []
    if len(values) != len(SPLITS) or not all(0 <= value < float("inf") for value in values):
        raise UserError(f"--split {one_line(text)}: {_FORM}")
    if shares and sum(values) > 1 + 1e-9:
        raise UserError(
            f"--split {one_line(text)}: these are {100 * sum(values):g} % of the pictures, over 100 %"
        )
    if not values[0] or not values[1]:
        raise UserError(
            f"--split {one_line(text)}: training and validation need pictures; only the last may be 0"
        )
    return SplitSizes(*values, exact=not shares)


def folders_of(names: Sequence[str], option: str) -> list[str]:
    """The folder of each picture, such as a person's: the first one below all that they have in
    common.

    Args: names: paths with "/", relative or absolute. option: the source's, for messages.

    Raises:
        UserError: a picture lies in no such folder, or all of them in one.
    """
    paths = [PurePosixPath(name.replace("\\", "/")).parts for name in names]
    shared = 0
    while all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    lonely = next(
        (name for name, path in zip(names, paths, strict=True) if len(path) < shared + 2), None
    )
    if lonely is not None:
        raise UserError(
            f"{option}: {one_line(lonely)} lies beside the folders or in the only one; --split-by folder needs one folder "
            "for each person"
        )
    return [path[shared] for path in paths]


def draw_splits(
    domains: Sequence[Sequence[Sequence[str]]], sizes: SplitSizes, seed: int, options: Sequence[str]
) -> list[list[str | None]]:
    """The split of each picture of each domain, by chance: "train", "val", "test", or None for one
    that is left over.

    Two pictures with a key in common (the sum of a file, a person's folder), also through others
    and also in two domains, are never in two splits. So sets of such pictures are drawn as a whole;
    numbers of pictures are met by leaving some of the last set out, shares as nearly as whole sets
    can.

    Args:
        domains: the keys of each picture. options: the domains' names in messages.
        seed: the same draw for the same keys, whatever the order of the pictures.

    Raises:
        UserError: too few pictures.
    """
    groups = _groups([keys for domain in domains for keys in domain])
    decided: dict[str, str] = {}
    drawn, start = [], 0
    for domain, option in zip(domains, options, strict=True):
        own = groups[start : start + len(domain)]
        start += len(domain)
        try:
            drawn.append(_draw(own, sizes, seed, decided))
        except NotEnough as error:
            raise UserError(f"--split: {option} has {len(domain)} pictures, {error}") from error
        decided |= {group: split for group, split in zip(own, drawn[-1], strict=True) if split}
    return drawn


def _draw(
    groups: list[str], sizes: SplitSizes, seed: int, decided: dict[str, str]
) -> list[str | None]:
    """decided: where groups must go that another domain has as well."""
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest())
    free = [group for group in order if group not in decided]
    wanted, splits = sizes.wanted(len(groups)), [None] * len(groups)
    for split in (TEST, VAL, TRAIN):
        bound = [group for group in order if decided.get(group) == split]
        chosen, free = _chosen(bound, free, members, wanted[split], whole=not sizes.exact)
        least = sizes.least(split, len(groups))
        if len(chosen) < least:
            raise NotEnough(_shortage(split, least, len(chosen), len(members) < len(groups)))
        for place in chosen:
            splits[place] = split
    return splits


def _chosen(
    bound: list[str], free: list[str], members: dict[str, list[int]], count: int, whole: bool
) -> tuple[list[int], list[str]]:
    """About `count` places, and the groups that are still free. whole: no group is cut, the count
    may be missed.

    Groups that fit come first, so that a person with hundreds of pictures is not spent on a
    handful.
    """
    taken = [place for group in bound for place in members[group]]
    rest = []
    for group in free:
        if len(taken) + len(members[group]) <= count:
            taken += members[group]
        else:
            rest.append(group)
    if len(taken) < count and rest:
        nearest = min(rest, key=lambda group: len(members[group]))
        over = len(taken) + len(members[nearest]) - count
        if not whole or not taken or over <= count - len(taken):
            taken += members[nearest]
            rest.remove(nearest)
    return taken if whole else taken[:count], rest


def _groups(items: list[Sequence[str]]) -> list[str]:
    """A name for each item, equal for those that keys connect: the least key of its group."""
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


def _shortage(split: str, wanted: int, found: int, in_groups: bool) -> str:
    reason = "; pictures of one content or one folder stay together" if in_groups else ""
    return f"{found} are left where {wanted} are asked for {split}{reason}: ask for fewer, or add pictures"
