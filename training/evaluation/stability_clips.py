"""Clips whose motion is known: made from still photos, or real ones whose motion is estimated."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from tf_i2i.data.pixels import centre_multiple
from tf_i2i.errors import UserError, one_line
from tf_i2i.metrics.stability_metrics import affine_flow, estimated_flow

NOISE_LEVELS = 2.0
_FRAMES, _MOST_REAL_FRAMES = 24, 120
# Of the photo's sides: what a frame shows; the rest is for the motion.
_SHOWN = 0.75
# A camera in a hand: shares of the sides, degrees, and factor, over the clip.
_PAN, _TURN, _ZOOM = 0.06, 3.0, 1.12


@dataclass(frozen=True, eq=False)
class KnownClip:
    """Frames, uint8 [H, W, 3] each; from the second on, where each pixel was in the frame before
    and whether it was there (see tf_i2i.metrics.stability_metrics); a frame without added noise.
    """

    name: str
    frames: list[np.ndarray]
    flows: list[tuple[np.ndarray, np.ndarray]]
    still: np.ndarray


def with_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 [H, W, 3] with normal noise of NOISE_LEVELS, as of a camera's sensor in good light."""
    noisy = image + rng.normal(0, NOISE_LEVELS, image.shape)
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)


def made_clip(
    name: str, photo: np.ndarray, multiple: int, max_side: int | None, seed: int
) -> KnownClip:
    """A pan, zoom and turn over a photo, uint8 [H, W, 3], with other noise in each frame.

    multiple, max_side: of the frames' sides, pixels.
    """
    height, width = photo.shape[:2]
    sides = [min(_SHOWN * side, max_side or side) for side in (height, width)]
    frame_height, frame_width = (max(1, int(side) // multiple) * multiple for side in sides)
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, 3)
    views, clean = [], []
    for place in np.arange(_FRAMES) / _FRAMES:
        pan_x, pan_y, turn = np.sin(phase + np.pi * place * np.array([1, 1.3, 0.8]))
        angle, scale = np.radians(_TURN * turn), _ZOOM ** -np.sin(np.pi * place)
        matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array([width * (0.5 + _PAN * pan_x), height * (0.5 + _PAN * pan_y)]) - 0.5
        offset = middle - matrix @ np.array([(frame_width - 1) / 2, (frame_height - 1) / 2])
        views.append(np.hstack([matrix, offset[:, None]]))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size = frame_width, frame_height
        clean.append(
            cv2.warpAffine(photo, views[-1], size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        )
    flows = [affine_flow(frame_height, frame_width, *pair) for pair in pairwise(views)]
    return KnownClip(name, [with_noise(frame, rng) for frame in clean], flows, clean[0])


def real_clip(path: str, long_side: int, multiple: int, max_side: int | None) -> KnownClip:
    """The beginning of a video file, reduced to `long_side`. Raises UserError where there are not
    two frames in it that can be read.
    """
    where = f"--clip {one_line(path)}"
    if not Path(path).is_file():
        raise UserError(f"{where}: no such file")
    capture, frames = cv2.VideoCapture(str(Path(path).absolute()), cv2.CAP_FFMPEG), []
    try:
        while len(frames) < _MOST_REAL_FRAMES:
            is_read, frame = capture.read()
            if not is_read:
                break
            scale = min(1.0, long_side / max(frame.shape[:2]))
            size = [max(1, round(side * scale)) for side in frame.shape[1::-1]]
            reduced = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            rgb = cv2.cvtColor(reduced, cv2.COLOR_BGR2RGB)
            frames.append(centre_multiple(rgb, multiple, max_side))
    finally:
        capture.release()
    if len(frames) < 2:
        raise UserError(f"{where}: no two frames of it can be read; name a video file")
    flows = [estimated_flow(*pair) for pair in pairwise(frames)]
    return KnownClip(path, frames, flows, frames[0])
