"""Times measured in interleaved blocks, their medians and ratios.

On a shared machine a time in milliseconds means little. What is compared therefore runs in turn,
block after block, in one session: noise then affects all alike, and their ratio is reliable.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tf_i2i.console import say

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Seconds of each repetition, by block; all runners' blocks[i] are of the same round."""

    blocks: tuple[tuple[float, ...], ...]

    @property
    def median(self) -> float:
        return statistics.median(self._sorted())

    def percentile(self, percent: float) -> float:
        """The time that `percent` of the repetitions stayed under (nearest rank)."""
        times = self._sorted()
        return times[min(len(times) - 1, int(len(times) * percent / 100))]

    def _sorted(self) -> list[float]:
        return sorted(seconds for block in self.blocks for seconds in block)


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians over all blocks; low and high are those of single rounds."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(slow: Timing, fast: Timing, scale: float = 1.0) -> Ratio:
    """How many times longer `slow` took than `fast`, times `scale` (for pictures of other sizes)."""
    rounds = [
        scale * statistics.median(a) / statistics.median(b)
        for a, b in zip(slow.blocks, fast.blocks, strict=True)
    ]
    return Ratio(scale * slow.median / fast.median, min(rounds), max(rounds))


def interleave(
    subjects: Mapping[str, T], measure: Callable[[T], Sequence[float]], rounds: int
) -> dict[str, Timing]:
    """Call `measure` on every subject once per round, which returns the times of a block in
    seconds. The order rotates, so that no subject always follows the same neighbour.
    """
    blocks: dict[str, list[tuple[float, ...]]] = {name: [] for name in subjects}
    names = list(subjects)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            say(f"round {number + 1} of {rounds}: {name}")
            blocks[name].append(tuple(measure(subjects[name])))
    return {name: Timing(tuple(measured)) for name, measured in blocks.items()}


class OtherWork:
    """How busy other processes have kept the machine since the object was made.

    Thread pools that compete for the same cores do not slow down alike: PyTorch's threads wait by
    spinning and can become a hundred times slower, so such a ratio means nothing.
    """

    def __init__(self):
        self._start, self._others = time.monotonic(), _others_seconds()

    def cores(self) -> float | None:
        """Cores that other processes used on average; None where the system does not say (only
        Linux does). Child processes count as ours once they have ended.
        """
        if self._others is None:
            return None
        return max(0.0, (_others_seconds() - self._others) / (time.monotonic() - self._start))


def _others_seconds() -> float | None:
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=9)
    except OSError:
        return None
    # cpu user nice system idle iowait irq softirq steal
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[1:9])
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])
