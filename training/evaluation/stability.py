"""How much a style flickers: scores of translated clips, curves over time, strips of pixels."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_i2i.metrics.image_metrics import mean_scores
from tf_i2i.metrics.stability_metrics import noise_gain, warping_error
from training.evaluation.scoring import UNTOUCHED, Translate
from training.evaluation.stability_clips import KnownClip, with_noise
from training.reporting.image_grid import labelled_grid

_STRIPS, _STRIP_WIDTH, _STRIP_HEIGHT = 4, 192, 192


@dataclass
class Stability:
    """By model name ("untouched": the clips themselves): scores, the mean warping error of each
    frame from the second on, and a strip for each of the first clips, uint8 [H, W, 3].
    """

    scores: dict[str, dict] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)
    strips: dict[str, list[np.ndarray]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def score_clips(translators: dict[str, Translate], clips: Sequence[KnownClip]) -> Stability:
    """Translates the clips frame by frame and scores the results.

    Scores: images (the clips), noise_gain, warping_error (levels of 255) and warping_ratio (over the
    clip's own).
    """
    translators = {UNTOUCHED: lambda frame: frame, **translators}
    result = Stability(names=[clip.name for clip in clips])
    rows, curves = {name: [] for name in translators}, {name: [] for name in translators}
    result.strips = {name: [] for name in translators}
    total = sum(len(clip.frames) for clip in clips) * len(translators)
    with tqdm(desc="clips", total=total, unit="frame", delay=1) as bar:
        for number, clip in enumerate(clips):
            noisy = with_noise(clip.still, np.random.default_rng(number))
            for name, translate in translators.items():
                outputs = []
                for frame in clip.frames:
                    outputs.append(translate(frame))
                    bar.update()
                errors = [
                    warping_error(*pair, *flow)
                    for pair, flow in zip(pairwise(outputs), clip.flows, strict=True)
                ]
                gain = noise_gain(translate(clip.still), translate(noisy), clip.still, noisy)
                error = float(np.sqrt(np.mean(np.square(errors))))
                own = rows[UNTOUCHED][number]["warping_error"] if name != UNTOUCHED else error
                ratio = error / own if own else math.inf  # a clip that stands still
                rows[name].append(
                    {"noise_gain": gain, "warping_error": error, "warping_ratio": ratio}
                )
                curves[name].append(errors)
                if number < _STRIPS:
                    result.strips[name].append(_strip(outputs))
    result.scores = {name: mean_scores(of_model) for name, of_model in rows.items()}
    for name, of_model in curves.items():
        longest = max(map(len, of_model))
        at = [[errors[n] for errors in of_model if n < len(errors)] for n in range(longest)]
        result.errors[name] = [float(np.mean(errors)) for errors in at]
    return result


def _strip(frames: Sequence[np.ndarray]) -> np.ndarray:
    """The middle column of each frame beside that of the frame before, enlarged."""
    columns = np.stack([frame[:, frame.shape[1] // 2] for frame in frames], axis=1)
    height = min(len(columns), _STRIP_HEIGHT)
    top, repeats = (len(columns) - height) // 2, max(1, _STRIP_WIDTH // len(frames))
    strip = columns[top : top + height].repeat(repeats, axis=1)[:, :_STRIP_WIDTH]
    strip = strip.repeat(_STRIP_HEIGHT // height, axis=0)
    missing = (0, _STRIP_HEIGHT - len(strip)), (0, _STRIP_WIDTH - strip.shape[1]), (0, 0)
    return np.pad(strip, missing, constant_values=255)


def stability_files(run: Path, split: str, direction: str) -> tuple[Path, Path]:
    """Where the strips (PNG) and the curve (SVG) of these clips are."""
    name = f"stability-{slug(split)}-{direction}"
    return run / f"{name}.png", run / f"{name}.svg"


def slug(split: str) -> str:
    """The name of a set of pictures as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", split).strip("-")


def strip_sheet(result: Stability) -> np.ndarray:
    """A row for each clip, a column for each model: uint8 [H, W, 3]. Time goes to the right, so
    what flickers has vertical stripes.
    """
    columns = {name[-26:]: np.stack(strips) for name, strips in result.strips.items()}
    shown = result.names[:_STRIPS]
    return labelled_grid(
        columns, [name if len(name) < 20 else f"...{name[-17:]}" for name in shown]
    )
