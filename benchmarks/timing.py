"""From times measured in interleaved blocks to medians, ratios and their spread.

On a shared machine a time in milliseconds means little. Whatever is compared is therefore run in
turn, block after block, in one session: noise then hits both alike, and their ratio can be relied
on.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, by block: blocks[i] was measured in the same round as every
    other's blocks[i].
    """

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
    """Ratio of two medians over all blocks; low and high are the smallest and largest ratio of one
    round.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slow: Timing, fast: Timing, scale: float = 1.0) -> Ratio:
    """How many times longer `slow` took than `fast`, times `scale` (for instance when their
    pictures differ in size).
    """
    rounds = [
        scale * statistics.median(a) / statistics.median(b)
        for a, b in zip(slow.blocks, fast.blocks, strict=True)
    ]
    return Ratio(scale * slow.median / fast.median, min(rounds), max(rounds))


def interleave(
    runners: Mapping[str, Callable[[], Sequence[float]]],
    rounds: int,
    progress: Callable[[str], None],
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


class OtherWork:
    """How busy everything else kept the machine between its making and `cores()`.

    Two thread pools that fight for the same cores don't slow down alike: PyTorch's threads wait by
    spinning and can become a hundred times slower, so such a ratio says nothing.
    """

    def __init__(self):
        self._start, self._busy, self._own = time.monotonic(), _busy_seconds(), _own_seconds()

    def cores(self) -> float | None:
        """Cores that other processes used on average; None where the system does not tell (only
        Linux does). Child processes count as ours once they have ended."""
        if self._busy is None:
            return None
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        return max(0.0, others / (time.monotonic() - self._start))


def _busy_seconds() -> float | None:
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=9)
    except OSError:
        return None
    # cpu user nice system idle iowait irq softirq steal
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    return sum(os.times()[:4])
