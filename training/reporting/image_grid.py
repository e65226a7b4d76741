"""Labelled grids of pictures, as PNG."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP, _HEADER, _LETTER = 4, 18, 7


def labelled_grid(columns: dict[str, np.ndarray], rows: Sequence[str] = ()) -> np.ndarray:
    """Columns of pictures under their labels, a row for each picture: uint8 [height, width, 3].

    columns: label to uint8 [N, H, W, 3], all of one shape. rows: N names, of one line or more, for
    the left margin, if any.
    """
    letters = max((len(line) for name in rows for line in name.split("\n")), default=0)
    margin = _GAP + _LETTER * letters if rows else 0
    count, height, width, _ = next(iter(columns.values())).shape
    size = margin + len(columns) * (width + _GAP) + _GAP, _HEADER + count * (height + _GAP) + _GAP
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for row, name in enumerate(rows):
        top = _HEADER + row * (height + _GAP)
        draw.text((_GAP, top + height // 2 - 6), name, fill="black", font=font)
    for column, (label, pictures) in enumerate(columns.items()):
        left = margin + _GAP + column * (width + _GAP)
        draw.text((left + 2, 3), label, fill="black", font=font)
        for row, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (left, _HEADER + row * (height + _GAP)))
    return np.asarray(sheet)
