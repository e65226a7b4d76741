"""Translators of pictures (Keras networks, exported files) and their scores side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line
from tf_i2i.metrics import image_metrics as metrics

Translate = Callable[[np.ndarray], np.ndarray]


# Of the window that tf_i2i.metrics.image_metrics.grid_energy compares.
_LEAST_SIDE = 12


@dataclass(frozen=True)
class Pictures:
    """What is translated, and under which name its scores stand.

    photos: uint8 [H, W, 3], sizes may differ; names: theirs; truths: their true translations, or
        None.
    """

    split: str
    names: list[str]
    photos: list[np.ndarray]
    truths: list[np.ndarray] | None


class ExportedFile:
    """A .tflite file, run on the CPU, that takes and returns uint8 RGB [H, W, 3] when called.

    A network of local operations (a student) is run at a square around the whole picture, whatever
    size the file was made for: weights and quantisation are the same. Any other takes pictures up
    to `largest` pixels a side (None: no limit). What is missing to the square is mirrored, not
    scaled: strokes keep the width they were trained at.

    Raises UserError when the file can't be run or translates no pictures.
    """

    def __init__(self, path: Path, threads: int = 2):
        from tf_i2i.litert.sandbox import read_image_model

        model = read_image_model(path)
        if model.size < _LEAST_SIDE:
            raise UserError(
                f"{one_line(path)}: takes pictures of {model.size} pixels, scores need at least {_LEAST_SIDE}"
            )
        self._data, self._threads, self._models = model.data, threads, {}
        self._size, self._stride = model.size, model.stride
        self.largest = self._size if model.halo is None else None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        side = self._size if self.largest else -(-max(height, width) // self._stride) * self._stride
        padded = np.pad(image, ((0, side - height), (0, side - width), (0, 0)), mode="reflect")
        return self._model(side).run_uint8(padded)[:height, :width]

    def _model(self, side: int):
        from tf_i2i.litert.interpreter import LiteModel
        from tf_i2i.litert.model_resizing import resized

        if side not in self._models:
            self._models = {
                side: LiteModel(resized(self._data, side), self._threads)
            }  # only the last one is kept
        return self._models[side]


def keras_translator(model) -> Translate:
    """uint8 RGB [H, W, 3] to the same, through a Keras generator that works in [-1, 1]."""
    from tf_i2i.data.pixels import to_float, to_uint8

    return lambda image: to_uint8(model(to_float(image[None]), training=False))[0]


def score(
    translators: dict[str, Translate], pictures: Pictures, progress: bool = True
) -> dict[str, dict]:
    """Mean scores by model name, with the photos themselves as "untouched".

    Each: images, grid; where truths are known psnr_db, ssim, outline_f1, colour_error, grid_truth
    (see tf_i2i.metrics.image_metrics); to_teacher_psnr_db and to_teacher_ssim for the student; these and
    to_student_... for a file.
    """
    rows, _ = score_each(translators, pictures, progress, keep=False)
    return {name: metrics.mean_scores(of_model) for name, of_model in rows.items()}


def score_each(
    translators: dict[str, Translate], pictures: Pictures, progress: bool = True, keep: bool = True
) -> tuple[dict[str, list[dict[str, float]]], dict[str, list[np.ndarray]]]:
    """The scores of each picture, a list for each model; and with `keep` the outputs, likewise."""
    from tqdm import tqdm

    names = ["untouched", *translators]
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
    truths = pictures.truths or [None] * len(pictures.photos)
    pairs = zip(pictures.photos, truths, strict=True)
    for photo, truth in tqdm(
        pairs, "evaluating", len(truths), unit="image", delay=1, disable=not progress
    ):
        outputs = {"untouched": photo} | {
            name: translate(photo) for name, translate in translators.items()
        }
        for name, output in outputs.items():
            scores = {"grid": metrics.grid_energy(output)}
            scores |= {} if truth is None else metrics.against_truth(output, truth)
            for original in _originals(name, names):
                scores[f"to_{original}_psnr_db"] = metrics.psnr(output, outputs[original])
                scores[f"to_{original}_ssim"] = metrics.ssim(output, outputs[original])
            rows[name].append(scores)
            if keep:
                kept[name].append(output)
    return rows, kept


def _originals(name: str, present: list[str]) -> list[str]:
    """What a model imitates: a student its teacher, a file both."""
    imitated = {"untouched": (), "teacher": (), "student": ("teacher",)}.get(
        name, ("teacher", "student")
    )
    return [original for original in imitated if original in present]
