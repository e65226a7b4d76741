"""Pictures in and out: whatever Pillow opens becomes uint8 sRGB; files are written whole or not."""

import io
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import replacing

MAX_PIXELS = 400_000_000
MAX_ELONGATION = 4
# Of pictures to learn from; a strip of 1x5000 pixels would become 5,000 times the memory of a square.
MAX_STRIP = 32
_EXIF_ORIENTATION = 0x0112
# Orientation -> quarter turns and mirroring that make the stored picture of the upright one.
_STORED = {2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (1, 1), 6: (1, 0), 7: (3, 1), 8: (3, 0)}
_STRIP_ROWS = 256
# What a picture may have and `read_image` leaves out.
FRAMES = "several frames, only the first is used"
TRANSPARENCY = "transparent parts, which become white"
_DARK = 2**14  # of 65535

# Pillow warns from 89 megapixels on (read_image refuses by its own limit) and about odd EXIF data,
# without the file's name; what can't be read is an UnreadableImage.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


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
    """Decodes the first frame of a picture to uint8 [H, W, 3], sRGB in 0..255, an array of its own.

    EXIF orientation is applied, an embedded ICC profile is converted to sRGB, 16-bit channels are
    scaled to 8 bits, CMYK becomes RGB, transparent parts become white.

    max_side: longest side in pixels; a larger picture is reduced to it (a JPEG already while it is
    decoded, which makes 100 megapixels cheap). One more elongated than 4:1 keeps a shorter side of
    max_side / 4. None: full size. inspect: called with Pillow's image once the whole file has been
    read, for its metadata. Raises UnreadableImage: no such file, not a picture, truncated or
    damaged, or over 400 megapixels by its header.
    """
    with _open(file) as image:
        size = reduced_size(image.size, max_side)
        if size != image.size:
            image.draft(None, size)
        # Pillow keeps the upper bytes of colours of 16 bits, in a mode of 8.
        has_16_bits = image.mode.startswith("I") or ";16" in repr(image.tile)
        image.load()
        if has_16_bits:
            _warn_if_dark(file, image)
        inspect(image)
        # Only now: PNG may have EXIF after the pixels, and some decoders turn the picture.
        (turns, mirrored), to_srgb = _stored(image), _SrgbConversion(image.info.get("icc_profile"))
        # 16-bit files have white at 65535; 32-bit integers have no agreed white: the brightest.
        white = max(65535, image.getextrema()[1]) if image.mode == "I" else 65535
        picture = image
        if picture.width > size[0] or picture.height > size[1]:
            picture = _eight_bit(image, white)
            picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        shape = picture.size if turns % 2 else picture.size[::-1]
        upright = np.empty((*shape, 3), np.uint8)
        stored = np.rot90(upright[:, ::-1] if mirrored else upright, turns)  # a view to write to
        # In strips: each conversion of the whole picture would hold another copy of it.
        for top in range(0, picture.height, _STRIP_ROWS):
            bottom = min(top + _STRIP_ROWS, picture.height)
            strip = _eight_bit(picture.crop((0, top, picture.width, bottom)), white)
            stored[top:bottom] = np.asarray(_on_white(strip, to_srgb))
        return upright


@dataclass(frozen=True, eq=False)
class AnimationFrame:
    """A frame of an animated picture: uint8 [H, W, 3] as `read_image`, its own memory; alpha as
    `upright_alpha`; for how many seconds it shows.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    seconds: float


def is_animated(file: str | os.PathLike) -> bool:
    """Whether it is a GIF or WebP file of several frames; False for what can't be read."""
    with suppress(UnreadableImage), _open(file) as image:
        return image.format in ("GIF", "WEBP") and image.is_animated
    return False


def read_frames(file: str | os.PathLike) -> Iterator[AnimationFrame]:
    """Decodes an animated picture, one frame after the other. Raises UnreadableImage, maybe only
    after some frames.
    """
    with _open(file) as image:
        to_srgb = _SrgbConversion(image.info.get("icc_profile"))
        for place in itertools.count():
            try:
                image.seek(place)
            except EOFError:
                return
            image.load()
            turns, mirrored = _stored(image)
            upright = np.rot90(np.asarray(_on_white(_eight_bit(image, 255), to_srgb)), -turns)
            pixels = np.array(upright[:, ::-1] if mirrored else upright)
            yield AnimationFrame(pixels, upright_alpha(image), image.info.get("duration", 0) / 1000)


def resize_short_side(image: np.ndarray, side: int, elongation: int = MAX_ELONGATION) -> np.ndarray:
    """Resizes uint8 [H, W, 3] so that its shorter side is `side`; returns uint8, same aspect ratio.

    A picture more elongated than `elongation`:1 is cropped around its centre to that first.
    """
    height, width = image.shape[:2]
    limit = elongation * min(height, width)
    top, left = max(0, height - limit) // 2, max(0, width - limit) // 2
    image = image[top : top + limit, left : left + limit]
    height, width = image.shape[:2]
    if min(height, width) == side:
        return np.ascontiguousarray(image)
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    resized = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(resized)


def left_out(image: Image.Image) -> list[str]:
    """Which of FRAMES and TRANSPARENCY Pillow's image has; for `inspect` of `read_image`."""
    found = []
    with suppress(Exception):  # a damaged second frame does not make the first one unusable
        # The second picture of an MPO is a depth map, or the same at another size.
        if getattr(image, "is_animated", False) and image.format != "MPO":
            found.append(FRAMES)
    if upright_alpha(image) is not None:
        found.append(TRANSPARENCY)
    return found


def say_left_out(file: object, image: Image.Image) -> None:
    for what in left_out(image):
        say(f"warning: {one_line(file)}: has {what}")


def upright_alpha(image: Image.Image) -> np.ndarray | None:
    """uint8 [H, W], 0 transparent, of the picture as `read_image` turns it; None: all opaque."""
    if image.mode[0] in "IF" or not (
        "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    ):
        return None
    alpha = image if image.mode in ("LA", "RGBA") else image.convert("RGBA")
    alpha = alpha.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return None
    turns, mirrored = _stored(image)
    upright = np.rot90(np.asarray(alpha), -turns)
    return np.ascontiguousarray(upright[:, ::-1] if mirrored else upright)


def picture_size(file: str | os.PathLike | BinaryIO) -> tuple[int, int]:
    """(width, height) in pixels of what `read_image` returns at full size, from the header alone.

    Raises UnreadableImage: no such file, not a picture, a damaged header, or over 400 megapixels.
    """
    with _open(file) as image:
        return image.size[::-1] if _stored(image)[0] % 2 else image.size


def write_png(
    path: str | os.PathLike,
    image: np.ndarray,
    exif=None,
    icc_profile=None,
    compress_level: int = 6,
    alpha: np.ndarray | None = None,
) -> None:
    """Writes uint8 [H, W, 3] (RGB) or [H, W] (grey) as PNG, complete or not at all.

    exif, icc_profile: bytes or None. alpha: uint8 [H, W], see `upright_alpha`. compress_level: 0..9; photographs are as large at 1 as at 6,
    in a third of the time.
    """
    _write(path, image, exif, icc_profile, alpha, format="PNG", compress_level=compress_level)


def write_jpeg(
    path: str | os.PathLike, image: np.ndarray, quality: int = 92, exif=None, icc_profile=None
) -> None:
    """As `write_png`, but a JPEG of `quality` 1..95."""
    # Colours at half size would fringe the outlines of a cartoon.
    subsampling = 0 if quality >= 90 else 2
    _write(path, image, exif, icc_profile, format="JPEG", quality=quality, subsampling=subsampling)


def _write(path, image: np.ndarray, exif, icc_profile, alpha=None, **options) -> None:
    if image.dtype != np.uint8 or (image.ndim != 2 and image.shape[2:] != (3,)):
        kind = f"{image.dtype} {list(image.shape)}"
        raise ValueError(f"expected uint8 [H, W, 3] or [H, W], got {kind}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        picture = Image.fromarray(image)
        if alpha is not None:
            picture.putalpha(Image.fromarray(alpha))
        picture.save(partial, exif=exif or b"", icc_profile=icc_profile or b"", **options)


@contextmanager
def _open(file: str | os.PathLike | BinaryIO) -> Iterator[Image.Image]:
    """Pillow's image, only its header read; what fails before it is closed is UnreadableImage."""
    is_path = isinstance(file, str | os.PathLike)
    name = file if is_path else getattr(file, "name", "picture")
    # Pillow's own limit is lower; it stays as the guard against frames larger than the header says.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        opened = _open_regular(file) if is_path else nullcontext(file)
        with opened as data, Image.open(data) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ValueError(f"{width}x{height} is over {MAX_PIXELS // 10**6} megapixels")
            yield image
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(name, "no such file") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(name, "not a picture, or its start is damaged") from error
    except Exception as error:  # Pillow's decoders raise nearly every type on hostile files
        raise UnreadableImage(name, str(error) or type(error).__name__) from error


def _open_regular(path: str | os.PathLike) -> BinaryIO:
    # A pipe or a device under a picture's name would block for ever.
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("not a regular file")
    if os.path.getsize(path) == 0:
        raise ValueError("the file is empty")
    return open(path, "rb")


def reduced_size(size: tuple[int, int], max_side: int | None) -> tuple[int, int]:
    """Both sides of a picture, in pixels, as `read_image` reduces them to `max_side`."""
    longest = min(max(size), MAX_ELONGATION * min(size))
    if max_side is None or longest <= max_side:
        return size
    return tuple(max(1, round(side * max_side / longest)) for side in size)


def _stored(image: Image.Image) -> tuple[int, int]:
    try:
        return _STORED.get(image.getexif().get(_EXIF_ORIENTATION), (0, 0))
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        return 0, 0


def _warn_if_dark(file: str | os.PathLike | BinaryIO, image: Image.Image) -> None:
    """Of cameras and scanners with 10, 12 or 14 bits, whose files have 16: their white is black."""
    whole = image.mode.startswith("I")
    extrema = image.getextrema()
    high = extrema[1] if whole else max(high for _, high in extrema) * 256 + 255
    if (0 if whole else 255) < high < _DARK:
        name = file if isinstance(file, str | os.PathLike) else getattr(file, "name", "picture")
        fix = "scale them if it looks too dark"
        say(f"warning: {one_line(name)}: its values end at {high} of 65535; {fix}")


def _eight_bit(image: Image.Image, white: int) -> Image.Image:
    """In mode L, LA, RGB, RGBA or CMYK, with scaled values (Pillow's convert would clip)."""
    if image.mode.startswith("I"):
        values = np.asarray(image).clip(0) * np.float32(255 / white)
        return Image.fromarray((values + np.float32(0.5)).astype(np.uint8))
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError("floating-point values outside 0..1; save it with 8 or 16 bits")
        return Image.fromarray((values * np.float32(255) + np.float32(0.5)).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _on_white(picture: Image.Image, to_srgb: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The colours in sRGB, transparent parts on white; mode RGB."""
    if picture.mode not in ("LA", "RGBA"):
        return to_srgb(picture)
    white = Image.new("RGB", picture.size, "white")
    white.paste(to_srgb(picture.convert(picture.mode[:-1])), mask=picture.getchannel("A"))
    return white


class _SrgbConversion:
    """Strips of a picture through its ICC profile; plain RGB where that can't be used."""

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
