#!/usr/bin/env python
"""Draws an animation of a clip made from a bundled photograph, beside its translations.

.venv/bin/python tools/video_animation.py OUT.webp MODEL.tflite...
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PHOTO, SIDE, MILLISECONDS = "china.jpg", 320, 80


def main(out: str, *models: str) -> None:
    from tf_i2i.console import prepare_tensorflow

    prepare_tensorflow()
    from PIL import Image

    from tf_i2i.data.demo_data import bundled_photographs
    from tf_i2i.data.image_files import resize_short_side
    from training.evaluation.scoring import ExportedFile
    from training.evaluation.stability_clips import made_clip

    source = bundled_photographs()
    photo = resize_short_side(source.read(source.names.index(PHOTO)), SIDE)
    frames = made_clip(PHOTO, photo, 4, None, seed=0).frames
    sides = [
        frames,
        *([translate(f) for f in frames] for translate in map(ExportedFile, map(Path, models))),
    ]
    pictures = [Image.fromarray(np.hstack(columns)) for columns in zip(*sides, strict=True)]
    # There and back, so that it has no jump.
    pictures += pictures[-2:0:-1]
    how = {"duration": MILLISECONDS, "loop": 0, "quality": 75, "method": 6}
    pictures[0].save(out, save_all=True, append_images=pictures[1:], **how)
    print(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
