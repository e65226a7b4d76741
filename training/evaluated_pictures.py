"""The pictures that training.evaluate scores: a run's validation pictures, or those that its options name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError
from tf_i2i.paired_images import matching
from training.run_folder import read_config
from training.scoring import Pictures, centre_crop


def cropped(pictures: Pictures, multiple: int, size: int | None) -> Pictures:
    """Pictures cut as centre_crop does; where a file's `size` makes them smaller, the split's name says so."""
    import cv2

    photos = [centre_crop(photo, multiple, size) for photo in pictures.photos]
    truths = None
    if pictures.truths is not None:
        # Files named as pairs may differ a little in shape; a photo and its own cartoon never do.
        same = [truth if truth.shape == photo.shape else cv2.resize(truth, photo.shape[1::-1], interpolation=cv2.INTER_AREA)
                for truth, photo in zip(pictures.truths, pictures.photos, strict=True)]  # fmt: skip
        truths = [centre_crop(truth, multiple, size) for truth in same]
    smaller = any(size and max(photo.shape[:2]) >= size + multiple for photo in pictures.photos)
    split = f"{pictures.split}, centre {size} px" if smaller else pictures.split
    return Pictures(split, pictures.names, photos, truths)


def validation(run: Path, direction: str) -> Pictures:
    """The run's own validation pictures."""
    from training.restore import run_data

    data = run_data(run)
    source, target = (data.val_a, data.val_b) if direction == "ab" else (data.val_b, data.val_a)
    return Pictures("validation", source.names, _all(source), _all(target) if data.paired else None)


def _all(cache) -> list[np.ndarray]:
    return [cache.image(i) for i in range(len(cache))]


def named_pictures(options, run: Path, direction: str) -> Pictures:
    """What --input and --target, or --domain-a or --domain-b name; the validation pictures where nothing does."""
    load_size = int(read_config(run).get("options", {}).get("load_size", 286))
    if options.input:
        return named_pairs(options, load_size)
    name = f"domain_{direction[0]}"
    src = getattr(options, name)
    if not src:
        return validation(run, direction)
    cache = _load(src, "--" + name.replace("_", "-"), load_size)
    return Pictures(src, cache.names, _all(cache), None)


def _load(src: str, flag: str, load_size: int):
    from tf_i2i.image_cache import load_images
    from tf_i2i.sources import open_source

    return load_images(open_source(src, flag), load_size, option=flag, warn=print)


def named_pairs(options, load_size: int) -> Pictures:
    """The pictures of --input that have a partner in --target."""
    inputs, targets = _load(options.input, "--input", load_size), _load(options.target, "--target", load_size)
    found = matching(inputs.names, targets.names)
    if not found:
        raise UserError(f"--input {options.input}, --target {options.target}: no file name is in both; pairs share one")
    if len(found) < len(inputs):
        print(f"--input: {len(inputs) - len(found)} of {len(inputs)} pictures have no partner in --target: left out")
    names, photos = [inputs.names[i] for i, _ in found], [inputs.image(i) for i, _ in found]
    return Pictures(options.input, names, photos, [targets.image(j) for _, j in found])
