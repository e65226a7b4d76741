"""From an exported file to what translates whole photos."""

import copy
import math
import os

import numpy as np
from tqdm import tqdm

from export.photos.brushstrokes import (
    CANVAS,
    broad_sizes,
    canvas_sizes,
    refined,
    sharpen_strokes,
)
from export.photos.guided_upsampling import upsample
from export.photos.resampling import resized as resized_picture
from export.photos.tiling import Tiling, blend, plan
from tf_i2i.data.image_files import reduced_size
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile, read_bytes, read_facts
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.receptive_field import block_receptive_field, bytes_per_pixel
from tf_i2i.litert.sandbox import read_image_model

# Of the photo (translated in place) and all networks together; with Python itself, a photo of 100
# megapixels stays under 1 GB. More than _MAX_NETWORK_BYTES would make building take longer than the
# smaller overlap saves.
_MAX_BYTES, _MAX_NETWORK_BYTES, _MIN_NETWORK_BYTES = 830e6, 800e6, 64e6
# Of _MAX_BYTES, for networks that wait for the next photo or size: those of all brush sizes fit in.
_KEPT_SHARE = 1 / 3
# Per pixel: the photo itself, and the two bands of it that tiles are cut from.
_PHOTO_BYTES = 3.3
# Up to so many threads, one network has them and all memory: two would have tiles half as large, of
# which more is overlap. More threads find too little to do in one tile.
_MAX_THREADS = 4
_MIN_TILES_FOR_BAR = 8
MAX_ENLARGEMENT = 1.5
# Photos from this size on leave no room for the networks beside their upsampling.
_LARGE_BYTES = 120e6


class Translator:
    """Translates photos with an exported network, after it has run once in a sandbox.

    A network that sees only its neighbourhood is resized to tiles that suit the photo. One with
    statistics over the whole input runs as it is, on a smaller photo mirrored outward: not scaled,
    since the network draws strokes of the width that it learned at this scale.

    path: from export.tflite. tile: largest side of tiles; None: chosen by speed and memory.
    working_size: long side in pixels at which photos are translated (of one more elongated than
    4:1, the shorter side is a quarter of it); None, at first: each has its own. One that would have
    to be enlarged more than MAX_ENLARGEMENT times has its own as well: no detail is left to paint.
    has_brushstrokes: photos that are reduced come back by way of a canvas, on which the strokes get
    their edges (brushstrokes.py); false at first. paints: whether the network's results are
    paintings, by the file's facts.
    recorded_working_size: what the file says, unchecked; None if nothing.
    is_tiled: the network sees only its neighbourhood. tiling: of the photo prepared last, or None.
    Raises UserError: no .tflite file, damaged, without packed facts, or the tile does not fit.
    """

    def __init__(self, path: str | os.PathLike, tile: int | None = None, threads: int = 2):
        self._shown = one_line(path)
        facts = read_facts(read_bytes(path)) or {}
        if "halo_px" not in facts:
            raise UserError(f"{self._shown}: has no facts on halo; export it with export.tflite")
        self._model, self._max_tile = read_image_model(path), tile
        self.is_tiled = self._model.halo is not None
        self.tiling: Tiling | None = None
        self.working_size: int | None = None
        self.has_brushstrokes, self.paints = False, facts.get("brushstrokes") is True
        self.recorded_working_size = facts.get("working_size_px")
        self._num_threads, self._max_bytes, self._is_quiet = threads, _MAX_BYTES, False
        self._built: dict[Tiling, list[LiteModel]] = {}
        workers = -(-threads // _MAX_THREADS) if self.is_tiled else 1
        self._threads = [threads // workers + (i < threads % workers) for i in range(workers)]
        if self.is_tiled:
            self._read_needs()
        elif tile is not None:
            reason = f"has no effect on {self._shown}, which sees all of a picture at once"
            raise UserError(f"--tile {reason}; leave it out")

    def single_threaded(self, count: int) -> list["Translator"]:
        """As many translators for frames of a clip: each runs in one thread, with its share of the
        memory and without progress bars. `prepare` them before there are other threads.
        """
        self.release()
        copies = [copy.copy(self) for _ in range(count)]
        for one in copies:
            one._threads, one._num_threads, one._is_quiet = [1], 1, True
            one._max_bytes, one._built = _MAX_BYTES / count, {}
        return copies

    def prepare(self, height: int, width: int) -> None:
        """Builds the networks for a photo of this size that there are none of yet."""
        *size, other_bytes = self._translated_size(height, width)
        is_as_it_is = tuple(size) == (height, width)
        for level in [size] if is_as_it_is else self._levels(*size)[0]:
            self._build(*level, other_bytes)

    def _build(self, height: int, width: int, other_bytes: int) -> None:
        tiling = self._tiling(height, width, other_bytes)
        if tiling not in self._built:
            sizes = [each.height * each.width for each in (*self._built, tiling)]
            kept_bytes = self._max_bytes * _KEPT_SHARE
            if self.is_tiled and sum(sizes) * self._bytes_per_pixel > kept_bytes:
                self.release()  # before the new ones take memory
            data = resized(self._model.data, tiling.height, tiling.width)
            self._built[tiling] = [LiteModel(data, threads) for threads in self._threads]
        self.tiling = tiling

    def translate(self, photo: np.ndarray, name: str, strength: float = 1.0) -> None:
        """Replaces uint8 [H, W, 3] by its translation in place; strength: 0 keeps the photo.

        Raises UserError when the photo, `name`, is larger than a network that can't be tiled.
        """
        shape = photo.shape[:2]
        *size, other_bytes = self._translated_size(*shape)
        if tuple(size) == shape:
            self._translate(photo, name, other_bytes, strength)
            return
        painted, canvases = self._levels(*size)
        is_enlarged = tuple(size) > shape
        if is_enlarged:
            guides = self._guides(resized_picture(photo, *size), painted)
        else:
            guides = self._guides(photo, [*painted, *canvases])
        hidden = self._is_quiet or None  # None: shown on terminals
        rows = len(photo) + 2 * sum(map(len, guides[1:]))
        with tqdm(desc=name, total=rows, unit="row", leave=False, disable=hidden) as bar:
            reduced = translated = None
            for guide in guides[: len(painted)]:
                fine = guide.copy()
                self._translate(fine, name, other_bytes)
                if reduced is not None:
                    broad = self._enlarged(guide, reduced, translated, bar)
                    fine = refined(broad, fine, guide)
                reduced, translated = guide, fine
            if photo.size > _LARGE_BYTES and not self._is_quiet:
                self.release()
            for guide in guides[len(painted) :]:
                reduced, translated = guide, self._enlarged(guide, reduced, translated, bar)
            if not is_enlarged and len(reduced) <= len(photo):
                upsample(photo, reduced, translated, strength, self._num_threads, bar.update)
            else:
                blend(photo, photo, resized_picture(translated, *shape), strength)

    def _levels(self, height: int, width: int) -> tuple[list, list]:
        """Sizes at which the network paints a photo, the largest as given, and those of the canvases
        that its strokes are sharpened on.
        """
        if not self.has_brushstrokes:
            return [(height, width)], []
        canvases = canvas_sizes(height, width, CANVAS / max(height, width))
        return [*broad_sizes(height, width), (height, width)], canvases

    def _enlarged(self, guide, reduced, translated, bar) -> np.ndarray:
        """The translation of `reduced`, with brushstrokes of the guide's size."""
        canvas = guide.copy()
        upsample(canvas, reduced, translated, 1.0, self._num_threads, bar.update)
        sharpen_strokes(canvas, guide, self._num_threads)
        bar.update(len(canvas))
        return canvas

    @staticmethod
    def _guides(photo: np.ndarray, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
        """The photo at each size, smallest first."""
        guides = []
        for size in reversed(sizes):
            guides.insert(0, resized_picture(guides[0] if guides else photo, *size))
        return guides

    def _translated_size(self, height: int, width: int) -> tuple[int, int, int]:
        """Height and width at which a photo is translated, and bytes that are held meanwhile."""
        size, longest = (height, width), max(height, width)
        if self.working_size and longest < self.working_size <= MAX_ENLARGEMENT * longest:
            size = tuple(round(side * self.working_size / longest) for side in size)
        else:
            size = reduced_size(size, self.working_size)
        held = 3 * (height * width + math.prod(size)) if size != (height, width) else 0
        return *size, held

    def _translate(
        self, photo: np.ndarray, name: str, other_bytes: int, strength: float = 1.0
    ) -> None:
        height, width = photo.shape[:2]
        if not self.is_tiled and max(height, width) > self._model.size:
            size = f"{self._model.size} pixels"
            raise UserError(
                f"{name}: {width}x{height} is larger than {self._shown}'s {size}, and a teacher "
                "sees all of a picture at once, not in tiles; use the student, a larger --size or "
                f"--working-size {self._model.size}"
            )
        self._build(height, width, other_bytes)
        rows, columns = self.tiling.grid(height, width)
        networks = [network.run_uint8 for network in self._built[self.tiling]]
        hidden = self._is_quiet or rows * columns < _MIN_TILES_FOR_BAR or None
        bar = tqdm(desc=name, total=rows * columns, unit="tile", disable=hidden, leave=False)
        with bar:
            self.tiling.translate(photo, networks, strength, bar.update)

    def release(self) -> None:
        """Frees the networks' memory; the next photo builds them again."""
        self.tiling = None
        self._built.clear()

    def _read_needs(self) -> None:
        """Margin of tiles, and memory per pixel."""
        file, stride = ModelFile(self._model.data), self._model.stride
        # The halo is right for any pixel; what a tile keeps is on the grid and may see less.
        seen, halo = block_receptive_field(file, stride), self._model.halo
        self._margin = -(-(halo if seen is None else min(halo, seen)) // stride) * stride
        self._bytes_per_pixel = bytes_per_pixel(file)
        min_tile = 2 * self._margin + max(self._margin, stride)
        if self._max_tile is not None and self._max_tile // stride * stride < min_tile:
            fix = f"{self._margin} pixels on each side are overlap; leave it out for a fast one"
            least = f"must be at least {min_tile} for this network"
            raise UserError(f"--tile {self._max_tile}: {least}; {fix}")

    def _tiling(self, height: int, width: int, other_bytes: int) -> Tiling:
        if not self.is_tiled:
            return Tiling(self._model.size, self._model.size, margin=0)
        memory = min(
            _MAX_NETWORK_BYTES, self._max_bytes - other_bytes - _PHOTO_BYTES * height * width
        )
        stride, workers, ready = self._model.stride, len(self._threads), self.tiling
        most = max(_MIN_NETWORK_BYTES, memory) / workers / self._bytes_per_pixel
        return plan(height, width, self._margin, stride, workers, most, self._max_tile, ready)
