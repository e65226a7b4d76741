"""The process that runs one .tflite file on LiteRT's GPU accelerator: a driver may crash it or
never answer.

python -m tf_i2i.litert.gpu_worker MODEL.tflite PHOTOS.npy

One JSON object a line on standard output: {"resident": true} once the file is loaded,
{"max_levels", "mean_square", "finite"} for each photo; or {"error"} and no more. What the native
code logs goes to standard error, where it names the adapter and the operations that it refused
(tf_i2i.litert.gpu_delegate).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from tf_i2i.data.pixels import to_float
from tf_i2i.litert.gpu_model import GpuModel
from tf_i2i.litert.interpreter import LiteModel


def difference(found: np.ndarray, wanted: np.ndarray) -> dict:
    """Of two pictures of one type, uint8 or float in [-1, 1], in steps of 1/255 of the range, not
    rounded to them.
    """
    scale = 1.0 if found.dtype == np.uint8 else 127.5
    steps = (found.astype(np.float64) - wanted.astype(np.float64)) * scale
    finite = bool(np.isfinite(steps).all())
    return {
        "max_levels": float(np.abs(steps).max()) if finite else None,
        "mean_square": float(np.square(steps).mean()) if finite else None,
        "finite": finite,
    }


def _serve(path: str, photos_path: str) -> None:
    # Native code prints to descriptor 1 too; it joins the log, answers go to a copy.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**facts) -> None:
        print(json.dumps(facts), file=answers, flush=True)

    try:
        model = GpuModel(path)
        answer(resident=model.is_resident)
        photos = np.load(photos_path)
        cpu = LiteModel(Path(path).read_bytes())
        for photo in photos:
            value = photo if cpu.input_dtype == np.uint8 else to_float(photo)
            model.write(value[None])
            answer(**difference(model.run()[0][0], cpu.run(photo)))
    except Exception as error:  # the runtime raises nearly every type
        answer(error=str(error) or type(error).__name__)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
