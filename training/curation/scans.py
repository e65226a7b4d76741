"""What scans and catalogues add to a picture: pages of text, and margins around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_TEXT_SIDE, _MAX_ENLARGED = 800, 1.5


# Of letters at that size, in pixels.
_LETTER_HEIGHT, _LETTER_WIDTH, _LEAST_FILLED = (6, 48), (2, 96), 0.15


_LETTERS_A_LINE, _LEAST_LETTERS = 8, 20


_MARGIN_SIDE = 512


# Levels (largest of R, G, B) that a margin may differ in itself; JPEG and paper are never quite
# even.
_EVEN = 28


# Share of an edge where what lies inside must differ from the margin.
_EDGE = 0.4


_LAYERS, _LEAST_LEFT = 3, 0.4


class Box(NamedTuple):
    """Part of a picture, in pixels: rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int


def text_share(image: np.ndarray) -> float:
    """How much of a picture lines of small text cover: 0 to about 0.6.

    Letters are ink of a letter's size on a lighter or darker ground; eight or more of one height on
    one line, close together, make text. Pages have 0.2 to 0.4, 158 photographs 0.08 or less.

    Args:
        image: uint8 [H, W, 3], RGB.
    """
    import cv2

    scale = min(_MAX_ENLARGED, _TEXT_SIDE / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return max(_lines_area(_letters(ground)) for ground in (grey, 255 - grey)) / grey.size


def _letters(grey: np.ndarray) -> np.ndarray:
    """Boxes of what may be a letter: int [N, 4], left, top, width, height, from left to right."""
    import cv2

    ink = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 20
    )
    _, _, found, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    boxes, filled = found[1:, :4], found[1:, 4]
    width, height = boxes[:, 2], boxes[:, 3]
    fits = (height >= _LETTER_HEIGHT[0]) & (height <= _LETTER_HEIGHT[1])
    fits &= (
        (width >= _LETTER_WIDTH[0])
        & (width <= _LETTER_WIDTH[1])
        & (filled >= _LEAST_FILLED * width * height)
    )
    return boxes[fits][np.argsort(boxes[fits][:, 0], kind="stable")]


def _lines_area(letters: np.ndarray) -> float:
    """Pixels within the lines that letters form: each is joined to the next one to its right on the
    same line.
    """
    if len(letters) < _LEAST_LETTERS:
        return 0.0
    left, top, width, height = letters.T
    right, bottom = left + width, top + height
    line = np.arange(len(letters))
    # From right to left: the line of the neighbour is known when it is joined to.
    for number in range(len(letters) - 1, -1, -1):
        begin, end = np.searchsorted(
            left, (right[number] - 2, right[number] + 1.2 * height[number])
        )
        near = np.arange(max(begin, number + 1), end)
        alike = (height[near] > 0.5 * height[number]) & (height[near] < 2 * height[number])
        level = np.abs(bottom[near] - bottom[number]) < 0.35 * np.maximum(
            height[near], height[number]
        )
        if len(joined := near[alike & level]):
            line[number] = line[joined[0]]
    area = 0.0
    for members in (np.flatnonzero(line == one) for one in np.unique(line)):
        if len(members) >= _LETTERS_A_LINE:
            area += (right[members].max() - left[members].min()) * float(np.median(height[members]))
    return area


def inner_box(image: np.ndarray) -> Box:
    """The picture without even margins: a scan's paper, a mat, plain frames inside one another,
    black bars.

    A margin is even in colour, ends in a straight edge, and is on all four sides; on two opposite
    ones, or three, it must be black or white. So neither a sky nor a studio's background is taken
    for one.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        What is left; the whole picture where there is no margin.
    """
    from tf_i2i.data.image_files import resize_short_side

    small = image
    if min(image.shape[:2]) > _MARGIN_SIDE and max(image.shape[:2]) <= 4 * min(image.shape[:2]):
        small = resize_short_side(image, _MARGIN_SIDE)
    top, left, bottom, right = 0, 0, *small.shape[:2]
    for _ in range(_LAYERS):
        up, down, before, behind = _margins(small[top:bottom, left:right].astype(np.int16))
        if not up + down + before + behind:
            break
        top, left, bottom, right = top + up, left + before, bottom - down, right - behind
    if small is image or (top, left, bottom, right) == (0, 0, *small.shape[:2]):
        return Box(top, left, bottom, right) if small is image else Box(0, 0, *image.shape[:2])
    scale = image.shape[0] / small.shape[0]
    # Inwards by what the reduction has mixed at the edge.
    inset = int(np.ceil(scale))
    return Box(
        round(top * scale) + inset * (top > 0),
        round(left * scale) + inset * (left > 0),
        round(bottom * scale) - inset * (bottom < small.shape[0]),
        round(right * scale) - inset * (right < small.shape[1]),
    )


def _margins(image: np.ndarray) -> tuple[int, int, int, int]:
    """Depth of one layer of margin at the top, bottom, left and right; all 0 where there is none."""
    views = (image, image[::-1], image.swapaxes(0, 1), image.swapaxes(0, 1)[::-1])
    found = [_depth(view) for view in views]
    depths, colours = [depth for depth, _ in found], [colour for _, colour in found]
    if not _fits(image, depths):
        return 0, 0, 0, 0
    if all(depths) and max(np.abs(one - colours[0]).max() for one in colours) <= _EVEN:
        return tuple(depths)
    for pair in ((0, 1), (2, 3)):
        plain = all(colours[i].max() < 32 or colours[i].min() > 223 for i in pair)
        alike = np.abs(colours[pair[0]] - colours[pair[1]]).max() <= _EVEN
        if all(depths[i] for i in pair) and plain and alike:
            same = [np.abs(colour - colours[pair[0]]).max() <= _EVEN for colour in colours]
            return tuple(
                depth if depth and like else 0 for depth, like in zip(depths, same, strict=True)
            )
    return 0, 0, 0, 0


def _fits(image: np.ndarray, depths: list[int]) -> bool:
    """Whether enough is left of the picture."""
    height, width = image.shape[:2]
    left = (height - depths[0] - depths[1]) / height, (width - depths[2] - depths[3]) / width
    return min(left) >= _LEAST_LEFT


def _depth(view: np.ndarray) -> tuple[int, np.ndarray]:
    """(lines of even colour at the top that end in a straight edge, 0 if none; their colour)."""
    # No margin is deeper.
    view = view[: max(4, round((1 - _LEAST_LEFT) * len(view)) + 2)]
    colour = np.median(view[: max(1, len(view) // 120)].reshape(-1, 3), axis=0).astype(np.int16)
    far = np.abs(view - colour).max(axis=2) > _EVEN
    other = far.mean(axis=1)
    uneven = np.flatnonzero(other > 0.05)
    depth = int(uneven[0]) if len(uneven) else 0
    # What the corners belong to is the margin of the sides: it does not count against the edge.
    beyond = far[depth : depth + max(3, len(view) // 60)].any(axis=0)
    columns = np.flatnonzero(far[depth:].any(axis=0))
    inside = beyond[columns[0] : columns[-1] + 1].mean() if len(columns) else 0.0
    return (
        (depth, colour) if depth >= max(2, 0.013 * len(view)) and inside >= _EDGE else (0, colour)
    )
