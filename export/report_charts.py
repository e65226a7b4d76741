"""Loss curves as inline SVG: drawn by ourselves, coloured by the page's style sheet, legible without scripts.

COLOUR_STYLE and CHART_STYLE are the part of that style sheet which a chart outside of the page needs as well.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

NOT_LOSSES = frozenset({"step", "time_s", "step_s", "images_per_s", "data_wait_share", "learning_rate"})
_WIDTH, _HEIGHT = 480, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 40
_MOST_POINTS = 300
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


def loss_names(metrics: list[dict]) -> list[str]:
    """Names of the losses in the lines of a metrics.jsonl, in their order there."""
    names = dict.fromkeys(key for line in metrics for key in line if key not in NOT_LOSSES)
    return [name for name in names if any(_is_number(line.get(name)) for line in metrics)]


def sliding_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred mean over `window` neighbours of float [N], fewer at the ends: float [N]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first = np.maximum(0, places - (window - 1) // 2)
    last = np.minimum(len(values), places + window // 2 + 1)
    return (sums[last] - sums[first]) / (last - first)


def loss_chart(title: str, metrics: list[dict], names: list[str]) -> str:
    """A <figure>: one curve a loss (faint as logged, strong as sliding mean), axes, and a legend with last means.

    Losses that differ only in a final _A or _B share a colour; the _B one is dashed.
    """
    curves = {name: _curve(metrics, name) for name in names}
    means = np.concatenate([mean for _, _, mean in curves.values()])
    bottom, top, spacing = nice_range(float(means.min()), float(means.max()))
    last_step = max(float(steps[-1]) for steps, _, _ in curves.values())
    terms = list(dict.fromkeys(_term(name) for name in names))
    parts = [_axes(bottom, top, spacing, last_step)]
    legend = []
    for name, (steps, raw, mean) in curves.items():
        style = f"curve c{terms.index(_term(name)) % COLOURS}" + (" dashed" if name.endswith("_B") else "")
        x = _LEFT + steps / last_step * (_WIDTH - _LEFT - _RIGHT)
        parts.append(f'<polyline class="{style} raw" points="{_points(x, raw, bottom, top)}"/>')
        parts.append(f'<polyline class="{style}" points="{_points(x, mean, bottom, top)}"/>')
        swatch = (
            f'<svg viewBox="0 0 24 8" aria-hidden="true"><line class="{style}" x1="1" y1="4" x2="23" y2="4"/></svg>'
        )
        legend.append(f"<li>{swatch}<code>{escape(name)}</code> {_number(mean[-1])}</li>")
    label = f"{title}: " + ", ".join(f"{name} ends at {_number(curve[2][-1])}" for name, curve in curves.items())
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
        f'<ul class="legend">{"".join(legend)}</ul></figure>'
    )


def _curve(metrics: list[dict], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, values and sliding means of one loss, thinned by averaging to a few hundred points."""
    lines = [(line["step"], line[name]) for line in metrics if _is_number(line.get(name))]
    table = np.array(lines, np.float64)
    if len(table) > _MOST_POINTS:
        table = np.array([part.mean(axis=0) for part in np.array_split(table, _MOST_POINTS)])
    return table[:, 0], table[:, 1], sliding_mean(table[:, 1], max(1, len(table) // 12))


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _term(name: str) -> str:
    return name[:-2] if name.endswith(("_A", "_B")) else name


def _nice_step(extent: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, so that about `count` of them make up `extent`."""
    rough = max(extent, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def nice_range(lowest: float, highest: float) -> tuple[float, float, float]:
    """(bottom, top, step): 0 and both values lie within, and a rule stands at bottom and top."""
    low, high = min(0.0, lowest), max(highest, 1e-9)
    step = _nice_step(high - low, 4)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of `step` from `low` to `high`, both included."""
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _axes(bottom: float, top: float, spacing: float, last_step: float) -> str:
    right, base = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for value in ticks(bottom, top, spacing):
        y = base - (value - bottom) / (top - bottom) * (base - _TOP)
        parts.append(f'<line class="rule" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in ticks(0, last_step, _nice_step(last_step, 5)):
        x = _LEFT + value / last_step * (right - _LEFT)
        anchor = "end" if x > right - 14 else "middle"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{base + 17}" text-anchor="{anchor}">{value:,.0f}</text>')
    parts.append(f'<text class="tick" x="{right}" y="{_HEIGHT - 6}" text-anchor="end">step</text>')
    return "".join(parts)


def _points(x: np.ndarray, values: np.ndarray, bottom: float, top: float) -> str:
    base = _HEIGHT - _BOTTOM
    y = base - (np.clip(values, bottom, top) - bottom) / (top - bottom) * (base - _TOP)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
