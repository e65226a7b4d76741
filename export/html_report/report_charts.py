"""Loss curves as inline SVG: drawn by ourselves, coloured by the page's style sheet, legible
without scripts.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

from training.reporting.charts import COLOURS, nice_range, nice_step, ticks

NOT_LOSSES = frozenset(
    {
        "step",
        "time_s",
        "step_s",
        "images_per_s",
        "data_wait_share",
        "face_share",
        "segmentation_share",
        "learning_rate",
    }
)


_WIDTH, _HEIGHT = 480, 270


_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 40


_MOST_POINTS = 300


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
    """A <figure>: one curve a loss (faint as logged, strong as sliding mean), axes, and a legend
    with last means.

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
        style = f"curve c{terms.index(_term(name)) % COLOURS}" + (
            " dashed" if name.endswith("_B") else ""
        )
        x = _LEFT + steps / last_step * (_WIDTH - _LEFT - _RIGHT)
        parts.append(f'<polyline class="{style} raw" points="{_points(x, raw, bottom, top)}"/>')
        parts.append(f'<polyline class="{style}" points="{_points(x, mean, bottom, top)}"/>')
        swatch = f'<svg viewBox="0 0 24 8" aria-hidden="true"><line class="{style}" x1="1" y1="4" x2="23" y2="4"/></svg>'
        legend.append(f"<li>{swatch}<code>{escape(name)}</code> {_number(mean[-1])}</li>")
    label = f"{title}: " + ", ".join(
        f"{name} ends at {_number(curve[2][-1])}" for name, curve in curves.items()
    )
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


def _axes(bottom: float, top: float, spacing: float, last_step: float) -> str:
    right, base = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for value in ticks(bottom, top, spacing):
        y = base - (value - bottom) / (top - bottom) * (base - _TOP)
        parts.append(f'<line class="rule" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    for value in ticks(0, last_step, nice_step(last_step, 5)):
        x = _LEFT + value / last_step * (right - _LEFT)
        anchor = "end" if x > right - 14 else "middle"
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{base + 17}" text-anchor="{anchor}">{value:,.0f}</text>'
        )
    parts.append(f'<text class="tick" x="{right}" y="{_HEIGHT - 6}" text-anchor="end">step</text>')
    return "".join(parts)


def _points(x: np.ndarray, values: np.ndarray, bottom: float, top: float) -> str:
    base = _HEIGHT - _BOTTOM
    y = base - (np.clip(values, bottom, top) - bottom) / (top - bottom) * (base - _TOP)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
