"""From an exported file to what translates whole photos."""

from __future__ import annotations

import os

import numpy as np

from export.photos.tiling import Tiling, plan, tile_bar
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.image_model import read_image_model
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import read_bytes, read_facts
from tf_i2i.litert.model_resizing import resized
from tf_i2i.litert.receptive_field import block_reach, bytes_per_pixel

# Of the photo (translated in place) and all networks together; with Python itself, a photo of 100
# megapixels stays under 1 GB. More than _NETWORKS would make building take longer than the smaller
# overlap saves.
_MEMORY, _NETWORKS, _LEAST = 830e6, 800e6, 64e6


# Bytes a pixel: the photo itself, and the two bands of it that tiles are cut from.
_PHOTO = 3.3


# Up to so many threads, one network has them and all memory: two would have tiles half as large, of
# which more is overlap. More threads find too little to do in one tile.
_THREADS = 4


def load_translator(
    path: str | os.PathLike, tile: int | None, threads: int
) -> TiledTranslator | WholeTranslator:
    """Reads the file and runs it once in a process of its own.

    Args:
        path: file that export.tflite wrote.
        tile: largest side of tiles for networks that can be tiled; None chooses by speed and
            memory.
        threads: of the CPU.

    Raises:
        UserError: no .tflite file, damaged, without the facts we pack, or the tile does not fit.
    """
    if "halo_px" not in (read_facts(read_bytes(path)) or {}):
        raise UserError(
            f"{one_line(path)}: says nothing of its halo and stride (cut off, or from elsewhere); export it with export.tflite"
        )
    model = read_image_model(path)
    if model.halo is None:
        return WholeTranslator(model.data, threads, one_line(path))
    return TiledTranslator(model.data, model.halo, model.stride, tile, threads)


class TiledTranslator:
    """For networks that see only what is near: the same network, built for tiles that suit the
    photo.

    Args:
        data: a valid .tflite file.
        halo: pixels around an output pixel that can change it.
        stride: the network repeats itself when its input moves by this.
        tile: largest side of tiles; None chooses.
        threads: of the CPU.

    Attributes:
        tiling: of the photo that was prepared last, None before.

    Raises:
        UserError: `tile` is too small.
    """

    def __init__(self, data: bytes, halo: int, stride: int, tile: int | None, threads: int):
        self._data, self._stride, self._tile = data, stride, tile
        # The facts' halo is right for any pixel; what a tile keeps lies on the grid and may see
        # less.
        reach = block_reach(data, stride)
        self._margin = -(-(halo if reach is None else min(halo, reach)) // stride) * stride
        workers = -(-threads // _THREADS)
        self._threads = [
            threads // workers + (number < threads % workers) for number in range(workers)
        ]
        self._bytes_per_pixel = bytes_per_pixel(data)
        least = 2 * self._margin + max(self._margin, stride)
        if tile is not None and tile // stride * stride < least:
            raise UserError(
                f"--tile {tile}: must be at least {least} for this network, of which {self._margin} pixels "
                "on each side are overlap; leave it out to have a fast one chosen"
            )
        self.tiling, self._models = None, []

    def prepare(self, height: int, width: int) -> None:
        """Chooses tiles for a photo of this size and builds their networks; nothing to do after one
        of the same size.
        """
        workers = len(self._threads)
        memory = min(_NETWORKS, max(_LEAST, _MEMORY - _PHOTO * height * width))
        most_pixels = memory / workers / self._bytes_per_pixel
        tiling = plan(
            height, width, self._margin, self._stride, workers, most_pixels, self._tile, self.tiling
        )
        if tiling != self.tiling:
            self.release()  # before the new ones take memory
            data = resized(self._data, tiling.height, tiling.width)
            self._models = [LiteModel(data, threads) for threads in self._threads]
            self.tiling = tiling

    def translate(self, photo: np.ndarray, name: str, strength: float = 1.0) -> None:
        """Replaces uint8 [H, W, 3] by its translation in place; `name` is for the progress bar."""
        self.prepare(*photo.shape[:2])
        rows, columns = self.tiling.grid(*photo.shape[:2])
        with tile_bar(rows * columns, name) as bar:
            self.tiling.translate(
                photo, [model.run_uint8 for model in self._models], strength, bar.update
            )

    def release(self) -> None:
        """Gives the networks' memory back; the next photo builds them again."""
        self.tiling, self._models = None, []


class WholeTranslator:
    """For networks with statistics over the whole input: a smaller photo is mirrored outward to the
    input's size.

    Not scaled: the network draws strokes of the width it learned at this scale.

    Args:
        data: a valid .tflite file.
        threads: of the CPU.
        shown: the file's name for messages.
    """

    def __init__(self, data: bytes, threads: int, shown: str):
        self._model, self._shown = LiteModel(data, threads), shown

    def prepare(self, height: int, width: int) -> None:
        """Nothing: there is one size."""

    def translate(self, photo: np.ndarray, name: str, strength: float = 1.0) -> None:
        """Replaces uint8 [H, W, 3] by its translation in place.

        Raises:
            UserError: the photo `name` is larger than the network's input.
        """
        height, width = photo.shape[:2]
        size = self._model.size
        if max(height, width) > size:
            raise UserError(
                f"{name}: {width}x{height} is larger than {self._shown}'s {size} pixels, and a teacher sees all of a picture at "
                "once (instance normalisation takes statistics over it, a U-Net squeezes it to a point), so tiles would "
                "differ; use the student, or export a larger --size"
            )
        Tiling(size, size, margin=0).translate(photo, [self._model.run_uint8], strength)

    def release(self) -> None:
        """Nothing: it is as large as one picture."""
