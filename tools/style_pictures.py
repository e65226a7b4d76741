#!/usr/bin/env python
"""Draws a sheet of the bundled photographs in several styles.

.venv/bin/python tools/style_pictures.py OUT.jpg LABEL=MODEL.tflite...

Each model is run by export.stylize with its defaults.
"""

import os
import sys
import tempfile
from pathlib import Path

# As export.stylize does: the strips of a photo have threads of their own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PHOTOS = ("china.jpg", "rocket.jpg", "astronaut.png", "chelsea.png")
SIDE = 480


def main(out: str, *labelled: str) -> None:
    from tf_i2i.console import prepare_tensorflow

    prepare_tensorflow()
    from export.stylize import main as stylize
    from tf_i2i.data.demo_data import bundled_photographs
    from tf_i2i.data.image_files import read_image, resize_short_side, write_jpeg, write_png
    from tf_i2i.data.pixels import centre_square
    from training.reporting.image_grid import labelled_grid

    source = bundled_photographs()
    photos = [source.read(source.names.index(name)) for name in PHOTOS]
    photos = [centre_square(resize_short_side(photo, SIDE), SIDE) for photo in photos]
    columns = {"photo": np.stack(photos)}
    with tempfile.TemporaryDirectory() as folder:
        taken = Path(folder, "photos")
        taken.mkdir()
        for i, photo in enumerate(photos):
            write_png(taken / f"{i}.png", photo)
        for label, model in (pair.split("=", 1) for pair in labelled):
            stylize([model, str(taken), "--out", f"{folder}/{label}"])
            translated = [read_image(Path(folder, label, f"{i}.png")) for i in range(len(photos))]
            columns[label] = np.stack(translated)
    # Styles one below the other, photos side by side: pictures stay large on a page.
    rows = {f"{i}": np.stack([c[i] for c in columns.values()]) for i in range(len(photos))}
    rows = {" " * i: pictures for i, pictures in enumerate(rows.values())}
    write_jpeg(out, labelled_grid(rows, list(columns)))
    print(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
