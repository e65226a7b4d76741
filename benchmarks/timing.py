"""From times measured in interleaved blocks to medians, ratios and their spread.

On a shared machine a time in milliseconds means little. Whatever is compared is therefore run in turn, block after
block, in one session: noise then hits both alike, and their ratio can be relied on.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, by block: blocks[i] was measured in the same round as every other's blocks[i]."""

    blocks: tuple[tuple[float, ...], ...]

    @property
    def all(self) -> list[float]:
        return sorted(seconds for block in self.blocks for seconds in block)

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    def percentile(self, percent: float) -> float:
        """The time that `percent` of the repetitions stayed under (nearest rank)."""
        times = self.all
        return times[min(len(times) - 1, int(len(times) * percent / 100))]


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians over all blocks; low and high are the smallest and largest ratio of one round."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slow: Timing, fast: Timing, scale: float = 1.0) -> Ratio:
    """How many times longer `slow` took than `fast`, times `scale` (for instance when their pictures differ in size)."""
    rounds = [
        scale * statistics.median(a) / statistics.median(b) for a, b in zip(slow.blocks, fast.blocks, strict=True)
    ]
    return Ratio(scale * slow.median / fast.median, min(rounds), max(rounds))


def interleave(
    runners: Mapping[str, Callable[[], Sequence[float]]], rounds: int, progress: Callable[[str], None]
) -> dict[str, Timing]:
    """Calls every runner once a round; each call measures a block and returns its times in seconds.

    The order is turned by one each round, so that nobody always runs after the same neighbour.
    """
    blocks: dict[str, list[tuple[float, ...]]] = {name: [] for name in runners}
    names = list(runners)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            progress(f"round {number + 1} of {rounds}: {name}")
            blocks[name].append(tuple(runners[name]()))
    return {name: Timing(tuple(measured)) for name, measured in blocks.items()}
