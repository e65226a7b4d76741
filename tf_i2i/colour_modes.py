"""Pillow's many modes to 8-bit sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms


def eight_bit(image: Image.Image, white: int) -> Image.Image:
    """The picture in one of the modes L, LA, RGB, RGBA, CMYK, values scaled (Pillow's convert would
    clip).
    """
    if image.mode.startswith("I"):
        values = np.asarray(image)
        return Image.fromarray(
            (values.clip(0) * np.float32(255 / white) + np.float32(0.5)).astype(np.uint8)
        )
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                "floating-point values outside 0..1 (save it with 8 or 16 bits a channel)"
            )
        return Image.fromarray((values * np.float32(255) + np.float32(0.5)).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def on_white(picture: Image.Image, to_srgb: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The colours in sRGB, where the picture is transparent on white; mode RGB."""
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colour = to_srgb(picture.convert(picture.mode[:-1]) if alpha else picture)
    if alpha is None:
        return colour
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(colour, mask=alpha)
    return ground


class SrgbConversion:
    """Strips of one picture through its ICC profile; plain RGB where there is none, a damaged one,
    or one for other channels."""

    def __init__(self, profile: bytes | None):
        self._profile, self._transform = profile, None

    def __call__(self, picture: Image.Image) -> Image.Image:
        if not self._profile:
            return picture.convert("RGB")
        try:
            if self._transform is None:
                source = ImageCms.ImageCmsProfile(io.BytesIO(self._profile))
                target = ImageCms.createProfile("sRGB")
                self._transform = ImageCms.buildTransform(source, target, picture.mode, "RGB")
            return ImageCms.applyTransform(picture, self._transform)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            self._profile = None
            return picture.convert("RGB")
