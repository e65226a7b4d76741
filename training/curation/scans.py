"""What scans and catalogues add to a picture: pages of text, and margins around it."""

from typing import NamedTuple

import cv2
import numpy as np

from tf_i2i.data.image_files import resize_short_side

_TEXT_SIDE, _MAX_ENLARGED = 800, 1.5
# Of letters at that size, in pixels.
_LETTER_HEIGHT, _LETTER_WIDTH, _MIN_FILLED = (6, 48), (2, 96), 0.15
_MIN_LETTERS_PER_LINE, _MIN_LETTERS = 8, 20
_MARGIN_SIDE = 512
# Levels (largest of R, G, B) that a margin may vary by; JPEG and paper are never quite even.
_EVEN = 28
# Share of an edge where the picture inside must differ from the margin.
_MIN_EDGE = 0.4
_MAX_LAYERS, _MIN_LEFT = 3, 0.4


class Box(NamedTuple):
    """Part of a picture, in pixels: rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.bottom, self.left : self.right]

    def scaled(self, small: tuple[int, int], full: tuple[int, int]) -> "Box":
        """From a picture of (height, width) `small` to `full`, without pixels across the edge."""
        down, across = full[0] / small[0], full[1] / small[1]
        top, left = np.ceil(self.top * down), np.ceil(self.left * across)
        return Box(int(top), int(left), int(self.bottom * down), int(self.right * across))


def text_share(image: np.ndarray) -> float:
    """How much of uint8 RGB [H, W, 3] lines of small text cover: 0 to about 0.6.

    Letters are ink of a letter's size on a lighter or darker ground; eight or more of one height on
    one line, close together, make text. Pages have 0.2 to 0.4, 158 photographs 0.08 or less.
    """
    scale = min(_MAX_ENLARGED, _TEXT_SIDE / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return max(_lines_area(_letters(ground)) for ground in (grey, 255 - grey)) / grey.size


def _letters(grey: np.ndarray) -> np.ndarray:
    """Boxes of what may be a letter: int [N, 4], left, top, width, height, from left to right."""
    local_mean, inverse = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV
    ink = cv2.adaptiveThreshold(grey, 255, local_mean, inverse, 31, 20)
    boxes = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
    width, height, area = boxes[:, 2:].T
    fits = (height >= _LETTER_HEIGHT[0]) & (height <= _LETTER_HEIGHT[1])
    fits &= (width >= _LETTER_WIDTH[0]) & (width <= _LETTER_WIDTH[1])
    fits &= area >= _MIN_FILLED * width * height
    boxes = boxes[fits, :4]
    return boxes[np.argsort(boxes[:, 0], kind="stable")]


def _lines_area(letters: np.ndarray) -> float:
    """Pixels within the lines of text that letters form."""
    if len(letters) < _MIN_LETTERS:
        return 0.0
    left, top, width, height = letters.T
    right, bottom = left + width, top + height
    line = np.arange(len(letters))
    # From right to left: a letter joins the line of its neighbour to the right, known by then.
    for i in range(len(letters) - 1, -1, -1):
        begin, end = np.searchsorted(left, (right[i] - 2, right[i] + 1.2 * height[i]))
        near = np.arange(max(begin, i + 1), end)
        similar = (height[near] > 0.5 * height[i]) & (height[near] < 2 * height[i])
        level = np.abs(bottom[near] - bottom[i]) < 0.35 * np.maximum(height[near], height[i])
        if len(neighbours := near[similar & level]):
            line[i] = line[neighbours[0]]
    area = 0.0
    for members in (np.flatnonzero(line == number) for number in np.unique(line)):
        if len(members) >= _MIN_LETTERS_PER_LINE:
            area += (right[members].max() - left[members].min()) * float(np.median(height[members]))
    return area


def inner_box(image: np.ndarray) -> Box:
    """uint8 RGB [H, W, 3] without even margins, if any: a scan's paper, a mat, plain frames inside
    one another, black bars.

    A margin is even in colour, ends in a straight edge, and is on all four sides; on two opposite
    ones, or three, it must be black or white. So a sky or a studio's background is none.
    """
    height, width = image.shape[:2]
    small, scale, inset = image, 1.0, 0
    if min(height, width) > _MARGIN_SIDE and max(height, width) <= 4 * min(height, width):
        small = resize_short_side(image, _MARGIN_SIDE)
        scale = height / small.shape[0]
        # Inwards by what the reduction has mixed at the edge.
        inset = int(np.ceil(scale))
    top, left, bottom, right = 0, 0, *small.shape[:2]
    for _ in range(_MAX_LAYERS):
        margins = _margins(small[top:bottom, left:right].astype(np.int16))
        top, bottom = top + margins[0], bottom - margins[1]
        left, right = left + margins[2], right - margins[3]
        if not any(margins):
            break
    return Box(
        round(top * scale) + inset if top else 0,
        round(left * scale) + inset if left else 0,
        round(bottom * scale) - inset if bottom < small.shape[0] else height,
        round(right * scale) - inset if right < small.shape[1] else width,
    )


def _margins(image: np.ndarray) -> tuple[int, ...]:
    """Depth of one layer of margin at the top, bottom, left and right; all 0 where there is none."""
    columns = image.swapaxes(0, 1)
    sides = [_depth(side) for side in (image, image[::-1], columns, columns[::-1])]
    depths, colours = zip(*sides, strict=True)
    height, width = image.shape[:2]
    left = (height - depths[0] - depths[1]) / height, (width - depths[2] - depths[3]) / width
    if min(left) < _MIN_LEFT:
        return 0, 0, 0, 0
    if all(depths) and all(_same_colour(colours, colours[0])):
        return depths
    for a, b in ((0, 1), (2, 3)):
        same = _same_colour(colours, colours[a])
        plain = all(colours[i].max() < 32 or colours[i].min() > 223 for i in (a, b))
        if depths[a] and depths[b] and plain and same[b]:
            return tuple(depth * like for depth, like in zip(depths, same, strict=True))
    return 0, 0, 0, 0


def _same_colour(colours, colour) -> list[bool]:
    return [bool(np.abs(other - colour).max() <= _EVEN) for other in colours]


def _depth(image: np.ndarray) -> tuple[int, np.ndarray]:
    """(lines of even colour at the top that end in a straight edge, 0 if none; their colour)."""
    # No margin is deeper.
    image = image[: max(4, round((1 - _MIN_LEFT) * len(image)) + 2)]
    colour = np.median(image[: max(1, len(image) // 120)].reshape(-1, 3), axis=0).astype(np.int16)
    differs = np.abs(image - colour).max(axis=2) > _EVEN
    uneven = np.flatnonzero(differs.mean(axis=1) > 0.05)
    depth = int(uneven[0]) if len(uneven) else 0
    # The corners may belong to the margins of the sides: they don't count against the edge.
    beyond = differs[depth : depth + max(3, len(image) // 60)].any(axis=0)
    columns = np.flatnonzero(differs[depth:].any(axis=0))
    edge = beyond[columns[0] : columns[-1] + 1].mean() if len(columns) else 0.0
    return (depth if depth >= max(2, 0.013 * len(image)) and edge >= _MIN_EDGE else 0), colour
