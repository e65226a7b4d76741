#!/usr/bin/env python
"""Draws README's sheet from a finished demo.

.venv/bin/python tools/readme_pictures.py [runs/demo] [docs/pictures/demo.png]

Rows are held-out photographs; columns photo | teacher | student | int8 file | true drawing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Some of each of the two held-out photographs.
ROWS = (0, 5, 9, 12)


def main(run: Path = Path("runs/demo"), out: Path = Path("docs/pictures/demo.png")) -> None:
    from tf_i2i.console import prepare_tensorflow

    prepare_tensorflow()
    from tf_i2i.data.image_files import write_png
    from training.evaluation.scoring import ExportedFile, keras_translator
    from training.reporting.image_grid import labelled_grid
    from training.runs.finished_run import FinishedRun

    finished = FinishedRun(run)
    data = finished.data()
    photos = np.stack([data.val_a.image(i) for i in ROWS])
    columns = {"photo": photos}
    for name in ("teacher", "student"):
        translate = keras_translator(finished.network(name, "ab"))
        columns[name] = np.stack([translate(photo) for photo in photos])
    int8 = ExportedFile(run / "export" / "ab-256-int8.tflite")
    columns["int8 file"] = np.stack([int8(photo) for photo in photos])
    columns["true drawing"] = np.stack([data.val_b.image(i) for i in ROWS])
    out.parent.mkdir(parents=True, exist_ok=True)
    write_png(out, labelled_grid(columns))
    print(out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
