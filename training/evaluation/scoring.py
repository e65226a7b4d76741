"""Translators of pictures (Keras networks, exported files) and their scores side by side."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_i2i.data.pixels import to_float, to_uint8
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.sandbox import read_image_model
from tf_i2i.metrics import image_metrics as metrics
from training.evaluation.evaluated_pictures import Pictures

Translate = Callable[[np.ndarray], np.ndarray]

UNTOUCHED, TEACHER, STUDENT = "untouched", "teacher", "student"
_IMITATED = {UNTOUCHED: (), TEACHER: (), STUDENT: (TEACHER,)}  # a file: both
# The window that tf_i2i.metrics.image_metrics.grid_energy compares.
_MIN_SIDE = 12


class ExportedFile:
    """A .tflite file, run on the CPU, that takes and returns uint8 RGB [H, W, 3] when called.

    A network of local operations (a student) runs at a square around the whole picture, whatever
    size the file was made for: weights and quantisation are the same; beyond the picture's edges
    it sees the picture mirrored, as in export.stylize. Any other takes pictures up to `largest`
    pixels per side (None: no limit). What is missing to the square is mirrored, not scaled: strokes
    keep the width that they were trained at.
    Raises UserError: the file can't be run or translates no pictures.
    """

    def __init__(self, path: Path, threads: int = 2):
        model = read_image_model(path)
        if model.size < _MIN_SIDE:
            reason = f"takes pictures of {model.size} pixels, scores need at least {_MIN_SIDE}"
            raise UserError(f"{one_line(path)}: {reason}")
        self._data, self._threads, self._models = model.data, threads, {}
        self._size, self._stride = model.size, model.stride
        self.largest = self._size if model.halo is None else None
        self._margin = _margin(model)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        (height, width), margin = image.shape[:2], self._margin
        needed = max(height, width) + 2 * margin
        side = self._size if self.largest else -(-needed // self._stride) * self._stride
        if side not in self._models:  # only the last one is kept
            self._models = {side: LiteModel(resized(self._data, side), self._threads)}
        sides = [(margin, side - length - margin) for length in (height, width)]
        output = self._models[side].run_uint8(np.pad(image, (*sides, (0, 0)), mode="reflect"))
        return output[margin : margin + height, margin : margin + width]


def keras_translator(model) -> Translate:
    """uint8 RGB [H, W, 3] to the same, through a Keras generator that works in [-1, 1]; a network of
    local operations sees the picture mirrored beyond its edges.
    """
    margin = _margin(model)

    def translate(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
        output = to_uint8(model(to_float(padded[None]), training=False))[0]
        return output[margin : margin + height, margin : margin + width]

    return translate


def _margin(model) -> int:
    """The halo of a network of local operations, as a multiple of its stride; 0 for others."""
    halo = getattr(model, "halo", None)
    return 0 if halo is None else -(-halo // model.stride) * model.stride


def score(translators: dict[str, Translate], pictures: Pictures) -> dict[str, dict]:
    """Mean scores by model name; the photos themselves are "untouched".

    Each: images, grid; where truths are known psnr_db, ssim, outline_f1, colour_error, grid_truth
    (see tf_i2i.metrics.image_metrics); to_teacher_psnr_db and to_teacher_ssim for the student;
    these and to_student_... for a file.
    """
    rows, _ = score_each(translators, pictures)
    return {name: metrics.mean_scores(of_model) for name, of_model in rows.items()}


def score_each(
    translators: dict[str, Translate], pictures: Pictures
) -> tuple[dict[str, list[dict[str, float]]], dict[str, list[np.ndarray]]]:
    """By model name: the scores of each picture, and the outputs."""
    translators = {UNTOUCHED: lambda photo: photo, **translators}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in translators}
    all_outputs: dict[str, list[np.ndarray]] = {name: [] for name in translators}
    truths = pictures.truths or [None] * len(pictures.photos)
    bar = tqdm(pictures.photos, "evaluating", unit="image", delay=1)
    for photo, truth in zip(bar, truths, strict=True):
        outputs = {name: translate(photo) for name, translate in translators.items()}
        for name, output in outputs.items():
            row = {"grid": metrics.grid_energy(output)}
            row |= {} if truth is None else metrics.against_truth(output, truth)
            for original in _IMITATED.get(name, (TEACHER, STUDENT)):
                if original in outputs:
                    row[f"to_{original}_psnr_db"] = metrics.psnr(output, outputs[original])
                    row[f"to_{original}_ssim"] = metrics.ssim(output, outputs[original])
            rows[name].append(row)
            all_outputs[name].append(output)
    return rows, all_outputs
