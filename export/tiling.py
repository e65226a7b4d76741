"""Photos of any size through a network of fixed size: tiles whose overlap leaves no seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tiling:
    """How a photo is cut.

    The photo is thought of as mirrored without end. Tiles lie on a grid whose steps are multiples of the
    network's stride; of each only what is at least `halo` pixels from its border is kept, so each kept pixel
    sees what it would see if the network ran on the whole mirrored photo at once.

    Args:
        tile: side of the network's input.
        halo: pixels around an output pixel that can change it.
        stride: the network repeats itself when its input moves by this.

    Raises:
        ValueError: the tile is too small to keep anything.
    """

    tile: int
    halo: int
    stride: int

    def __post_init__(self):
        if self.tile % self.stride or self.step < self.stride:
            raise ValueError(
                f"a tile of {self.tile} pixels keeps nothing with a halo of {self.halo} and stride {self.stride}"
            )

    @property
    def margin(self) -> int:
        """The halo rounded up to the stride: what is dropped on each side of a tile."""
        return -(-self.halo // self.stride) * self.stride

    @property
    def step(self) -> int:
        """Side of the kept middle, which is also the grid's step."""
        return self.tile - 2 * self.margin

    def count(self, height: int, width: int) -> int:
        """Tiles that a photo of this size takes."""
        return -(-height // self.step) * -(-width // self.step)

    def corners(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        """(top, left) of each kept middle, row by row."""
        for top in range(0, height, self.step):
            for left in range(0, width, self.step):
                yield top, left

    def translate(self, photo: np.ndarray, network: Callable[[np.ndarray], np.ndarray], progress=iter) -> np.ndarray:
        """Runs `network` (uint8 [tile, tile, 3] to the same) over `photo` (uint8 [H, W, 3]); returns uint8 [H, W, 3].

        Holds the photo, the result and one tile. `progress` wraps the iterator over tiles.
        """
        height, width = photo.shape[:2]
        result = np.empty_like(photo)
        for top, left in progress(self.corners(height, width)):
            rows = mirrored_indices(top - self.margin, self.tile, height)
            columns = mirrored_indices(left - self.margin, self.tile, width)
            output = network(photo[np.ix_(rows, columns)])
            bottom, right = min(top + self.step, height), min(left + self.step, width)
            kept = output[self.margin : self.margin + bottom - top, self.margin : self.margin + right - left]
            result[top:bottom, left:right] = kept
        return result


def mirrored_indices(start: int, count: int, length: int) -> np.ndarray:
    """int64 [count]: indices start, start + 1, ... into an axis mirrored without end, border pixels not repeated."""
    if length == 1:
        return np.zeros(count, np.int64)
    period = 2 * (length - 1)
    place = np.arange(start, start + count) % period
    return np.where(place < length, place, period - place)
