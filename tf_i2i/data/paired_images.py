"""Pictures in pairs: two sources with equal file names, or one of side-by-side pictures, to two
caches that match.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tf_i2i.data.image_cache import ImageCache, held_out_indices, load_images
from tf_i2i.data.image_files import UnreadableImage
from tf_i2i.data.sources import ImageSource
from tf_i2i.errors import UserError, one_line

# Pairs whose shapes differ by more than this share are no pictures of the same thing, or one of
# them was cropped.
_SHAPE_TOLERANCE = 0.03


_MOST_NAMED = 20


class SourceView(ImageSource):
    """Some pictures of another source, in the order of `indices`; each read whole and handed
    through `cut`, if given.

    `cut` takes and returns uint8 [H, W, 3] and raises ValueError, with the reason, for a picture it
    can't cut.
    """

    def __init__(self, source: ImageSource, indices: Sequence[int], cut: Callable | None = None):
        self._source, self._indices, self._cut = source, list(indices), cut
        self.description, self.names = source.description, [source.names[i] for i in self._indices]

    def read(self, index: int, max_side: int | None = None) -> np.ndarray:
        if self._cut is None:
            return self._source.read(self._indices[index], max_side)
        # A picture that is reduced while it is decoded may lose the column that makes its width
        # odd.
        image = self._source.read(self._indices[index])
        try:
            return self._cut(image)
        except ValueError as error:
            raise UnreadableImage(self.names[index], str(error)) from error


def halves(source: ImageSource) -> tuple[ImageSource, ImageSource]:
    """The left and the right halves of side-by-side pictures; one of odd width reads as an
    UnreadableImage.
    """
    everything = range(len(source))
    return SourceView(source, everything, _left_half), SourceView(
        source, everything, lambda x: _left_half(x[:, ::-1])[:, ::-1]
    )


def _left_half(image: np.ndarray) -> np.ndarray:
    width = image.shape[1]
    if width % 2:
        raise ValueError(
            f"its width of {width} pixels is odd, so it is not two pictures side by side"
        )
    return np.ascontiguousarray(image[:, : width // 2])


def matching(inputs: list[str], targets: list[str]) -> list[tuple[int, int]]:
    """Index pairs of names that are equal but for the suffix: with their folders, or without where
    none is so.
    """
    whole, last = (
        (lambda name: Path(name).with_suffix("").as_posix()),
        (lambda name: Path(name).stem),
    )
    for key in (whole, last):
        places = {key(name): j for j, name in enumerate(targets)}
        found = [(i, places[key(name)]) for i, name in enumerate(inputs) if key(name) in places]
        if found:
            return found
    return []


def load_named_pairs(
    inputs: ImageSource,
    targets: ImageSource,
    short_side: int,
    *,
    options: tuple[str, str],
    warn: Callable[[str], None],
) -> tuple[ImageCache, ImageCache]:
    """Pictures of two sources whose names are equal but for the suffix: (inputs, targets), same
    order and shapes.

    Args:
        short_side, warn: see image_cache.load_images. options: those that named the sources, for
            messages.

    Raises:
        UserError: more than half of either have no partner, or fewer than 2 pairs can be used.
    """
    found = dict(
        reversed(pair) for pair in matching(inputs.names, targets.names)
    )  # a target serves one input
    places = sorted((i, j) for j, i in found.items())
    lonely = []
    for source, used, option, other in (
        (inputs, {i for i, _ in places}, *options),
        (targets, {j for _, j in places}, *reversed(options)),
    ):
        alone = [name for i, name in enumerate(source.names) if i not in used]
        reason = f"no picture of this name in {other}"
        if 2 * len(alone) > len(source):
            raise UserError(
                f"{option} {one_line(source.description)}: {len(alone)} of {len(source)} pictures have no partner in {other} "
                f"(first {one_line(alone[0])}); a pair has one file name in both"
            )
        for name in alone[:_MOST_NAMED]:
            warn(f"{option}: left out {one_line(name)}: {reason}")
        if len(alone) > _MOST_NAMED:
            warn(f"{option}: left out {len(alone) - _MOST_NAMED} more without a partner")
        lonely.append([(name, reason) for name in alone])
    chosen = SourceView(inputs, [i for i, _ in places]), SourceView(targets, [j for _, j in places])
    partners = {inputs.names[i]: targets.names[j] for i, j in places}
    caches = tuple(
        load_images(view, short_side, option=option, warn=warn)
        for view, option in zip(chosen, options, strict=True)
    )
    return _aligned(*caches, partners, lonely, " and ".join(options), warn)


def load_side_by_side(
    source: ImageSource, short_side: int, *, option: str, warn: Callable[[str], None]
) -> tuple[ImageCache, ImageCache]:
    """Both halves of side-by-side pictures: (left, right), same order and shapes. Arguments: see
    image_cache.load_images.

    Raises:
        UserError: more than half are of odd width or can't be read, or fewer than 2 can be used.
    """
    left, right = halves(source)
    lefts = load_images(left, short_side, option=option, warn=warn)
    usable = set(lefts.names)
    places = [i for i, name in enumerate(source.names) if name in usable]
    rights = load_images(SourceView(right, places), short_side, option=option, warn=warn)
    return _aligned(lefts, rights, {name: name for name in lefts.names}, ([], []), option, warn)


def split_held_out_pairs(
    inputs: ImageCache, targets: ImageCache, seed: int
) -> tuple[tuple[ImageCache, ImageCache], tuple[ImageCache, ImageCache]]:
    """((inputs, targets) to train on, (inputs, targets) held out), chosen by the inputs: see
    image_cache.split_held_out.
    """
    held_out = held_out_indices(inputs, seed)
    if not held_out:
        return (inputs, targets), (inputs, targets)
    rest = sorted(set(range(len(inputs))) - set(held_out))
    return (inputs.subset(rest), targets.subset(rest)), (
        inputs.subset(held_out),
        targets.subset(held_out),
    )


def _aligned(
    inputs: ImageCache, targets: ImageCache, partners: dict[str, str], lonely, option: str, warn
):
    """Keeps the pairs of which both could be read, the target in the input's shape."""
    there = {name: j for j, name in enumerate(targets.names)}
    pairs, odd = [], []
    for i, name in enumerate(inputs.names):
        j = there.get(partners[name])
        if j is None:
            continue  # its partner was named when it could not be read
        (h, w), (other_h, other_w) = inputs.shapes[i], targets.shapes[j]
        if abs(h * other_w - w * other_h) > _SHAPE_TOLERANCE * h * other_w:
            reason = (
                f"its target has another shape ({w}x{h} and {other_w}x{other_h} after resizing)"
            )
            warn(f"{option}: left out {one_line(name)}: {reason}")
            odd.append((name, reason))
            continue
        pairs.append((i, j))
    if len(pairs) < 2:
        raise UserError(
            f"{option}: {len(pairs)} pairs can be used, at least 2 are needed; see what was left out"
        )
    inputs, targets = inputs.subset([i for i, _ in pairs]), targets.subset([j for _, j in pairs])
    if not np.array_equal(inputs.shapes, targets.shapes):
        targets = _reshaped(targets, inputs.shapes)
    return (
        dataclasses.replace(inputs, skipped=[*inputs.skipped, *lonely[0], *odd]),
        dataclasses.replace(targets, skipped=[*targets.skipped, *lonely[1]]),
    )


def _reshaped(cache: ImageCache, shapes: np.ndarray) -> ImageCache:
    import cv2

    resized = (
        (name, cv2.resize(cache.image(i), (int(w), int(h)), interpolation=cv2.INTER_AREA))
        for i, (name, (h, w)) in enumerate(zip(cache.names, shapes, strict=True))
    )
    return ImageCache.from_images(resized, cache.skipped)
