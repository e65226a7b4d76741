"""Labelled grids of pictures, as PNG."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 4
# Height of letters in pixels: the least, and as a share of the pictures' width.
_LEAST, _SHARE = 10, 1 / 18


def labelled_grid(columns: dict[str, np.ndarray], rows: Sequence[str] = ()) -> np.ndarray:
    """Columns of pictures under their labels, a row for each picture: uint8 [height, width, 3].

    columns: label to uint8 [N, H, W, 3], all of one shape. rows: N names, of one line or more, for
    the left margin, if any.
    """
    count, height, width, _ = next(iter(columns.values())).shape
    font = ImageFont.load_default(max(_LEAST, round(width * _SHARE)))
    header = round(1.8 * font.size)
    lines = [line for name in rows for line in name.split("\n")]
    margin = _GAP + math.ceil(max(map(font.getlength, lines), default=-_GAP))
    size = margin + len(columns) * (width + _GAP) + _GAP, header + count * (height + _GAP) + _GAP
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate(rows):
        middle = header + row * (height + _GAP) + height // 2
        draw.multiline_text((_GAP, middle), name, fill="black", font=font, anchor="lm")
    for column, (label, pictures) in enumerate(columns.items()):
        left = margin + _GAP + column * (width + _GAP)
        draw.text((left + 2, header // 2), label, fill="black", font=font, anchor="lm")
        for row, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (left, header + row * (height + _GAP)))
    return np.asarray(sheet)
