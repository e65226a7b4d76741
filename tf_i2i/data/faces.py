"""Frontal faces by OpenCV's bundled Haar cascade: needs no download, finds upright faces that look
at the camera.

Source: Viola and Jones 2001, "Rapid Object Detection using a Boosted Cascade of Simple Features".
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from tf_i2i.data.image_files import resize_short_side

# On 80 Labeled Faces in the Wild it finds as many faces at 192 pixels as at 256, in half of the
# time.
DETECTION_SIDE = 192


_CASCADE = "haarcascade_frontalface_alt2.xml"


_SCALE_STEP = 1.1


_NEIGHBOURS = 4


_of_thread = threading.local()


def face_boxes(image: np.ndarray) -> np.ndarray:
    """Finds faces, the largest first.

    The picture is searched with its shorter side reduced to 192 pixels, so faces of under a tenth
    of that side are not found; of one more elongated than 4:1 only the middle is searched.

    Args:
        image: uint8 [H, W, 3], RGB.

    Returns:
        float32 [N, 4]: left, top, width, height in pixels of `image`. Boxes of this cascade lie a
        little high: the face's middle is about 0.1 of their side further down.
    """
    import cv2

    small = resize_short_side(image, min(DETECTION_SIDE, *image.shape[:2]))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    found = np.array(
        _cascade().detectMultiScale(grey, _SCALE_STEP, _NEIGHBOURS), np.float32
    ).reshape(-1, 4)
    # By size, then by place: the order of the cascade's answers is not part of its contract.
    found = found[np.lexsort((found[:, 0], found[:, 1], -found[:, 2]))]
    scale = min(image.shape[:2]) / min(small.shape[:2])
    cut_top = (image.shape[0] - small.shape[0] * scale) / 2
    cut_left = (image.shape[1] - small.shape[1] * scale) / 2
    return found * np.float32(scale) + np.array([cut_left, cut_top, 0, 0], np.float32)


def face_ratio(image: np.ndarray) -> float:
    """Side of the largest face's box over the shorter side of `image` (uint8 [H, W, 3]): 0 (no face
    found) to 1.
    """
    boxes = face_boxes(image)
    return min(1.0, float(boxes[0, 2]) / min(image.shape[:2])) if len(boxes) else 0.0


def _cascade():
    """One classifier a thread: it keeps its work in itself."""
    import cv2

    if not hasattr(_of_thread, "cascade"):
        _of_thread.cascade = cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADE)
    return _of_thread.cascade


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

    boxes = face_boxes(image)
    if not len(boxes):
        return None
    left, top, width, height = boxes[0]
    return np.array([left, top + _CASCADE_SHIFT * height, width, height], np.float32)
