"""Times of exported files as a bar chart in SVG: the bar is the median, the whisker reaches to the
90th percentile.
"""

from __future__ import annotations

from pathlib import Path

from training.reporting.charts import COLOURS, Bar, bar_chart, svg_file

# Characters that the space left of the bars holds.
_LONGEST_NAME = 52


def latency_chart(rows: list[dict]) -> str:
    """An <svg> element without a style sheet: a bar for each row of `charted`, a colour for each
    file.

    Args:
        rows: of benchmark.json, each with file, threads, median_ms; device and p90_ms where known.
    """
    rows = charted(rows)
    files = list(dict.fromkeys(row["file"] for row in rows))
    names = [_name(row, len({_size(one) for one in rows}) > 1) for row in rows]
    bars = [
        Bar(
            name,
            row["median_ms"],
            f"{row['median_ms']:.3g}",
            (row["median_ms"], row.get("p90_ms") or row["median_ms"]),
            files.index(row["file"]) % COLOURS,
        )
        for name, row in zip(names, rows, strict=True)
    ]
    label = "; ".join(
        f"{name}: {row['median_ms']:.3g} ms" for name, row in zip(names, rows, strict=True)
    )
    return bar_chart(bars, "ms an inference: median, and 90th percentile", label)


def charted(rows: list[dict]) -> list[dict]:
    """The rows that a chart shows: not those without figures, nor those of an emulated GPU, which
    would dwarf all others.
    """
    return [row for row in rows if row.get("median_ms") and not row.get("emulated")]


def chart_file(rows: list[dict]) -> str:
    """The chart as the text of an .svg file."""
    return svg_file(latency_chart(rows))


def _name(row: dict, with_size: bool) -> str:
    """The file's own name (of a long one the end), its size where a chart has several, and what it
    ran on.
    """
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
