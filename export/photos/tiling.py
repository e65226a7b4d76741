"""Photos of any size through a network of fixed size: tiles whose overlap leaves no seam."""

import queue
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

# To build a network for a tile takes as long as 2.6 inferences of it, but the next photo of this
# size needs no other, and it is built while the photo is decoded; so it counts for less.
_BUILDING = 0.2
# No axis is cut into pieces smaller than this: there would be more overlap than photo.
_MIN_STEP = 64
# Wider photos are tiled transposed: a band across a panorama of a million pixels would be larger
# than the panorama.
_MAX_ASPECT = 8
_BLEND_ROWS = 64

Network = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Tiling:
    """How a photo is cut, height and width being those of the network's input.

    The photo is mirrored without end. Of each tile only what is at least `margin` pixels from its
    border is kept, so each kept pixel sees what it would see if the network ran on the whole
    mirrored photo. margin: the network's halo, rounded up to its stride (see translator).
    Raises ValueError: what is kept is smaller than the margin.
    """

    height: int
    width: int
    margin: int

    def __post_init__(self):
        if min(self.step) < max(1, self.margin):
            size = f"{self.width}x{self.height}"
            raise ValueError(f"a tile of {size} keeps too little with a margin of {self.margin}")

    @property
    def step(self) -> tuple[int, int]:
        """Height and width of the kept middle, which are also the grid's steps."""
        return self.height - 2 * self.margin, self.width - 2 * self.margin

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of tiles that a photo of this size takes."""
        return -(-height // self.step[0]), -(-width // self.step[1])

    def translate(
        self,
        photo: np.ndarray,
        networks: Sequence[Network],
        strength: float = 1.0,
        done: Callable[[], object] = lambda: None,
    ) -> None:
        """Replaces `photo` (uint8 [H, W, 3]) by its translation, in place: a second one of 100
        megapixels is 300 MB.

        networks: uint8 [height, width, 3] to the same; all run at once, each in one thread.
        strength: 1 is the translation, 0 the photo. done: called after each tile, in this thread.
        """
        if photo.shape[1] > _MAX_ASPECT * photo.shape[0]:
            transposed = Tiling(self.width, self.height, self.margin)
            turned = [lambda t, run=run: run(t.swapaxes(0, 1)).swapaxes(0, 1) for run in networks]
            transposed.translate(photo.swapaxes(0, 1), turned, strength, done)
            return
        free: queue.SimpleQueue[Network] = queue.SimpleQueue()
        for network in networks:
            free.put(network)

        def run(band: np.ndarray, top: int, left: int) -> None:
            network = free.get()
            try:
                output = network(band[:, left : left + self.width])
            finally:
                free.put(network)
            self._keep(photo, output, band, top, left, strength)

        rows, columns = self.grid(*photo.shape[:2])
        pending: deque = deque()
        # One more than there are networks: a tile is pasted in while its network has the next one.
        pool = ThreadPoolExecutor(len(networks) + 1)
        try:
            band = self._band(photo, 0)
            for row in range(rows):
                # A band is copied before the one above it is overwritten: it sees that one's last
                # rows.
                following = self._band(photo, row + 1) if row + 1 < rows else None
                for column in range(columns):
                    place = row * self.step[0], column * self.step[1]
                    pending.append(pool.submit(run, band, *place))
                    # Few wait, as each that waits holds its band.
                    if len(pending) > 2 * len(networks):
                        pending.popleft().result()
                        done()
                band = following
            while pending:
                pending.popleft().result()
                done()
        finally:
            pool.shutdown(cancel_futures=True)

    def _band(self, photo: np.ndarray, row: int) -> np.ndarray:
        """uint8 [height, all columns' tiles, 3]: what one row of tiles sees of the mirrored photo."""
        (height, width), margin = photo.shape[:2], self.margin
        band_width = self.grid(height, width)[1] * self.step[1] + 2 * margin
        band = np.empty((self.height, band_width, 3), np.uint8)
        middle = band[:, margin : margin + width]
        sources = mirrored_indices(row * self.step[0] - margin, self.height, height)
        for target, source in zip(middle, sources, strict=True):
            target[:] = photo[source]
        columns = mirrored_indices(-margin, band_width, width)
        band[:, :margin] = middle[:, columns[:margin]]
        band[:, margin + width :] = middle[:, columns[margin + width :]]
        return band

    def _keep(self, photo, output, band, top: int, left: int, strength: float) -> None:
        target = photo[top : top + self.step[0], left : left + self.step[1]]
        margin, (height, width) = self.margin, target.shape[:2]
        kept = (slice(margin, margin + height), slice(margin, margin + width))
        if strength == 1:
            target[:] = output[kept]
        else:
            blend(target, band[:, left : left + self.width][kept], output[kept], strength)


def blend(target: np.ndarray, photo: np.ndarray, translation: np.ndarray, strength: float) -> None:
    """Writes photo (strength 0) to translation (1) into `target`, all uint8 [H, W, 3], by rows."""
    for top in range(0, len(target), _BLEND_ROWS):
        rows = slice(top, top + _BLEND_ROWS)
        base = photo[rows].astype(np.float32)
        target[rows] = np.rint(base + np.float32(strength) * (translation[rows] - base))


def plan(
    height: int,
    width: int,
    margin: int,
    stride: int,
    workers: int,
    max_pixels: float,
    max_side: int | None = None,
    ready: Tiling | None = None,
) -> Tiling:
    """The fastest tiling for a photo of this size: equal tiles, as a last one that holds little of
    it would cost as much as a full one.

    margin and the sides of tiles are multiples of `stride`. workers: tiles that run at once.
    max_pixels: of a tile, unless the smallest possible one is larger. max_side: of a tile. ready: a
    tiling whose networks exist.
    Raises ValueError: no tile keeps to the limits.
    """
    heights, widths = (_sides(length, margin, stride, max_side) for length in (height, width))
    if not heights or not widths:
        raise ValueError(f"tiles of {max_side} pixels keep too little with a margin of {margin}")
    max_pixels = max(max_pixels, min(heights) * min(widths))
    tilings = [Tiling(tall, wide, margin) for tall in heights for wide in widths]
    tilings += [ready] if ready else []

    def cost(tiling: Tiling) -> float:
        rows, columns = tiling.grid(height, width)
        rounds = -(-rows * columns // workers)
        building = 0 if tiling == ready else _BUILDING * workers
        return (rounds + building) * tiling.height * tiling.width

    return min((t for t in tilings if t.height * t.width <= max_pixels), key=cost)


def _sides(length: int, margin: int, stride: int, max_side: int | None) -> list[int]:
    """Sides of the tiles that cut `length` into 1, 2, 3, ... equal pieces."""
    min_step = max(margin, stride)
    counts = range(1, max(1, length // max(_MIN_STEP, min_step)) + 1)
    steps = {max(min_step, -(-length // (count * stride)) * stride) for count in counts}
    sides = {step + 2 * margin for step in steps}
    if max_side is not None:
        largest = max_side // stride * stride
        sides = {side for side in sides if side <= largest}
        if not sides and largest >= min_step + 2 * margin:
            sides = {largest}
    return sorted(sides)


def mirrored_indices(start: int, count: int, length: int) -> np.ndarray:
    """int64 [count]: indices from `start` into an endlessly mirrored axis, borders not repeated."""
    if length == 1:
        return np.zeros(count, np.int64)
    period = 2 * (length - 1)
    place = np.arange(start, start + count) % period
    return np.where(place < length, place, period - place)
