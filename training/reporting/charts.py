"""Charts drawn by matplotlib: SVG elements that take their colours from the page's style sheet.

The SVG keeps its text as text, names no address and has no ids except those of markers, so that
any number of charts can stand in one page. Equal data gives equal bytes.
"""

import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# CSS variable: colour in light and in dark.
_COLOURS = {
    "ground": ("#fbfaf8", "#15171a"),
    "panel": ("#ffffff", "#1d2024"),
    "ink": ("#1d1f23", "#e8e6e1"),
    "soft": ("#62666e", "#a1a5ad"),
    "rule": ("#dedcd6", "#363a41"),
    "c0": ("#1f6fb2", "#6db1ec"),
    "c1": ("#c7551b", "#f0945f"),
    "c2": ("#2c8455", "#6cc795"),
    "c3": ("#8a3f9e", "#cf94df"),
    "c4": ("#a67a00", "#dcb94a"),
    "c5": ("#6b7280", "#a3abb8"),
}
_INK, _SOFT, _RULE = (_COLOURS[name][0] for name in ("ink", "soft", "rule"))
_SERIES = [light for name, (light, _) in _COLOURS.items() if re.fullmatch(r"c\d", name)]
_LIGHT, _DARK = (
    " ".join(f"--{name}: {both[scheme]};" for name, both in _COLOURS.items()) for scheme in (0, 1)
)

# Style sheet of pages and charts.
COLOUR_STYLE = f""":root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}"""

# Lengths are CSS pixels: an SVG of matplotlib has 72 units per inch.
_WIDTH = 480
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.parse_math": False,  # a "$" in a name is a "$"
    "text.color": _INK,
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), _SOFT),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), _RULE),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "svg.fonttype"), "none"),
    **dict.fromkeys(("axes.grid", "axes.axisbelow"), True),
    **dict.fromkeys([f"axes.spines.{side}" for side in ("left", "right", "top")], False),
    **dict.fromkeys(("xtick.bottom", "ytick.left", "legend.frameon"), False),
    "grid.linewidth": 1,
    "svg.hashsalt": "tf_i2i",
}

_NOT_LOSSES = {"step", "time_s", "step_s", "images_per_s", "learning_rate"}
_NOT_LOSSES |= {"data_wait_share", "face_share", "segmentation_share"}
_MAX_POINTS = 300


@dataclass(frozen=True)
class Bar:
    """One bar. value: None draws none, its `text` alone; text: stands at the end of the bar;
    whisker: (from, to) around the value; series: number of its colour.
    """

    name: str
    value: float | None
    text: str
    whisker: tuple[float, float] | None = None
    series: int = 0


def bar_chart(bars: Sequence[Bar], unit: str, title: str) -> str:
    """Horizontal bars from 0, each under its name, as an <svg> element; unit: label of the axis."""
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(_WIDTH, 36 * len(bars) + 46)
        axes = figure.subplots()
        axes.grid(axis="y", visible=False)
        axes.set_yticks([])
        for row, bar in enumerate(bars):
            end = bar.value or 0.0
            low, high = bar.whisker or (end, end)
            axes.barh(row, end, 0.38, color=_SERIES[bar.series % len(_SERIES)])
            if high > low:
                around = [[max(0, end - low)], [max(0, high - end)]]
                axes.errorbar(end, row, xerr=around, ecolor=_INK)
                for edge in (low, high):
                    axes.plot([edge, edge], [row - 0.1, row + 0.1], color=_INK)
            axes.text(0, row - 0.27, bar.name, va="bottom")
            place, beside = (max(0.0, end, high), row), {"textcoords": "offset points"}
            axes.annotate(bar.text, place, (5, 0), **beside, va="center", color=_SOFT)
        axes.set_ylim(len(bars) - 0.5, -0.7)
        low, high = axes.dataLim.intervalx if bars else (0.0, 1.0)
        axes.set_xlim(min(0.0, low), (max(high, 0.0) or 1.0) * 1.18)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        axes.set_xlabel(unit)
        label = f"{title}: " + "; ".join(f"{bar.name} {bar.text}" for bar in bars)
        return _svg(figure, label)


def latency_chart(rows: Sequence[dict]) -> str:
    """Bars of the medians, with whiskers to the 90th percentiles; a colour for each file.

    rows: of benchmark.json; those without figures are left out, and those of an emulated GPU, which
    would dwarf all others.
    """
    rows = [row for row in rows if row.get("median_ms") and not row.get("emulated")]
    files = list(dict.fromkeys(row["file"] for row in rows))
    sizes = {_size(row) for row in rows}
    bars = []
    for row in rows:
        name, median = _latency_name(row, len(sizes) > 1), row["median_ms"]
        whisker = median, row.get("p90_ms") or median
        bars.append(Bar(name, median, f"{median:.3g}", whisker, files.index(row["file"])))
    return bar_chart(bars, "ms per inference: median, and 90th percentile", "Latency")


def _latency_name(row: dict, with_size: bool) -> str:
    name, device, threads = Path(row["file"]).name, row.get("device", "CPU"), row.get("threads")
    facts = [
        name if len(name) <= 40 else f"…{name[-39:]}",
        _size(row) if with_size else "",
        "" if device == "CPU" else device[:20],
        f"{threads} thread{'s' if threads > 1 else ''}" if threads else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _size(row: dict) -> str:
    shape = row.get("input_shape") or ()
    return f"{shape[2]}×{shape[1]} px" if len(shape) == 4 else ""


def loss_names(metrics: Sequence[dict]) -> list[str]:
    """Names of the losses in the lines of a metrics.jsonl, in their order there."""
    names = dict.fromkeys(key for line in metrics for key in line if key not in _NOT_LOSSES)
    return [name for name in names if any(_is_number(line.get(name)) for line in metrics)]


def loss_chart(title: str, metrics: Sequence[dict], names: Sequence[str]) -> str:
    """Losses over the steps, faint as logged and strong as sliding mean; the legend has last means.

    Losses that differ only in a final _A or _B share a colour; the _B one is dashed.
    """
    curves = {name: _curve(metrics, name) for name in names}
    means = np.concatenate([mean for _, _, mean in curves.values()])
    bottom, top = min(0.0, means.min()), means.max()
    top += 0.05 * (top - bottom) or 1.0
    terms = list(dict.fromkeys(name.removesuffix("_A").removesuffix("_B") for name in names))
    columns = 3 if max(map(len, names)) < 14 else 2
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(_WIDTH, 250 + 20 * math.ceil(len(names) / columns))
        axes = figure.subplots()
        lines, labels = [], []
        for name, (steps, raw, mean) in curves.items():
            term = terms.index(name.removesuffix("_A").removesuffix("_B"))
            style = {"linestyle": "--" if name.endswith("_B") else "-"}
            style["color"] = _SERIES[term % len(_SERIES)]
            last = mean[-1]
            labels.append(f"{name} {last:{'.2f' if abs(last) >= 0.1 else '.2g'}}")
            axes.plot(steps, np.clip(raw, bottom, top), alpha=0.25, linewidth=1, **style)
            if len(steps) == 1:  # as a dot
                steps, mean = steps.repeat(2), mean.repeat(2)
                style |= {"linewidth": 6, "solid_capstyle": "round"}
            lines += axes.plot(steps, mean, **{"linewidth": 2, **style})
        axes.set_xlim(0, max(float(steps[-1]) for steps, _, _ in curves.values()))
        axes.set_ylim(bottom, top)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("step")
        figure.legend(lines, labels, loc="outside lower left", ncols=columns, columnspacing=1.2)
        return _svg(figure, f"{title}, last means: {', '.join(labels)}")


def sliding_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred mean over `window` neighbours of float [N], fewer at the ends: float [N]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first = np.maximum(0, places - (window - 1) // 2)
    last = np.minimum(len(values), places + window // 2 + 1)
    return (sums[last] - sums[first]) / (last - first)


def _curve(metrics: Sequence[dict], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, values and sliding means of one loss, thinned by averaging."""
    logged = [(line["step"], line[name]) for line in metrics if _is_number(line.get(name))]
    table = np.array(logged, np.float64)
    if len(table) > _MAX_POINTS:
        table = np.array([part.mean(axis=0) for part in np.array_split(table, _MAX_POINTS)])
    return table[:, 0], table[:, 1], sliding_mean(table[:, 1], max(1, len(table) // 12))


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def frontier_chart(rows: Sequence[dict]) -> str:
    """Quality against time of students, as an <svg> element; rows of search.json, fastest first."""
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(760, 420)
        axes = figure.subplots()
        best = [(row["us_per_pixel"], row["quality"]) for row in rows if row["on_frontier"]]
        axes.plot(*zip(*best, strict=True), color=_SOFT)
        for row in rows:
            place = row["us_per_pixel"], row["quality"]
            axes.scatter(*place, color=_SERIES[0 if row["on_frontier"] else 5], zorder=3)
            axes.annotate(row["candidate"], place, (8, 0), textcoords="offset points", va="center")
        axes.set_xlim(0, 1.2 * max(row["us_per_pixel"] for row in rows))
        axes.set_xlabel("int8, µs per pixel")
        axes.set_ylabel("quality on validation photos")
        return _svg(figure, "Quality against time of students")


def sweep_figure(title: str, option: str, panels: Sequence[dict]) -> np.ndarray:
    """A panel for each score over the values of an option, as uint8 RGB [H, W, 3]: a line through
    the means of the seeds, a dot for each seed, a whisker over their range.

    panels: each with title, note, numbers (value of the option to those of its seeds) and chosen:
    (value, mean on test data) or None.
    """
    columns = min(3, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    with matplotlib.rc_context({**_SETTINGS, "font.size": 9, "figure.facecolor": "white"}):
        figure = _figure(400 * columns, 290 * rows + 60, dpi=100)
        figure.suptitle(title, x=0.01, ha="left", fontsize=13)
        for number, panel in enumerate(panels):
            _draw_panel(figure.add_subplot(rows, columns, number + 1), option, panel)
        if panels:
            handles, labels = figure.axes[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower left", ncols=columns)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_panel(axes: Axes, option: str, panel: dict) -> None:
    numbers = panel["numbers"]
    seeds = [(place, number) for place, found in enumerate(numbers.values()) for number in found]
    means = [(place, np.mean(found)) for place, found in enumerate(numbers.values()) if found]
    label = "mean on validation data, and the range of the seeds"
    axes.plot(*zip(*means, strict=True), color=_SERIES[0], label=label)
    axes.scatter(*zip(*seeds, strict=True), s=16, color=_SERIES[0], zorder=3)
    for place, found in enumerate(numbers.values()):
        if found:
            axes.plot([place, place], [min(found), max(found)], color=_INK, linewidth=1)
    if panel["chosen"]:
        value, mean = panel["chosen"]
        label = f"chosen, {value}: mean on test data"
        square = {"markerfacecolor": "white", "markeredgecolor": _SERIES[1], "markeredgewidth": 2}
        axes.plot(list(numbers).index(value), mean, "s", **square, label=label)
    axes.set_title(panel["title"], loc="left", fontsize=10)
    axes.set_title(panel["note"], loc="right", fontsize=8, color=_SOFT)
    axes.set_xticks(range(len(numbers)), [value[:14] for value in numbers])
    axes.set_xlim(-0.5, len(numbers) - 0.5)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(option)


def curves_chart(panels: Sequence[dict], columns: int, unit: str, title: str) -> str:
    """Panels of curves over one logarithmic axis, in rows of `columns`, as an <svg> element: a line
    through the means, a dot for each number. A name has its colour in all panels.

    panels: each with title and curves (name to numbers by place on the axis); unit: the axis's label.
    """
    curves = [(name, curve) for panel in panels for name, curve in panel["curves"].items()]
    names = list(dict.fromkeys(name for name, _ in curves))
    places = sorted({place for _, curve in curves for place in curve})
    rows, lines = math.ceil(len(panels) / columns), {}
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(300 * columns, 230 * rows + 20 * math.ceil(len(names) / 3) + 30)
        for number, panel in enumerate(panels, 1):
            axes = figure.add_subplot(rows, columns, number)
            for name, curve in panel["curves"].items():
                style = {"color": _SERIES[names.index(name) % len(_SERIES)], "zorder": 3}
                dots = [(place, value) for place, values in curve.items() for value in values]
                axes.scatter(*zip(*dots, strict=True), s=16, **style)
                means = [(place, np.mean(curve[place])) for place in sorted(curve)]
                (lines[name],) = axes.plot(*zip(*means, strict=True), **style)
            axes.set_title(panel["title"], loc="left", fontsize=12)
            axes.set_xscale("log")
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.minorticks_off()
            axes.set_xlabel(unit)
        figure.legend(lines.values(), lines, loc="outside lower left", ncols=3)
        return _svg(figure, title)


def frames_chart(title: str, unit: str, curves: dict[str, Sequence[float]]) -> str:
    """A line for each name over the frames of a clip, from the second on, as an <svg> element; the
    legend has means. unit: of the numbers.
    """
    with matplotlib.rc_context(_SETTINGS):
        figure = _figure(_WIDTH, 250 + 20 * len(curves))
        axes, lines, labels = figure.subplots(), [], []
        for number, (name, values) in enumerate(curves.items()):
            style = {"color": _SERIES[number % len(_SERIES)], "linewidth": 2}
            lines += axes.plot(range(2, len(values) + 2), values, **style)
            labels.append(f"{name} {np.mean(values):.2f}")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("frame")
        axes.set_ylabel(unit)
        figure.legend(lines, labels, loc="outside lower left", ncols=1)
        return _svg(figure, f"{title}, means: {', '.join(labels)}")


def svg_file(svg: str) -> str:
    """A chart as the text of an .svg file of its own, with its colours and its background."""
    opening, rest = svg.split(">", 1)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ground = '<rect width="100%" height="100%" style="fill: var(--ground)"/>'
    return f"{opening} {names}><style>{COLOUR_STYLE}</style>{ground}{rest}\n"


def _figure(width: int, height: int, dpi: int = 72) -> Figure:
    return Figure(figsize=(width / dpi, height / dpi), dpi=dpi, layout="constrained")


def _svg(figure: Figure, label: str) -> str:
    """The figure as an <svg> element without ids, clips and addresses, in the page's colours."""
    text = io.StringIO()
    with warnings.catch_warnings():
        # The browser has the glyphs that matplotlib misses; it only measures with its own.
        warnings.simplefilter("ignore")
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", metadata=no_metadata)
    svg = text.getvalue()
    view = re.search(r'viewBox="[^"]*"', svg)[0]
    body = svg[svg.index("<g ") : svg.rindex("</svg>")]
    unwanted = r'<defs>\s*<clipPath.*?</defs>| clip-path="[^"]*"|(?<=<g) id="[^"]*"'
    body = re.sub(unwanted, "", body, flags=re.S)
    body = re.sub(r' d="([^"]*)"', lambda path: f' d="{_rounded(path[1])}"', body)
    for name, (colour, _) in _COLOURS.items():
        body = re.sub(f'(?<=: ){colour}(?=[;"])', f"var(--{name})", body)
    body = re.sub(r"\s*\n\s*", "\n", body).replace("'DejaVu Sans'", "system-ui, sans-serif")
    return f'<svg {view} role="img" aria-label="{escape(label, quote=True)}">{body}</svg>'


def _rounded(path: str) -> str:
    short = re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}", path)
    return " ".join(short.split())
