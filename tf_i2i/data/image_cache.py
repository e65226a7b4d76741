"""Pictures decoded once: a domain's pixels in one flat array, in memory or in a temporary file."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from tf_i2i.data.image_files import (
    MAX_ELONGATION,
    MAX_STRIP,
    UnreadableImage,
    left_out,
    resize_short_side,
)
from tf_i2i.data.sources import ImageSource
from tf_i2i.errors import UserError, one_line

MEMORY_LIMIT_BYTES = 2 * 2**30  # more pixels go to a temporary file
MIN_SIDE = 16
_CUT = f"are longer than {MAX_STRIP}:1, only their middles are used"
# Held out for validation: this share, within these limits; nothing of fewer pictures than the last.
_HELD_OUT_SHARE, _MIN_HELD_OUT, _MAX_HELD_OUT, _MIN_TO_HOLD_OUT = 0.04, 2, 32, 12


@dataclass(frozen=True, eq=False)
class ImageCache:
    """Decoded pictures of one domain; immutable.

    Attributes:
        pixels: uint8, 1-D, read-only, maybe np.memmap: all pictures flat (H, W, RGB), back to back.
        offsets: int64 [N], where each picture starts in `pixels`.
        shapes: int32 [N, 2], height and width.
        skipped: (name, reason) of pictures that were left out.
        fingerprint: sha256 (hex) over names, shapes and pixels.
    """

    names: list[str]
    pixels: np.ndarray
    offsets: np.ndarray
    shapes: np.ndarray
    skipped: list[tuple[str, str]]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> np.ndarray:
        """Picture `index`, uint8 [H, W, 3], a read-only view."""
        height, width = (int(side) for side in self.shapes[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)

    def pixel_sum(self, index: int) -> str:
        """sha256 (hex) of the shape and pixels of picture `index`, whatever its name."""
        return _add(hashlib.sha256(), "", self.image(index)).hexdigest()

    def subset(self, indices: Sequence[int]) -> "ImageCache":
        """The pictures `indices`, in that order, on the same `pixels` (nothing is copied)."""
        chosen, digest = [int(index) for index in indices], hashlib.sha256()
        for index in chosen:
            _add(digest, self.names[index], self.image(index))
        names, arrays = [self.names[i] for i in chosen], (self.offsets[chosen], self.shapes[chosen])
        return ImageCache(names, self.pixels, *arrays, list(self.skipped), digest.hexdigest())

    @classmethod
    def from_images(
        cls, named: Iterable[tuple[str, np.ndarray]], skipped: Sequence[tuple[str, str]] = ()
    ) -> "ImageCache":
        """Gathers (name, uint8 [H, W, 3]) pairs; `skipped` is read after the last pair was taken.

        Raises UserError: the temporary folder has no room for the pixels.
        """
        store, digest = _ByteStore(), hashlib.sha256()
        names, offsets, shapes = [], [], []
        for name, image in named:
            names.append(name)
            shapes.append(image.shape[:2])
            offsets.append(store.size)
            _add(digest, name, image)
            store.append(image)
        arrays = np.array(offsets, np.int64), np.array(shapes, np.int32).reshape(-1, 2)
        return cls(names, store.finish(), *arrays, list(skipped), digest.hexdigest())


def load_images(
    source: ImageSource,
    short_side: int,
    *,
    option: str,
    warn: Callable[[str], None],
    minimum: int = 2,
) -> ImageCache:
    """Decodes the pictures of `source` by several threads, their shorter sides resized to
    `short_side` pixels (aspect ratios kept, at most 32:1), in its order.

    option: the one that named the source, for messages. warn: called with a line for each picture
    that is left out, such as those with a side under 16 pixels, and one for each kind of those that
    lose their ends, further frames or transparency. Raises UserError: fewer than `minimum` pictures
    are usable, or more than half can't be read.
    """
    skipped, unreadable, total = [], 0, len(source)
    remarks: dict[str, list[str]] = {}
    where = f"{option} {one_line(source.description)}"

    def remark(index: int, image) -> None:
        for what in left_out(image):
            remarks.setdefault(f"have {what}", []).append(source.names[index])

    def decode(index: int) -> np.ndarray | UnreadableImage:
        try:
            image = source.read(index, MAX_ELONGATION * short_side, partial(remark, index))
        except UnreadableImage as error:
            return error
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            reason = f"{width}x{height} pixels, a side is under {MIN_SIDE}"
            return _TooSmall(source.names[index], reason)
        if max(height, width) > MAX_STRIP * min(height, width):
            remarks.setdefault(_CUT, []).append(source.names[index])
        return resize_short_side(image, short_side, MAX_STRIP)

    def usable() -> Iterator[tuple[str, np.ndarray]]:
        nonlocal unreadable
        label = f"decoding {one_line(source.description)}"
        # Pillow decodes outside Python's lock; more threads only hold more full-size pictures.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            decoded = pool.map(decode, range(total))
            bar = tqdm(decoded, label, total, unit="image", delay=3)
            for name, result in zip(source.names, bar, strict=True):
                if isinstance(result, np.ndarray):
                    yield name, result
                    continue
                unreadable += not isinstance(result, _TooSmall)
                skipped.append((name, result.reason))
                warn(f"{option}: left out {result.name}: {result.reason}")

    cache = ImageCache.from_images(usable(), skipped)
    for what, names in sorted(remarks.items()):
        count = f"{len(names)} of {total} pictures {what}"
        warn(f"{option}: {count} (such as {one_line(min(names))})")
    if 2 * unreadable > total:
        name, reason = skipped[0]
        first = f"(first {one_line(name)}: {reason}); repair or remove them"
        raise UserError(f"{where}: {unreadable} of {total} pictures can't be read {first}")
    if len(cache) < minimum:
        need = f"at least {minimum} are needed; add pictures of {MIN_SIDE} pixels per side or more"
        raise UserError(f"{where}: {len(cache)} of {total} pictures can be used, {need}")
    return cache


def split_held_out(
    caches: Sequence[ImageCache], seed: int
) -> tuple[tuple[ImageCache, ...], tuple[ImageCache, ...]]:
    """Splits off 4 % of the pictures, from 2 to 32, for validation: (to train on, held out); under
    12 pictures the caches themselves, twice. Several, aligned, are split alike.

    Chosen by the content of the first cache and the seed, not by file names or their order.
    """
    first, count = caches[0], len(caches[0])
    if count < _MIN_TO_HOLD_OUT:
        return tuple(caches), tuple(caches)

    def rank(index: int) -> tuple[bytes, str]:
        digest = _add(hashlib.sha256(f"{seed} ".encode()), "", first.image(index))
        return digest.digest(), first.names[index]

    size = min(_MAX_HELD_OUT, max(_MIN_HELD_OUT, round(_HELD_OUT_SHARE * count)))
    order = sorted(range(count), key=rank)
    train, held_out = sorted(order[size:]), sorted(order[:size])
    return tuple(c.subset(train) for c in caches), tuple(c.subset(held_out) for c in caches)


class _TooSmall(UnreadableImage):
    """A picture that decodes but is too small to learn from."""


def _add(digest, name: str, image: np.ndarray):
    digest.update(os.fsencode(name) + b"\0" + np.array(image.shape, "<i8").tobytes())
    digest.update(np.ascontiguousarray(image))
    return digest


class _ByteStore:
    """Pictures appended one at a time, in memory or in an unlinked temporary file."""

    def __init__(self):
        self.size, self._memory, self._file = 0, bytearray(), None

    def append(self, image: np.ndarray) -> None:
        data = memoryview(np.ascontiguousarray(image)).cast("B")
        self.size += len(data)
        if self._file is None and self.size <= MEMORY_LIMIT_BYTES:
            self._memory += data
            return
        with _room_on_disk():
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - the memory map keeps it
                self._file.write(self._memory)
                self._memory = bytearray()
            self._file.write(data)

    def finish(self) -> np.ndarray:
        if self._file is None:
            pixels = np.frombuffer(self._memory, np.uint8)
            pixels.flags.writeable = False
            return pixels
        with _room_on_disk():
            self._file.flush()
        return np.memmap(self._file, np.uint8, mode="r")


@contextmanager
def _room_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{tempfile.gettempdir()}: can't hold the decoded pictures ({error.strerror}); "
            "free some room, set TMPDIR to a larger disk, or use a smaller --load-size"
        ) from error
