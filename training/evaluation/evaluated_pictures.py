"""The pictures that training.evaluate scores: a run's, or those that its options name."""

from dataclasses import dataclass

import numpy as np

from tf_i2i.data.image_cache import ImageCache, load_images
from tf_i2i.data.paired_images import case_mismatches, in_shape_of, matching, misfit
from tf_i2i.data.pixels import centre_multiple
from tf_i2i.data.sources import open_source
from tf_i2i.data.splits import TEST, VAL
from tf_i2i.errors import UserError, one_line
from training.options.evaluate_options import EvaluateOptions
from training.runs.finished_run import FinishedRun

# As in evaluation.json.
SPLIT_NAMES = {VAL: "validation", TEST: "test"}


@dataclass(frozen=True)
class Pictures:
    """What is translated: photos, uint8 [H, W, 3] of any sizes, and their true translations, if
    known. split: the name that their scores have in evaluation.json.
    """

    split: str
    names: list[str]
    photos: list[np.ndarray]
    truths: list[np.ndarray] | None


def cropped(pictures: Pictures, multiple: int, size: int | None) -> Pictures:
    """Pictures cut by `centre_multiple`; where `size` makes them smaller, the split's name says so."""
    photos = [centre_multiple(photo, multiple, size) for photo in pictures.photos]
    truths = None
    if pictures.truths is not None:
        pairs = zip(pictures.truths, pictures.photos, strict=True)
        truths = [centre_multiple(in_shape_of(*pair), multiple, size) for pair in pairs]
    smaller = any(size and max(photo.shape[:2]) >= size + multiple for photo in pictures.photos)
    split = f"{pictures.split}, centre {size} px" if smaller else pictures.split
    return Pictures(split, pictures.names, photos, truths)


def validation(run: FinishedRun, direction: str) -> Pictures:
    """The run's validation pictures of the domain that is translated."""
    return _of_run(run, direction, VAL)


def evaluated_pictures(
    run: FinishedRun, options: EvaluateOptions, direction: str
) -> tuple[Pictures, list[np.ndarray]]:
    """The pictures that the options name, by default those of the run's split, and real pictures of
    the domain that they are translated to, if known. Raises UserError where they can't be used.
    """
    size = run.options.load_size
    src, style_src = (getattr(options, f"domain_{letter}") for letter in direction)
    if options.input:
        pictures = named_pairs(options, size)
    elif src:
        cache = _load(src, f"--domain-{direction[0]}", size)
        pictures = Pictures(src, cache.names, _all(cache), None)
    else:
        pictures = _of_run(run, direction, options.split)
        if options.target:
            pictures = _with_truths(pictures, options.target, size)
    if pictures.truths is not None:
        return pictures, pictures.truths
    if style_src:
        return pictures, _all(_load(style_src, f"--domain-{direction[1]}", size))
    return pictures, [] if src else _all(_domains(run, direction, options.split)[1])


def named_pairs(options: EvaluateOptions, load_size: int) -> Pictures:
    """The pictures of --input that have a partner in --target."""
    inputs = _load(options.input, "--input", load_size)
    pictures = Pictures(options.input, inputs.names, _all(inputs), None)
    return _with_truths(pictures, options.target, load_size)


def _of_run(run: FinishedRun, direction: str, split: str) -> Pictures:
    source, target = _domains(run, direction, split)
    truths = _all(target) if run.some_data.paired else None
    # Of a run on another machine only some may be there; their scores are others.
    count = run.config.get("data", {}).get("counts", {}).get(f"{split}_{direction[0]}")
    some = f", {len(source)} of {count}" if count and len(source) < count else ""
    return Pictures(SPLIT_NAMES[split] + some, source.names, _all(source), truths)


def _domains(run: FinishedRun, direction: str, split: str) -> tuple[ImageCache, ImageCache]:
    """The domain that is translated, and the one that it is translated to."""
    data = run.some_data if split == VAL else run.data()
    a, b = (data.val_a, data.val_b) if split == VAL else (data.test_a, data.test_b)
    if a is None or not (len(a) and len(b)):
        fix = "train with --split 80%/10%/10%, or name pictures with --domain-a or --input"
        raise UserError(f"--split {split}: {run.root} has no {SPLIT_NAMES[split]} pictures; {fix}")
    return (a, b) if direction == "ab" else (b, a)


def _with_truths(pictures: Pictures, target: str, load_size: int) -> Pictures:
    """Those pictures that have a true translation of their name in `target`."""
    targets, count = _load(target, "--target", load_size), len(pictures.names)
    matches = matching(pictures.names, targets.names)
    if not matches:
        raise UserError(f"--target {target}: has no picture with a name of {pictures.split}")
    if len(matches) < count:
        print(f"--target: {count - len(matches)} of {count} pictures have no partner: left out")
    for name, other in case_mismatches(pictures.names, targets.names).items():
        print(f"--target: {one_line(name)} and {one_line(other)} differ in case, so are no pair")
    chosen = []
    for i, j in matches:
        name, photo, truth = pictures.names[i], pictures.photos[i], targets.image(j)
        if reason := misfit(photo.shape, truth.shape):
            print(f"--target: left out {one_line(name)}: {reason}")
        else:
            chosen.append((name, photo, truth))
    if not chosen:
        reason = "none of its pictures has the shape of the one it is the target of"
        raise UserError(f"--target {target}: {reason}; give uncropped ones")
    return Pictures(pictures.split, *map(list, zip(*chosen, strict=True)))


def _load(src: str, option: str, load_size: int) -> ImageCache:
    return load_images(open_source(src, option), load_size, option=option, warn=print)


def _all(cache: ImageCache) -> list[np.ndarray]:
    return [cache.image(i) for i in range(len(cache))]
