"""Where the face is that a face network looks at: a fixed share of the picture, or around a
detected face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The cascade's boxes lie a little high: so far down, as a share of their side, lies the middle that
# the networks expect.
_CASCADE_SHIFT = 0.105


@dataclass(frozen=True)
class FaceCrop:
    """A square crop.

    Attributes:
        share: side of a fixed crop as a share of the picture's shorter side.
        shift: how far its middle lies below the picture's, as a share of the same.
    """

    share: float = 0.455
    shift: float = 0.05

    def fixed(self, height: int, width: int) -> np.ndarray:
        """The crop of a picture framed like a portrait: float32 [4], left, top, width, height in
        pixels.
        """
        short = min(height, width)
        side = self.share * short
        return np.array(
            [(width - side) / 2, (height - side) / 2 + self.shift * short, side, side], np.float32
        )


# As Labeled Faces in the Wild are framed.
PORTRAIT = FaceCrop()


def detected(image: np.ndarray) -> np.ndarray | None:
    """The crop around the largest face in `image` (uint8 [H, W, 3]): float32 [4] as in FaceCrop, or
    None without one.
    """
    from tf_i2i.faces import face_boxes

    boxes = face_boxes(image)
    if not len(boxes):
        return None
    left, top, width, height = boxes[0]
    return np.array([left, top + _CASCADE_SHIFT * height, width, height], np.float32)
