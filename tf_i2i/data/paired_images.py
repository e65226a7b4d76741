"""Pictures in pairs, of two sources with equal file names or side by side, as aligned caches."""

import dataclasses
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from tf_i2i.data.image_cache import ImageCache, load_images
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.sources import ImageSource
from tf_i2i.errors import UserError, one_line

# Shapes that differ by more than this share are not of the same thing, or one was cropped.
_SHAPE_TOLERANCE = 0.03
_MAX_NAMED = 20


def load_named_pairs(
    inputs: ImageSource,
    targets: ImageSource,
    short_side: int,
    *,
    options: tuple[str, str],
    warn: Callable[[str], None],
) -> tuple[ImageCache, ImageCache]:
    """Pictures with equal names but for the suffix: (inputs, targets), same order and shapes.

    options: those that named the sources, for messages; short_side, warn: see load_images.
    Raises UserError: more than half of either have no partner, or fewer than 2 pairs are usable.
    """
    # By target, so that each serves one input.
    input_of = {j: i for i, j in matching(inputs.names, targets.names)}
    pairs = sorted((i, j) for j, i in input_of.items())
    chosen = [i for i, _ in pairs], [j for _, j in pairs]
    sources = list(zip((inputs, targets), chosen, options, reversed(options), strict=True))
    others = [targets.names, inputs.names]
    unmatched = [_unmatched(*of, names, warn) for of, names in zip(sources, others, strict=True)]
    caches = [
        load_images(_SourceView(source, indices), short_side, option=option, warn=warn)
        for source, indices, option, _ in sources
    ]
    partners = {inputs.names[i]: targets.names[j] for i, j in pairs}
    return _align(*caches, partners, " and ".join(options), warn, unmatched)


def load_side_by_side(
    source: ImageSource, short_side: int, *, option: str, warn: Callable[[str], None]
) -> tuple[ImageCache, ImageCache]:
    """Both halves of side-by-side pictures: (left, right), same order and shapes; see load_images.

    Raises UserError: more than half are of odd width or can't be read, or fewer than 2 are usable.
    """
    left = _SourceView(source, range(len(source)), _left_half)
    lefts = load_images(left, short_side, option=option, warn=warn)
    usable = set(lefts.names)  # what is left out is named once
    indices = [i for i, name in enumerate(source.names) if name in usable]
    half = lambda image: _left_half(image[:, ::-1])[:, ::-1]  # noqa: E731
    right = _SourceView(source, indices, half, again=True)
    rights = load_images(right, short_side, option=option, warn=warn)
    return _align(lefts, rights, {name: name for name in lefts.names}, option, warn)


def matching(inputs: list[str], targets: list[str]) -> list[tuple[int, int]]:
    """Index pairs of names equal but for the suffix; where none are, without their folders."""
    for folders in (True, False):
        place_of = {pair_name(name, folders): j for j, name in enumerate(targets)}
        keys = [pair_name(name, folders) for name in inputs]
        pairs = [(i, place_of[name]) for i, name in enumerate(keys) if name in place_of]
        if pairs:
            return pairs
    return []


def pair_name(name: str, folders: bool = False) -> str:
    """What a picture and its partner have in common: the name without suffix, and with or without
    folders. é is one letter here, macOS stores two. Examples of a TensorFlow dataset have places
    and no suffix: only those of one dataset and split belong together.
    """
    path = Path(unicodedata.normalize("NFC", name))
    return path.stem if path.suffix and not folders else path.with_suffix("").as_posix()


def case_mismatches(names: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    """Of names without partner among `others`: name -> the other that differs in case alone."""
    exact = {pair_name(other) for other in others}
    folded = {pair_name(other).casefold(): other for other in others}
    near = {n: folded.get(pair_name(n).casefold()) for n in names if pair_name(n) not in exact}
    return {name: other for name, other in near.items() if other is not None}


def misfit(shape: Sequence[int], other: Sequence[int]) -> str | None:
    """Why a picture of the second shape (height, width) is no partner of one of the first; None
    where it is. Neither training nor scores squeeze one into the shape of the other.
    """
    (h, w), (other_h, other_w) = shape[:2], other[:2]
    if abs(h * other_w - w * other_h) <= _SHAPE_TOLERANCE * h * other_w:
        return None
    return f"its target has another shape ({w}x{h} and {other_w}x{other_h} after resizing)"


def in_shape_of(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] in the other's shape, by area; those of named pairs may differ a little."""
    if image.shape == other.shape:
        return image
    return cv2.resize(image, other.shape[1::-1], interpolation=cv2.INTER_AREA)


class _SourceView(ImageSource):
    """Pictures `indices` of a source; `cut` takes one at full size, or raises ValueError; again: what
    the whole pictures lose was told already.
    """

    def __init__(
        self,
        source: ImageSource,
        indices: Sequence[int],
        cut: Callable | None = None,
        again: bool = False,
    ):
        self._source, self._indices, self._cut, self._again = source, list(indices), cut, again
        self.description, self.names = source.description, [source.names[i] for i in self._indices]

    def read(self, index: int, max_side: int | None = None, *inspect: Callable) -> np.ndarray:
        if self._cut is None:
            return self._source.read(self._indices[index], max_side, *inspect)
        # At full size: a reduced picture may lose the column that makes its width odd.
        inspect = () if self._again else inspect
        image = self._source.read(self._indices[index], None, *inspect)
        try:
            return self._cut(image)
        except ValueError as error:
            raise UnreadableImage(self.names[index], str(error)) from error


def _left_half(image: np.ndarray) -> np.ndarray:
    width = image.shape[1]
    if width % 2:
        raise ValueError(f"its width of {width} pixels is odd, so it is not two pictures")
    return np.ascontiguousarray(image[:, : width // 2])


def _unmatched(source, matched: list[int], option: str, other: str, other_names: list[str], warn):
    """(name, reason) of the pictures of `source` without a partner."""
    names = [source.names[i] for i in sorted(set(range(len(source))) - set(matched))]
    near = case_mismatches(names, other_names)

    def reason(name: str) -> str:
        differs = f"; {one_line(near[name])} differs in case" if name in near else ""
        return f"no picture of this name in {other}{differs}"

    if 2 * len(names) > len(source):
        raise UserError(
            f"{option} {one_line(source.description)}: {len(names)} of {len(source)} pictures have "
            f"no partner in {other} (first {one_line(names[0])}: {reason(names[0])}); a pair has "
            "the same file name in both"
        )
    for name in names[:_MAX_NAMED]:
        warn(f"{option}: left out {one_line(name)}: {reason(name)}")
    if len(names) > _MAX_NAMED:
        warn(f"{option}: left out {len(names) - _MAX_NAMED} more without a partner")
    return [(name, reason(name)) for name in names]


def _align(
    inputs: ImageCache,
    targets: ImageCache,
    partners: dict[str, str],
    option: str,
    warn: Callable[[str], None],
    unmatched: Sequence[list] = ([], []),
) -> tuple[ImageCache, ImageCache]:
    """The pairs that are readable in both, each target in its input's shape."""
    place_of = {name: j for j, name in enumerate(targets.names)}
    pairs, misshapen = [], []
    for i, name in enumerate(inputs.names):
        j = place_of.get(partners[name])
        if j is None:
            continue  # the unreadable partner was named already
        reason = misfit(inputs.shapes[i], targets.shapes[j])
        if reason is None:
            pairs.append((i, j))
            continue
        misshapen.append((name, reason))
        warn(f"{option}: left out {one_line(name)}: {reason}")
    if len(pairs) < 2:
        need = "at least 2 are needed; see what was left out"
        raise UserError(f"{option}: {len(pairs)} pairs can be used, {need}")
    inputs, targets = inputs.subset([i for i, _ in pairs]), targets.subset([j for _, j in pairs])
    if not np.array_equal(inputs.shapes, targets.shapes):
        resized = (
            (name, in_shape_of(targets.image(i), inputs.image(i)))
            for i, name in enumerate(targets.names)
        )
        targets = ImageCache.from_images(resized, targets.skipped)
    return (
        dataclasses.replace(inputs, skipped=[*inputs.skipped, *unmatched[0], *misshapen]),
        dataclasses.replace(targets, skipped=[*targets.skipped, *unmatched[1]]),
    )
