"""The pictures that training.evaluate scores: a run's validation pictures, or those that its
options name.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.paired_images import matching
from tf_i2i.data.pixels import centre_multiple
from tf_i2i.data.splits import TEST, VAL
from tf_i2i.errors import UserError
from training.evaluation.scoring import Pictures
from training.runs.finished_run import FinishedRun

# As they stand in evaluation.json.
SPLIT_NAMES = {VAL: "validation", TEST: "test"}


def cropped(pictures: Pictures, multiple: int, size: int | None) -> Pictures:
    """Pictures cut as centre_multiple does; where a file's `size` makes them smaller, the split's name
    says so.
    """
    import cv2

    photos = [centre_multiple(photo, multiple, size) for photo in pictures.photos]
    truths = None
    if pictures.truths is not None:
        # Files named as pairs may differ a little in shape; a photo and its own cartoon never do.
        same = [
            truth
            if truth.shape == photo.shape
            else cv2.resize(truth, photo.shape[1::-1], interpolation=cv2.INTER_AREA)
            for truth, photo in zip(pictures.truths, pictures.photos, strict=True)
        ]
        truths = [centre_multiple(truth, multiple, size) for truth in same]
    smaller = any(size and max(photo.shape[:2]) >= size + multiple for photo in pictures.photos)
    split = f"{pictures.split}, centre {size} px" if smaller else pictures.split
    return Pictures(split, pictures.names, photos, truths)


def validation(run: FinishedRun, direction: str) -> Pictures:
    """The run's own validation pictures."""
    return EvaluatedData(run).split(direction, VAL)


class EvaluatedData:
    """What an evaluation translates and compares with; the run's pictures are read once, when they
    are first asked for.
    """

    def __init__(self, run: FinishedRun):
        self._run = run
        self._load_size = run.options.load_size

    @cached_property
    def _data(self):
        return self._run.data()

    def split(self, direction: str, split: str) -> Pictures:
        """The run's validation ("val") or test pictures of the domain that is translated.

        Raises:
            UserError: it has no test pictures.
        """
        source, target = self._caches(direction, split)
        return Pictures(
            SPLIT_NAMES[split],
            source.names,
            _all(source),
            _all(target) if self._data.paired else None,
        )

    def named(self, options, direction: str) -> Pictures:
        """What --input and --target, or --domain-a or --domain-b name; where nothing does the
        pictures of --split, with those of --target, by name, as their truths.

        options: has input, target, domain_a, domain_b, split.
        """
        if options.input:
            return named_pairs(options, self._load_size)
        src = getattr(options, f"domain_{direction[0]}")
        if src:
            cache = _load(src, f"--domain-{direction[0]}", self._load_size)
            return Pictures(src, cache.names, _all(cache), None)
        pictures = self.split(direction, options.split)
        return (
            with_truths(pictures, options.target, self._load_size) if options.target else pictures
        )

    def styles(self, options, direction: str, pictures: Pictures) -> list[np.ndarray]:
        """Real pictures of the domain that `pictures`, of the same options, are translated to; none
        where none are known.
        """
        if pictures.truths is not None:
            return pictures.truths
        src = getattr(options, f"domain_{direction[1]}")
        if src:
            return _all(_load(src, f"--domain-{direction[1]}", self._load_size))
        return (
            []
            if getattr(options, f"domain_{direction[0]}")
            else _all(self._caches(direction, options.split)[1])
        )

    def _caches(self, direction: str, split: str) -> tuple[ImageCache, ImageCache]:
        data = self._data
        a, b = (data.val_a, data.val_b) if split == VAL else (data.test_a, data.test_b)
        if a is None or not (len(a) and len(b)):
            raise UserError(
                f"--split {split}: {self._run.root} has no {SPLIT_NAMES[split]} pictures; train with --split 80%/10%/10%, or name "
                "pictures with --domain-a or --input"
            )
        return (a, b) if direction == "ab" else (b, a)


def _all(cache) -> list[np.ndarray]:
    return [cache.image(i) for i in range(len(cache))]


def with_truths(pictures: Pictures, target: str, load_size: int) -> Pictures:
    """Those pictures that have a true translation of their name in `target`."""
    targets = _load(target, "--target", load_size)
    found = matching(pictures.names, targets.names)
    if not found:
        raise UserError(
            f"--target {target}: has no picture with the name of a {pictures.split} picture"
        )
    if len(found) < len(pictures.names):
        print(
            f"--target: {len(pictures.names) - len(found)} of {len(pictures.names)} pictures have no partner: left out"
        )
    return Pictures(
        pictures.split,
        [pictures.names[i] for i, _ in found],
        [pictures.photos[i] for i, _ in found],
        [targets.image(j) for _, j in found],
    )


def _load(src: str, flag: str, load_size: int):
    from tf_i2i.data.image_cache import load_images
    from tf_i2i.data.sources import open_source

    return load_images(open_source(src, flag), load_size, option=flag, warn=print)


def named_pairs(options, load_size: int) -> Pictures:
    """The pictures of --input that have a partner in --target."""
    inputs, targets = (
        _load(options.input, "--input", load_size),
        _load(options.target, "--target", load_size),
    )
    found = matching(inputs.names, targets.names)
    if not found:
        raise UserError(
            f"--input {options.input}, --target {options.target}: no file name is in both; pairs share one"
        )
    if len(found) < len(inputs):
        print(
            f"--input: {len(inputs) - len(found)} of {len(inputs)} pictures have no partner in --target: left out"
        )
    names, photos = [inputs.names[i] for i, _ in found], [inputs.image(i) for i, _ in found]
    return Pictures(options.input, names, photos, [targets.image(j) for _, j in found])
