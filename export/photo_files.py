"""A photo with what its file says besides the pixels, and back into a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from tf_i2i.images import read_image, write_jpeg, write_png

_ORIENTATION, _EXIF_POINTER, _COLOUR_SPACE = 0x0112, 0x8769, 0xA001
_SRGB = 1


@dataclass(frozen=True, eq=False)
class Photo:
    """Attributes:
    pixels: uint8 [H, W, 3], upright, sRGB.
    exif: block for the new file, orientation reset, or None.
    icc_profile: sRGB's where the file had a profile (pixels were converted from it), else None.
    """

    pixels: np.ndarray
    exif: bytes | None
    icc_profile: bytes | None


def read_photo(path: Path) -> Photo:
    """Raises UnreadableImage (a UserError) for what read_image can't decode."""
    pixels = read_image(path)
    exif, profiled = None, False
    try:
        with Image.open(path) as image:
            profiled = bool(image.info.get("icc_profile"))
            exif = _upright_exif(image.getexif())
    except Exception:  # a damaged EXIF block (any error type) loses the block, not the photo
        exif = None
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profiled else None
    return Photo(pixels, exif, profile)


def write_photo(path: Path, pixels: np.ndarray, photo: Photo, quality: int) -> None:
    """Writes uint8 [H, W, 3] as PNG or JPEG by the suffix; JPEG with the photo's EXIF and profile."""
    if path.suffix.lower() == ".png":
        write_png(path, pixels)
    else:
        write_jpeg(path, pixels, quality, photo.exif, photo.icc_profile)


def _upright_exif(exif: Image.Exif) -> bytes | None:
    """The block with orientation and colour space as the new pixels are; the old thumbnail is not kept."""
    if not exif:
        return None
    exif[_ORIENTATION] = 1
    details = exif.get_ifd(_EXIF_POINTER)
    if _COLOUR_SPACE in details:
        details[_COLOUR_SPACE] = _SRGB
    block = exif.tobytes()
    # A JPEG segment holds 64 KiB; a larger block (maker notes) can't be written.
    return block if len(block) < 65_500 else None
