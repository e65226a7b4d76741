"""Copies of photos in other colours and other ways up: what few photos show a student is not all
that it will meet.
"""

from __future__ import annotations

import numpy as np

from tf_i2i.image_cache import ImageCache

_FEW_PHOTOS = 400
_GAMMA, _HUE_DEGREES, _SATURATION = 1.5, 40.0, 0.4


def copies_wanted(student: str, photos: int) -> int:
    """How many changed copies of each photo a student of STUDENTS should have by default: the large
    one learns few photos by heart, and gets one of each below 400; the small one gains as well, but
    not for twice the time of the labels.
    """
    return int(student == "mobile-hq" and photos < _FEW_PHOTOS)


def changed_copies(cache: ImageCache, copies: int, seed: int) -> ImageCache:
    """`copies` changed copies of each picture, named "picture, copy 1" and so on; the same for the
    same seed.
    """
    return ImageCache.from_images(
        (
            f"{name}, copy {number + 1}",
            changed(cache.image(i), np.random.default_rng([seed, i, number])),
        )
        for i, name in enumerate(cache.names)
        for number in range(copies)
    )


def changed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture, uint8 RGB [H, W, 3], with another brightness curve, hue and saturation; half are
    upside down, half turned.

    A turned one is [W, H, 3]. Hue moves all colours alike, so that what differs in colour still
    does.
    """
    import cv2

    upside_down, turned = rng.random(2) < 0.5
    gamma, hue = _GAMMA ** rng.uniform(-1, 1), rng.uniform(-_HUE_DEGREES, _HUE_DEGREES)
    saturation = 1 + rng.uniform(-_SATURATION, _SATURATION)
    if upside_down:
        image = image[::-1]
    if turned:
        image = image.transpose(1, 0, 2)
    brightness = (np.ascontiguousarray(image).astype(np.float32) / 255) ** np.float32(gamma)
    hsv = cv2.cvtColor(brightness, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
    return (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).round().clip(0, 255).astype(np.uint8)
