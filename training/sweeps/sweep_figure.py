"""A sweep's figure: a panel for each score against the swept option, a dot a seed, drawn by Pillow."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.evaluation.score_table import SCORES
from training.reporting.charts import nice_step, ticks
from training.sweeps.sweep_results import TEST, VAL, Results

# Drawn at twice its size and reduced, for smooth lines.
_FINE = 2


_WIDTH, _HEIGHT, _COLUMNS = 400, 290, 3


_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 18, 40, 46


_HEAD = 66


_INK, _SOFT, _RULE = "#1d1f23", "#62666e", "#dedcd6"


# Neither much nor little of it is good by itself.
_READ = {"photo_ssim": "more keeps more"}


_LINE, _CHOSEN = "#1f6fb2", "#c7551b"


def figure(results: Results) -> np.ndarray:
    """uint8 [H, W, 3]: a line through the seeds' means, a whisker from the least to the most seed,
    the chosen value's mean on test data as an open square."""
    panels = results.shown()
    columns = min(_COLUMNS, max(1, len(panels)))
    rows = -(-len(panels) // columns)
    canvas = Image.new("RGB", (_FINE * columns * _WIDTH, _FINE * (_HEAD + rows * _HEIGHT)), "white")
    pen = _Pen(canvas)
    _draw_head(pen, results)
    for number, (direction, name) in enumerate(panels):
        corner = (number % columns * _WIDTH, _HEAD + number // columns * _HEIGHT)
        _draw_panel(pen, results, direction, name, corner)
    return np.asarray(
        canvas.resize((canvas.width // _FINE, canvas.height // _FINE), Image.Resampling.LANCZOS)
    )


class _Pen:
    """ImageDraw in pixels of the finished figure."""

    def __init__(self, canvas: Image.Image):
        self._draw = ImageDraw.Draw(canvas)
        self._fonts: dict[int, ImageFont.FreeTypeFont] = {}

    def line(self, points, colour: str, width: float = 1.0) -> None:
        self._draw.line(
            [(_FINE * x, _FINE * y) for x, y in points], colour, max(1, round(_FINE * width))
        )

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self._draw.ellipse(
            [
                _FINE * (x - radius),
                _FINE * (y - radius),
                _FINE * (x + radius),
                _FINE * (y + radius),
            ],
            colour,
        )

    def square(self, x: float, y: float, radius: float, colour: str) -> None:
        box = [
            _FINE * (x - radius),
            _FINE * (y - radius),
            _FINE * (x + radius),
            _FINE * (y + radius),
        ]
        self._draw.rectangle(box, "white", colour, 2 * _FINE)

    def text(
        self, x: float, y: float, text: str, colour: str = _INK, size: int = 13, anchor: str = "la"
    ) -> None:
        font = self._fonts.setdefault(size, ImageFont.load_default(_FINE * size))
        self._draw.text((_FINE * x, _FINE * y), text, colour, font, anchor)


def _draw_head(pen: _Pen, results: Results) -> None:
    plan = results.plan
    pen.text(16, 10, f"{plan.flag} of training.{plan.trainer}, {len(plan.seeds)} seeds", size=18)
    y, x = 48, 22
    pen.line([(x - 8, y), (x + 8, y)], _LINE, 2)
    pen.text(
        x + 16, y, "mean on validation data, and the range of the seeds (dots)", _SOFT, anchor="lm"
    )
    if results.chosen is not None and results.shown(TEST):
        pen.square(x + 420, y, 4.5, _CHOSEN)
        pen.text(x + 434, y, f"chosen, {results.chosen}: mean on test data", _SOFT, anchor="lm")


def _draw_panel(
    pen: _Pen, results: Results, direction: str, name: str, corner: tuple[int, int]
) -> None:
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    right, bottom = corner[0] + _WIDTH - _RIGHT, corner[1] + _HEIGHT - _BOTTOM
    values = results.plan.values
    tested = (
        results.of_seeds(results.chosen, TEST, direction, name)
        if results.chosen is not None
        else []
    )
    seeds = [results.of_seeds(value, VAL, direction, name) for value in values]
    everything = [number for numbers in seeds for number in numbers] + (
        [float(np.mean(tested))] if tested else []
    )
    # Not from 0: what the option changes is to be seen.
    spacing = nice_step(max(max(everything) - min(everything), 1e-6), 4)
    low, high = (
        math.floor(min(everything) / spacing) * spacing,
        math.ceil(max(everything) / spacing) * spacing,
    )

    def x_of(place: int) -> float:
        return left + (place + 0.5) / len(values) * (right - left)

    def y_of(number: float) -> float:
        return bottom - (number - low) / max(high - low, 1e-12) * (bottom - top)

    better = _READ.get(name) or (
        "more is better" if SCORES[name].more_is_better else "less is better"
    )
    pen.text(
        left,
        corner[1] + 10,
        f"{SCORES[name].head}, {direction[0].upper()} to {direction[1].upper()}",
        size=14,
    )
    pen.text(right, corner[1] + 12, better, _SOFT, 11, "ra")
    for tick in ticks(low, high, spacing):
        pen.line([(left, y_of(tick)), (right, y_of(tick))], _RULE)
        pen.text(left - 8, y_of(tick), f"{tick:.4g}", _SOFT, 12, "rm")
    for place, value in enumerate(values):
        pen.text(x_of(place), bottom + 8, value[:14], _INK, 12, "ma")
    pen.text((left + right) / 2, bottom + 26, results.plan.flag[2:], _SOFT, 12, "ma")
    means = [
        (x_of(place), y_of(float(np.mean(numbers))))
        for place, numbers in enumerate(seeds)
        if numbers
    ]
    pen.line(means, _LINE, 2)
    for place, numbers in enumerate(seeds):
        if numbers:
            pen.line(
                [(x_of(place), y_of(min(numbers))), (x_of(place), y_of(max(numbers)))], _INK, 1.5
            )
        for number in numbers:
            pen.dot(x_of(place), y_of(number), 3.2, _LINE)
    if tested:
        pen.square(x_of(values.index(results.chosen)), y_of(float(np.mean(tested))), 4.5, _CHOSEN)
