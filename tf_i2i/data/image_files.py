"""Pictures in and out: whatever Pillow opens becomes uint8 sRGB, and files are replaced in one
step.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing

MAX_PIXELS = 400_000_000


MAX_ELONGATION = 4


# Pillow warns from 89 megapixels on; read_image refuses by the limit above.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


# What Pillow finds odd in EXIF data it tells without the file's name; what can't be read is an
# UnreadableImage.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


# The picture as it is stored, seen in one that is turned as EXIF says: a view, so nothing has to be
# turned afterwards.
_STORED_VIEWS = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


_EXIF_ORIENTATION = 0x0112


_STRIP_ROWS = 256


class UnreadableImage(UserError):
    """A picture that can't be used: `name` (the file) and `reason` (why, without the name)."""

    def __init__(self, name: object, reason: str):
        self.name, self.reason = one_line(name), one_line(reason)
        super().__init__(f"{self.name}: {self.reason}; replace this picture or leave it out")


def read_image(
    file: str | os.PathLike | BinaryIO,
    max_side: int | None = None,
    inspect: Callable[[Image.Image], object] = lambda image: None,
) -> np.ndarray:
    """Decodes the first frame of a picture.

    EXIF orientation is applied, an embedded ICC profile is converted to sRGB, 16-bit channels are
    scaled to 8 bits, CMYK becomes RGB, transparent parts become white.

    Args:
        file: path or open binary file.
        max_side: longest side wanted, in pixels: a larger picture is reduced to it (a JPEG already
            while it is decoded, which makes 100 megapixels cheap). One more elongated than 4:1
            keeps a shorter side of max_side / 4. None: full size.
        inspect: called with Pillow's picture once all of the file has been read, for what else
            stands in it.

    Returns:
        uint8 [H, W, 3], sRGB in 0..255, an array of its own.

    Raises:
        UnreadableImage: no such file, not a picture, truncated or damaged, or over 400 megapixels
            (found in the header, before anything is decoded).
    """
    with _picture(file) as image:
        return _decoded(image, max_side, inspect)


def resize_short_side(image: np.ndarray, side: int) -> np.ndarray:
    """Resizes uint8 [H, W, 3] so that its shorter side is `side`; returns uint8, aspect kept.

    A picture more elongated than 4:1 is cropped around its centre to 4:1 first: otherwise a strip
    of 1x5000 pixels would become 5,000 times the memory of a square.
    """
    height, width = image.shape[:2]
    limit = MAX_ELONGATION * min(height, width)
    top, left = max(0, height - limit) // 2, max(0, width - limit) // 2
    image = image[top : top + limit, left : left + limit]
    height, width = image.shape[:2]
    if min(height, width) == side:
        return np.ascontiguousarray(image)
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    resized = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(resized)


def picture_size(file: str | os.PathLike | BinaryIO) -> tuple[int, int]:
    """(width, height) in pixels of the picture that `read_image` would give at full size; only the
    header is read.

    Raises:
        UnreadableImage: no such file, not a picture, a damaged header, or over 400 megapixels.
    """
    with _picture(file) as image:
        width, height = image.size
        return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)


def write_png(
    path: str | os.PathLike,
    image: np.ndarray,
    exif: bytes | None = None,
    icc_profile: bytes | None = None,
    *,
    compress_level: int = 6,
) -> None:
    """Writes uint8 [H, W, 3] (RGB) or [H, W] (grey) as PNG, with EXIF and ICC if given; a
    half-written file never bears the name.

    compress_level: 0..9; photographs come out as large at 1 as at 6, in a third of the time.
    """
    _write(
        path,
        image,
        format="PNG",
        compress_level=compress_level,
        **_given(exif=exif, icc_profile=icc_profile),
    )


def write_jpeg(
    path: str | os.PathLike,
    image: np.ndarray,
    quality: int = 92,
    exif: bytes | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Writes uint8 [H, W, 3] (RGB) or [H, W] (grey) as JPEG of `quality` 1..95, with EXIF and ICC
    if given.

    From quality 90 on colours are kept at full size: halved, they fringe the outlines of a cartoon.
    """
    extra = _given(exif=exif, icc_profile=icc_profile)
    _write(
        path, image, format="JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, **extra
    )


def _given(**options: bytes | None) -> dict[str, bytes]:
    return {key: value for key, value in options.items() if value}


def _write(path: str | os.PathLike, image: np.ndarray, **options) -> None:
    if image.dtype != np.uint8 or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    ):
        raise ValueError(
            f"expected uint8 [H, W, 3] or [H, W], got {image.dtype} {list(image.shape)}"
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        Image.fromarray(image).save(partial, **options)


@contextmanager
def _picture(file: str | os.PathLike | BinaryIO) -> Iterator[Image.Image]:
    """Pillow's picture, only its header read; whatever goes wrong with it until it is closed is an
    UnreadableImage.
    """
    name = file if isinstance(file, str | os.PathLike) else getattr(file, "name", "picture")
    # Pillow's own limit is lower; it stays as the guard against frames larger than the header says.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with _opened(file) as handle, Image.open(handle) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise UnreadableImage(
                    name, f"{width}x{height} is over {MAX_PIXELS // 10**6} megapixels"
                )
            yield image
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(name, "no such file") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(name, "not a picture, or its start is damaged") from error
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile files
        raise UnreadableImage(name, str(error) or type(error).__name__) from error


@contextmanager
def _opened(file: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(file, str | os.PathLike):
        yield file
        return
    # A pipe or a device under a picture's name would block for ever.
    if os.path.exists(file) and not os.path.isfile(file):
        raise UnreadableImage(file, "not a regular file")
    with open(file, "rb") as handle:
        if os.fstat(handle.fileno()).st_size == 0:
            raise UnreadableImage(file, "the file is empty")
        yield handle


def _decoded(
    image: Image.Image, max_side: int | None, inspect: Callable[[Image.Image], object]
) -> np.ndarray:
    size = _reduced_size(image.size, max_side)
    if size != image.size:
        image.draft(None, size)
    image.load()
    inspect(image)
    # Only now: PNG may keep EXIF behind the pixels, and some decoders have turned the picture
    # themselves.
    orientation, profile = _orientation(image), image.info.get("icc_profile")
    # Pillow scales 16-bit files to 65535; true 32-bit integers have no agreed white: take the
    # brightest.
    white = max(65535, image.getextrema()[1]) if image.mode == "I" else 65535
    picture = image
    if picture.width > size[0] or picture.height > size[1]:
        picture = eight_bit(image, white).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    upright = np.empty(
        (*(picture.size if orientation in (5, 6, 7, 8) else picture.size[::-1]), 3), np.uint8
    )
    stored = _STORED_VIEWS.get(orientation, lambda view: view)(upright)
    to_srgb = SrgbConversion(profile)
    # Strip by strip: each step on the whole picture would hold another copy of it, 400 MB for 100
    # megapixels.
    for top in range(0, picture.height, _STRIP_ROWS):
        strip = picture.crop((0, top, picture.width, min(top + _STRIP_ROWS, picture.height)))
        stored[top : top + _STRIP_ROWS] = np.asarray(on_white(eight_bit(strip, white), to_srgb))
    return upright


def _reduced_size(size: tuple[int, int], max_side: int | None) -> tuple[int, int]:
    longest = min(max(size), MAX_ELONGATION * min(size))
    if max_side is None or longest <= max_side:
        return size
    return tuple(max(1, round(side * max_side / longest)) for side in size)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        return 1


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
