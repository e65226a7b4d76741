"""A photo with what its file says besides the pixels, and back into a file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from tf_i2i.data.image_files import read_image, write_jpeg, write_png

_ORIENTATION, _EXIF_POINTER, _COLOUR_SPACE, _MAKER_NOTE = 0x0112, 0x8769, 0xA001, 0x927C


# A JPEG segment holds 64 KiB.
_LONGEST_EXIF = 65_500


_SIDES = (0xA002, 0xA003)


_SRGB = 1


@dataclass(frozen=True, eq=False)
class Photo:
    """Attributes:
    pixels: uint8 [H, W, 3], upright, sRGB; its own memory.
    exif: block for the new file, orientation reset, or None.
    icc_profile: sRGB's where the file had a profile (pixels were converted from it), else None.
    """

    pixels: np.ndarray
    exif: bytes | None
    icc_profile: bytes | None


def photo_size(path: Path) -> tuple[int, int] | None:
    """Height and width as the file's header says, a JPEG's as it will be upright; None where that
    can't be told.
    """
    try:
        with Image.open(path) as image:
            turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            return image.size if turned else image.size[::-1]
    except Exception:  # read_photo will say what is wrong with it
        return None


def read_photo(path: Path) -> Photo:
    """Raises UnreadableImage (a UserError) for what read_image can't decode."""
    found = {"exif": None, "profiled": False}

    def inspect(image: Image.Image) -> None:
        found["profiled"] = bool(image.info.get("icc_profile"))
        with contextlib.suppress(
            Exception
        ):  # a damaged EXIF block (any error type) loses the block, not the photo
            found["exif"] = _upright_exif(image.getexif(), image.size)

    pixels = read_image(path, inspect=inspect)
    profile = (
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        if found["profiled"]
        else None
    )
    return Photo(pixels, found["exif"], profile)


def write_photo(path: Path, pixels: np.ndarray, photo: Photo, quality: int) -> None:
    """Writes uint8 [H, W, 3] as PNG or JPEG by the suffix, with the photo's EXIF block and profile."""
    if path.suffix.lower() == ".png":
        write_png(path, pixels, photo.exif, photo.icc_profile)
    else:
        write_jpeg(path, pixels, quality, photo.exif, photo.icc_profile)


def _upright_exif(exif: Image.Exif, stored: tuple[int, int]) -> bytes | None:
    """The block with orientation, sides and colour space as the new pixels are; the old thumbnail
    is not kept.
    """
    if not exif:
        return None
    # A copy: the picture is still to be turned by its own block.
    own, exif = exif, Image.Exif()
    exif.load(own.tobytes())
    sides = stored[::-1] if exif.get(_ORIENTATION, 1) in (5, 6, 7, 8) else stored
    exif[_ORIENTATION] = 1
    details = exif.get_ifd(_EXIF_POINTER)
    new = {_COLOUR_SPACE: _SRGB, **dict(zip(_SIDES, sides, strict=True))}
    details.update({tag: value for tag, value in new.items() if tag in details})
    block = exif.tobytes()
    if len(block) >= _LONGEST_EXIF and details.pop(_MAKER_NOTE, None):
        block = exif.tobytes()
    return block if len(block) < _LONGEST_EXIF else None
