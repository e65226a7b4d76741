"""A photo with its file's metadata, and back into a file."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from tf_i2i.data.image_files import left_out, read_image, upright_alpha, write_jpeg, write_png

# A cup of coffee, 600x400: Rachel Michetti, Pikolo Espresso Bar, CC0; coffee.png of scikit-image.
EXAMPLE = Path(__file__).with_name("example.jpg")
_ORIENTATION, _EXIF_POINTER, _COLOUR_SPACE, _MAKER_NOTE = 0x0112, 0x8769, 0xA001, 0x927C
_SIDES = (0xA002, 0xA003)
_TRANSPOSED = (5, 6, 7, 8)
_SRGB = 1
# A JPEG segment holds 64 KiB.
_MAX_EXIF_BYTES = 65_500


@dataclass(eq=False)
class Photo:
    """Attributes:
    pixels: uint8 [H, W, 3], upright, sRGB; its own memory.
    exif: block for the new file, orientation reset, or None.
    icc_profile: sRGB's where the file had a profile (pixels were converted from it), else None.
    alpha: uint8 [H, W] where a part is transparent, else None.
    left_out: what the pixels lack of the file, as `tf_i2i.data.image_files.left_out`.
    """

    pixels: np.ndarray
    exif: bytes | None = None
    icc_profile: bytes | None = None
    alpha: np.ndarray | None = None
    left_out: tuple[str, ...] = ()


def photo_size(path: Path) -> tuple[int, int] | None:
    """Height and width by the file's header, a JPEG's as it will be upright; None if unknown."""
    try:
        with Image.open(path) as image:
            orientation = image.getexif().get(_ORIENTATION, 1) if image.format == "JPEG" else 1
            return image.size if orientation in _TRANSPOSED else image.size[::-1]
    except Exception:  # read_photo will say what is wrong with it
        return None


def read_photo(path: Path) -> Photo:
    """Raises UnreadableImage (a UserError) for what read_image can't decode."""
    photo = Photo(np.empty(0))

    def inspect(image: Image.Image) -> None:
        if image.info.get("icc_profile"):
            profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            photo.icc_profile = profile.tobytes()
        with contextlib.suppress(Exception):  # a damaged EXIF block loses the block, not the photo
            photo.exif = _upright_exif(image.getexif(), image.size)
        photo.alpha, photo.left_out = upright_alpha(image), tuple(left_out(image))

    photo.pixels = read_image(path, inspect=inspect)
    return photo


def write_photo(path: Path, photo: Photo, quality: int) -> None:
    """Writes a photo as PNG or JPEG (of this quality) by the suffix, with its metadata."""
    if path.suffix.lower() == ".png":
        write_png(path, photo.pixels, photo.exif, photo.icc_profile, alpha=photo.alpha)
    else:
        write_jpeg(path, photo.pixels, quality, photo.exif, photo.icc_profile)


def _upright_exif(source: Image.Exif, stored: tuple[int, int]) -> bytes | None:
    """The block with orientation, sides and colour space of the new pixels, without thumbnail."""
    if not source:
        return None
    # A copy: the picture is still to be turned by its own block.
    exif = Image.Exif()
    exif.load(source.tobytes())
    sides = stored[::-1] if exif.get(_ORIENTATION, 1) in _TRANSPOSED else stored
    exif[_ORIENTATION] = 1
    details = exif.get_ifd(_EXIF_POINTER)
    new = {_COLOUR_SPACE: _SRGB, **dict(zip(_SIDES, sides, strict=True))}
    details.update({tag: value for tag, value in new.items() if tag in details})
    block = exif.tobytes()
    if len(block) >= _MAX_EXIF_BYTES and details.pop(_MAKER_NOTE, None):
        block = exif.tobytes()
    return block if len(block) < _MAX_EXIF_BYTES else None
