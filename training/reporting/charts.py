"""Bars as inline SVG: drawn by ourselves, coloured by the page's style sheet, legible without
scripts.

COLOUR_STYLE and CHART_STYLE are the part of that style sheet which a chart outside of a page needs
as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _ROW = 800, 24


_RIGHT, _TOP, _BOTTOM = 66, 8, 40


COLOURS = 6


COLOUR_STYLE = """:root { color-scheme: light dark;
  --ground: #fbfaf8; --panel: #ffffff; --ink: #1d1f23; --soft: #62666e; --rule: #dedcd6; --accent: #1f5f8b;
  --c0: #1f6fb2; --c1: #c7551b; --c2: #2c8455; --c3: #8a3f9e; --c4: #a67a00; --c5: #6b7280; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #15171a; --panel: #1d2024; --ink: #e8e6e1; --soft: #a1a5ad; --rule: #363a41; --accent: #86bfe6;
  --c0: #6db1ec; --c1: #f0945f; --c2: #6cc795; --c3: #cf94df; --c4: #dcb94a; --c5: #a3abb8; } }"""


CHART_STYLE = """.rule { stroke: var(--rule); } .tick { fill: var(--soft); font-size: 12.5px; } .name { fill: var(--ink); font-size: 12.5px; }
.bar { stroke-width: 14; } .whisker { stroke: var(--ink); stroke-width: 1.5; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
.c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); }"""


@dataclass(frozen=True)
class Bar:
    """One line of a chart. value: None draws no bar, its `text` alone; whisker: (from, to) around
    the value;
    colour: 0 to COLOURS - 1; text: what stands behind the bar."""

    name: str
    value: float | None
    text: str
    whisker: tuple[float, float] | None = None
    colour: int = 0


def bar_chart(bars: Sequence[Bar], unit: str, label: str, name_room: int = 380) -> str:
    """An <svg> element without a style sheet, a line for each bar, from 0 outwards.

    Args:
        unit: stands under the axis. label: what a reader who does not see it is told. name_room:
            for names, pixels of 800.
    """
    ends = [
        value
        for bar in bars
        if bar.value is not None
        for value in (bar.value, *(bar.whisker or ()))
    ]
    low, high, spacing = nice_range(min(ends, default=0.0), max(ends, default=1.0))
    height = _TOP + _ROW * len(bars) + _BOTTOM

    def place(value: float) -> float:
        return name_room + (value - low) / (high - low) * (_WIDTH - name_room - _RIGHT)

    parts = []
    for value in ticks(low, high, spacing):
        x, base = place(value), height - _BOTTOM
        parts.append(f'<line class="rule" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{base}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{base + 17}" text-anchor="middle">{value:.4g}</text>'
        )
    parts.append(
        f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{height - 6}" text-anchor="end">{escape(unit)}</text>'
    )
    parts += [
        _bar(bar, _TOP + _ROW * (number + 0.5), place, name_room) for number, bar in enumerate(bars)
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def _bar(bar: Bar, y: float, place, name_room: int) -> str:
    drawn = f'<text class="name" x="{name_room - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(bar.name)}</text>'
    zero = end = place(0.0)
    if bar.value is not None:
        end = place(bar.value)
        drawn += f'<line class="bar c{bar.colour}" x1="{zero:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>'
    tail = max(zero, end)
    if bar.value is not None and bar.whisker:
        start, tail = map(place, bar.whisker)
        caps = "".join(f"M{x:.1f} {y - 4:.1f}v8" for x in dict.fromkeys((start, tail)) if x != end)
        drawn += f'<path class="whisker" d="M{start:.1f} {y:.1f}H{tail:.1f}{caps}"/>'
    return (
        drawn
        + f'<text class="tick" x="{max(tail, zero) + 6:.1f}" y="{y + 4:.1f}">{escape(bar.text)}</text>'
    )


def svg_file(chart: str) -> str:
    """A chart as the text of an .svg file of its own: with its colours and, for bright and dark,
    its ground.
    """
    opening, rest = chart.split(">", 1)
    # Not in a page: HTML knows what an svg element is, and a page that names no address needs none.
    opening = opening.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    style = f"{COLOUR_STYLE}\n{CHART_STYLE}\ntext {{ font-family: system-ui, sans-serif; }}"
    return f'{opening}><style>\n{style}\n</style><rect width="100%" height="100%" style="fill: var(--ground)"/>{rest}\n'


def nice_step(extent: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, so that about `count` of them make up `extent`."""
    rough = max(extent, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def nice_range(lowest: float, highest: float) -> tuple[float, float, float]:
    """(bottom, top, step): 0 and both values lie within, and a rule stands at bottom and top."""
    low, high = min(0.0, lowest), max(highest, 1e-9)
    step = nice_step(high - low, 4)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of `step` from `low` to `high`, both included."""
    return [
        i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]
