"""Quality against time of students, as an .svg file."""

from __future__ import annotations

from html import escape

from training.reporting.charts import CHART_STYLE, COLOUR_STYLE, nice_range, ticks

_WIDTH, _HEIGHT = 760, 420


_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 130, 20, 50


def frontier_chart(rows: list[dict]) -> str:
    """A dot for each row (candidate, us_per_pixel, quality, on_frontier), a line through those on
    the frontier.
    """
    _, most, x_step = nice_range(0, max(row["us_per_pixel"] for row in rows))
    low, high, y_step = nice_range(
        min(row["quality"] for row in rows), max(row["quality"] for row in rows)
    )

    def place(row: dict) -> tuple[float, float]:
        x = _LEFT + row["us_per_pixel"] / most * (_WIDTH - _LEFT - _RIGHT)
        y = (
            _HEIGHT
            - _BOTTOM
            - (row["quality"] - low) / max(high - low, 1e-9) * (_HEIGHT - _TOP - _BOTTOM)
        )
        return x, y

    parts = []
    for value in ticks(0, most, x_step):
        x, _ = place({"us_per_pixel": value, "quality": low})
        parts.append(
            f'<line class="rule" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>'
        )
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle">{value:.4g}</text>'
        )
    for value in ticks(low, high, y_step):
        _, y = place({"us_per_pixel": 0, "quality": value})
        parts.append(
            f'<line class="rule" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    said = "int8, microseconds a pixel; up: quality on validation photos"
    parts.append(f'<text class="tick" x="{_LEFT}" y="{_HEIGHT - 10}">{said}</text>')
    front = " ".join(
        f"{x:.1f},{y:.1f}" for x, y in (place(row) for row in rows if row["on_frontier"])
    )
    parts.append(
        f'<polyline points="{front}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
    )
    for row in rows:
        x, y = place(row)
        opacity = 1.0 if row["on_frontier"] else 0.45
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="currentColor" fill-opacity="{opacity}"/>'
        )
        parts.append(
            f'<text class="name" x="{x + 9:.1f}" y="{y + 4:.1f}">{escape(row["candidate"])}</text>'
        )
    style = f"{COLOUR_STYLE}\n{CHART_STYLE}\nsvg {{ color: var(--ink, #333); }} text {{ font-family: system-ui, sans-serif; }}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"><style>\n{style}\n</style>'
        f'<rect width="100%" height="100%" style="fill: var(--ground)"/>{"".join(parts)}</svg>\n'
    )
