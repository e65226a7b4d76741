"""Which pictures of a domain are left out, and why: from the measurements alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from tf_i2i.near_copies import near_copies
from tf_i2i.photo_pairs import DUPLICATE, GREY, TOO_SMALL, Dropped, Limits, drop_reason
from tf_i2i.scans import Box
from training.curating.looks import Look

UNREADABLE, TEXT, NOT_SHARED = "unreadable", "page of text", "not in both domains"
REASONS = (UNREADABLE, TOO_SMALL, GREY, TEXT, DUPLICATE, NOT_SHARED)


@dataclass
class Domain:
    """One folder and what was decided about its pictures.

    Attributes:
        root: the folder. files: name -> path, in their order.
        looks: name -> measurements, of those that could be read.
        rejects: name -> why it is left out.
    """

    root: Path
    files: dict[str, Path]
    looks: dict[str, Look] = field(default_factory=dict)
    rejects: dict[str, Dropped] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, Look]:
        return {name: look for name, look in self.looks.items() if name not in self.rejects}

    @property
    def trims(self) -> dict[str, Box]:
        """Name -> what is left without margins, of the pictures that stay."""
        return {name: look.box for name, look in self.kept.items() if look.box}

    def take(self, name: str, found: Look | str) -> None:
        if isinstance(found, Look):
            self.looks[name] = found
        else:
            self.rejects[name] = Dropped(UNREADABLE, found)


def judge(domain: Domain, limits: Limits, max_text: float, copies: bool) -> None:
    """Decides on all pictures of one domain by themselves.

    Args:
        limits: of size and chroma. max_text: share of the picture that text may cover. copies:
            whether they may stay.
    """
    for name, look in domain.looks.items():
        if reason := drop_reason(look.features, limits):
            domain.rejects[name] = reason
        elif look.text > max_text:
            domain.rejects[name] = Dropped(
                TEXT, f"text covers {look.text:.2f} of it, over {max_text:g}"
            )
    if copies:
        return
    views = {name: look.view for name, look in domain.kept.items()}
    found = near_copies(
        views, progress=lambda names: tqdm(names, "comparing", unit="picture", delay=1)
    )
    for name, (stays, likeness) in found.items():
        domain.rejects[name] = Dropped(DUPLICATE, f"of {stays}, likeness {likeness:.3f}")


def counts_of(domains: Sequence[Domain]) -> list[tuple[str, list[int]]]:
    """Lines of a table: what, how many in each domain."""
    found = [Counter(dropped.reason for dropped in domain.rejects.values()) for domain in domains]
    lines = [("pictures", [len(domain.files) for domain in domains])]
    lines += [(reason, [count[reason] for count in found]) for reason in REASONS]
    lines.append(("kept", [len(domain.kept) for domain in domains]))
    return [*lines, ("of these with margins", [len(domain.trims) for domain in domains])]
