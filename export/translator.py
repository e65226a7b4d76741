"""From an exported file to a function that translates whole photos."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from export.tiling import Tiling
from tf_i2i.errors import UserError, one_line
from tf_i2i.lite_model import LiteModel
from tf_i2i.model_file import read_bytes, read_facts
from tf_i2i.model_resizing import resized
from tf_i2i.model_worker import check

_MANY_TILES = 8


def load_translator(path: str | os.PathLike, tile: int, threads: int) -> Callable[[np.ndarray, str], np.ndarray]:
    """A function (photo uint8 [H, W, 3], its name for messages) -> uint8 [H, W, 3] in new memory.

    The function raises UserError for a photo that the network can't do: one larger than a network that takes
    statistics over its whole input.

    Args:
        path: file that export.tflite wrote.
        tile: side of tiles for networks that can be tiled.
        threads: of the CPU.

    Raises:
        UserError: no .tflite file, damaged, without the facts we pack, or the tile does not fit.
    """
    data = read_bytes(path)
    facts = read_facts(data) or {}
    halo, stride = facts.get("halo_px"), facts.get("stride")
    if "halo_px" not in facts or not isinstance(stride, int) or stride < 1 or not isinstance(halo, int | None):
        raise UserError(
            f"{one_line(path)}: says nothing of its halo and stride (model.json); export it with export.tflite"
        )
    check(path)
    if facts["halo_px"] is None:
        return _whole(LiteModel(data, threads), one_line(path))
    tiling = _tiling(tile, facts)
    model = LiteModel(resized(data, tile), threads)

    def translate(photo: np.ndarray, name: str) -> np.ndarray:
        from tqdm import tqdm

        tiles = tiling.count(*photo.shape[:2])
        bar = lambda corners: tqdm(corners, name, tiles, unit="tile", disable=tiles < _MANY_TILES or None, leave=False)  # noqa: E731
        return tiling.translate(photo, model.run_uint8, bar)

    return translate


def _tiling(tile: int, facts: dict) -> Tiling:
    try:
        return Tiling(tile, facts["halo_px"], facts["stride"])
    except ValueError as error:
        margin = -(-facts["halo_px"] // facts["stride"]) * facts["stride"]
        least = 2 * margin + facts["stride"]
        raise UserError(
            f"--tile {tile}: must be a multiple of {facts['stride']} and at least {least} for this network, "
            f"which sees {facts['halo_px']} pixels around each"
        ) from error


def _whole(model: LiteModel, shown: str) -> Callable[[np.ndarray, str], np.ndarray]:
    """For networks with statistics over the whole input: a smaller photo is mirrored outward to the input's size.

    Not scaled: the network draws strokes of the width it learned at this scale.
    """

    def translate(photo: np.ndarray, name: str) -> np.ndarray:
        height, width = photo.shape[:2]
        if max(height, width) > model.size:
            raise UserError(
                f"{name}: {width}x{height} is larger than {shown}'s {model.size} pixels, and its instance normalisation "
                "takes statistics over the whole picture, so tiles would differ; use the student, or export a larger --size"
            )
        single = Tiling(model.size, halo=0, stride=1)
        return single.translate(photo, model.run_uint8)

    return translate
