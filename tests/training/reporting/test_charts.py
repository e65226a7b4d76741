"""Charts as SVG: what is drawn is where the numbers say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from training.reporting.charts import (
    Bar,
    bar_chart,
    curves_chart,
    frontier_chart,
    latency_chart,
    loss_chart,
    loss_names,
    sliding_mean,
    svg_file,
    sweep_figure,
)


def paths(svg: str, style: str) -> list[np.ndarray]:
    """The points of each path whose style holds `style`: [N, 2]."""
    drawn = [
        path.get("d")
        for path in ElementTree.fromstring(svg).iter()
        if path.tag.endswith("path") and style in path.get("style", "")
    ]
    return [np.array(re.findall(r"-?[\d.]+", d), float).reshape(-1, 2) for d in drawn]


def texts(svg: str) -> list[str]:
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]


def test_losses_are_drawn_where_they_belong():
    nan = float("nan")
    lines = [
        {"step": s, "time_s": s, "learning_rate": 1, "G_A": s / 100, "G_B": 1.0, "D_A": nan}
        for s in (50, 100)
    ]
    assert loss_names(lines) == ["G_A", "G_B"]
    chart = loss_chart("Losses", lines, ["G_A", "G_B"])
    assert {"G_A 1.00", "G_B 1.00"} <= {*texts(chart)}
    # Faint and strong curve of each loss, then the legend's.
    raw, mean, raw_b, mean_b = paths(chart, "stroke: var(--c0)")[:4]
    np.testing.assert_array_equal(raw, mean)
    np.testing.assert_array_equal(raw_b, mean_b)
    (_, base), _ = next(line for line in paths(chart, "var(--rule)") if np.ptp(line[:, 1]) == 0)
    left = min(line[0, 0] for line in paths(chart, "var(--rule)"))
    (x0, y0), (x1, y1) = raw
    assert x0 - left == pytest.approx((x1 - left) / 2, abs=0.2)
    assert base - y0 == pytest.approx((base - y1) / 2, abs=0.2)
    assert raw_b[0, 1] == raw_b[1, 1] == y1
    dashed = [e for e in ElementTree.fromstring(chart).iter() if "dash" in e.get("style", "")]
    assert len(dashed) == 3, "G_B, and its line in the legend"


def test_a_single_value_is_a_dot():
    chart = loss_chart("Score", [{"step": 8, "val_score": 0.5}], ["val_score"])
    assert any(len(path) == 2 and np.ptp(path) > 0 for path in paths(chart, "round"))


def test_sliding_mean():
    np.testing.assert_allclose(sliding_mean(np.array([3.0, 0, 6, 0]), 3), [1.5, 3, 2, 3])
    np.testing.assert_allclose(sliding_mean(np.array([3.0, 0]), 1), [3, 0])


def test_bars_are_as_long_as_the_medians():
    gpu = {"file": "a.tflite", "threads": None, "device": "GPU"}
    rows = [
        {"file": "a.tflite", "threads": 1, "median_ms": 20.0, "p90_ms": 40.0},
        {"file": "b.tflite", "threads": 2, "median_ms": 5.0, "p90_ms": 5.0},
        {**gpu, "median_ms": 900.0, "emulated": True},
        {**gpu, "median_ms": None},
    ]
    chart = latency_chart(rows)
    (long,), (short,) = paths(chart, "fill: var(--c0)"), paths(chart, "fill: var(--c1)")
    assert np.ptp(long[:, 0]) == pytest.approx(4 * np.ptp(short[:, 0]), rel=0.01)
    whisker = max(paths(chart, "stroke: var(--ink)"), key=lambda path: np.ptp(path[:, 0]))
    assert np.ptp(whisker[:, 0]) == pytest.approx(np.ptp(long[:, 0]), abs=0.2)
    assert texts(chart)[-4:] == ["a.tflite, 1 thread", "20", "b.tflite, 2 threads", "5"]


def test_any_name_and_value_can_be_drawn():
    bars = [
        Bar("a $x^2$ <b> & 日本", None, "-"),
        Bar("less", -1.0, "-1", (-2.0, 0.5), series=7),
        Bar("#1f6fb2", 0.0, "0"),
    ]
    chart = bar_chart(bars, "unit", 'a "title"')
    assert chart == bar_chart(bars, "unit", 'a "title"'), "equal bytes"
    assert {"a $x^2$ <b> & 日本", "#1f6fb2", "-1"} <= {*texts(chart)}
    assert "id=" not in chart and "url(" not in chart and "http" not in chart
    assert bar_chart([], "unit", "nothing").startswith("<svg")


def test_an_svg_file_has_its_colours():
    svg = svg_file(bar_chart([Bar("x", 1.0, "1")], "unit", "title"))
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    used = {*re.findall(r"var\((--\w+)\)", svg)}
    assert {"--ink", "--c0", "--ground"} <= used
    assert all(svg.count(f"{name}: #") == 2 for name in used), "for light and for dark"


def test_the_frontier_of_known_rows():
    rows = [
        {"candidate": "quick", "us_per_pixel": 0.02, "quality": 0.7, "on_frontier": True},
        {"candidate": "poor", "us_per_pixel": 0.04, "quality": 0.6, "on_frontier": False},
        {"candidate": "fine & slow", "us_per_pixel": 0.1, "quality": 0.8, "on_frontier": True},
    ]
    svg = svg_file(frontier_chart(rows))
    dots = [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("use")]
    assert [float(dot.get("x")) for dot in dots] == sorted(float(dot.get("x")) for dot in dots)
    heights = [float(dot.get("y")) for dot in dots]
    assert heights[2] < heights[0] < heights[1]
    (line,) = paths(svg, "stroke: var(--soft)")
    assert len(line) == 2


def test_a_sweep_s_figure_has_a_panel_for_each_score():
    kid = {
        "title": "KID, A to B",
        "note": "less is better",
        "numbers": {"0": [0.1, 0.12], "1": [], "5": [0.2]},
        "chosen": ("5", 0.21),
    }
    one, two = (sweep_figure("title", "lambda-face", [kid] * count) for count in (1, 2))
    assert one.dtype == np.uint8 and two.shape[1] == 2 * one.shape[1]
    blue = np.all(np.abs(two.astype(int) - (31, 111, 178)) < 30, axis=-1)
    orange = np.all(np.abs(two.astype(int) - (199, 85, 27)) < 30, axis=-1)
    for part in (slice(0, 400), slice(400, None)):
        assert blue[:-40, part].any() and orange[:-40, part].any()
    assert sweep_figure("title", "lambda-face", []).shape[2] == 3


def test_curves_over_a_logarithmic_axis():
    one = {"title": "one", "curves": {"ours": {2: [1.0], 8: [5.0, 7.0]}}}
    two = {"title": "two", "curves": {"peer": {4: [3.0]}, "ours": {4: [9.0]}}}
    chart = curves_chart([one, two], 2, "minutes", "quality")
    assert chart == curves_chart([one, two], 2, "minutes", "quality"), "equal bytes"
    svg = svg_file(chart)
    assert {"one", "two", "ours", "peer", "2", "4", "8", "minutes"} <= set(texts(svg))
    # A name has its colour in both panels, and one line in the legend.
    lines = [line for line in paths(svg, "stroke: var(--c0)") if len(line) == 2]
    (x2, _), (x8, _) = lines[0]
    grid = sorted(line[0, 0] for line in paths(svg, "var(--rule)") if np.ptp(line[:, 0]) == 0)
    assert [x2, x8] == pytest.approx([grid[0], grid[2]], abs=0.2)
    assert grid[1] == pytest.approx((x2 + x8) / 2, abs=0.2), "4 is between 2 and 8"
