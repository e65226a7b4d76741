"""Times of exported files as a bar chart in SVG: the bar is the median, the whisker reaches to the 90th percentile."""

from __future__ import annotations

from html import escape
from pathlib import Path

from export.report_charts import CHART_STYLE, COLOUR_STYLE, COLOURS, nice_range, ticks

_WIDTH, _ROW = 800, 24
_LEFT, _RIGHT, _TOP, _BOTTOM = 380, 66, 8, 40
# Characters that the space left of the bars holds.
_LONGEST_NAME = 52


def latency_chart(rows: list[dict]) -> str:
    """An <svg> element without a style sheet: a bar for each row of `charted`, a colour for each file.

    Args:
        rows: of benchmark.json, each with file, threads, median_ms; device and p90_ms where known.
    """
    rows = charted(rows)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    _, most, spacing = nice_range(0, max((row.get("p90_ms") or row["median_ms"] for row in rows), default=1.0))
    files = list(dict.fromkeys(row["file"] for row in rows))
    names = [_name(row, len({_size(one) for one in rows}) > 1) for row in rows]
    parts = [_axis(most, spacing, height)]
    for number, row in enumerate(rows):
        y, colour = _TOP + _ROW * (number + 0.5), files.index(row["file"]) % COLOURS
        parts.append(_bar(row, names[number], y, most, colour))
    label = "; ".join(f"{name}: {row['median_ms']:.3g} ms" for name, row in zip(names, rows, strict=True))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
    )


def charted(rows: list[dict]) -> list[dict]:
    """The rows that a chart shows: not those without figures, nor those of an emulated GPU, which would dwarf all others."""
    return [row for row in rows if row.get("median_ms") and not row.get("emulated")]


def chart_file(rows: list[dict]) -> str:
    """The chart as the text of an .svg file of its own: with its colours and, for bright and dark, its ground."""
    opening, rest = latency_chart(rows).split(">", 1)
    # Not in the page: HTML knows what an svg element is, and a page that names no address needs none.
    opening = opening.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    style = f"{COLOUR_STYLE}\n{CHART_STYLE}\ntext {{ font-family: system-ui, sans-serif; }}"
    return f'{opening}><style>\n{style}\n</style><rect width="100%" height="100%" style="fill: var(--ground)"/>{rest}\n'


def _axis(most: float, spacing: float, height: int) -> str:
    base, parts = height - _BOTTOM, []
    for value in ticks(0, most, spacing):
        x = _place(value, most)
        parts.append(f'<line class="rule" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{base}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{base + 17}" text-anchor="middle">{value:.4g}</text>')
    said = "ms an inference: median, and 90th percentile"
    parts.append(f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{height - 6}" text-anchor="end">{said}</text>')
    return "".join(parts)


def _bar(row: dict, name: str, y: float, most: float, colour: int) -> str:
    end, tail = _place(row["median_ms"], most), _place(row.get("p90_ms") or row["median_ms"], most)
    return (
        f'<text class="name" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        f'<line class="bar c{colour}" x1="{_LEFT}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}"/>'
        f'<path class="whisker" d="M{end:.1f} {y:.1f}H{tail:.1f}M{tail:.1f} {y - 4:.1f}v8"/>'
        f'<text class="tick" x="{tail + 6:.1f}" y="{y + 4:.1f}">{row["median_ms"]:.3g}</text>'
    )


def _place(value: float, most: float) -> float:
    return _LEFT + value / most * (_WIDTH - _LEFT - _RIGHT)


def _name(row: dict, with_size: bool) -> str:
    """The file's own name (of a long one the end), its size where a chart has several, and what it ran on."""
    name, device, threads = Path(row["file"]).name, row.get("device", "CPU"), row.get("threads")
    facts = [_size(row)] if with_size and _size(row) else []
    facts += [] if device == "CPU" else [device[:20]]
    facts += [f"{threads} thread{'s' if threads > 1 else ''}"] if threads else []
    rest = "".join(f", {fact}" for fact in facts)
    room = _LONGEST_NAME - len(rest)
    return (name if len(name) <= room else "…" + name[1 - room :]) + rest


def _size(row: dict) -> str:
    shape = row.get("input_shape") or ()
    return f"{shape[2]}×{shape[1]} px" if len(shape) == 4 else ""
