"""Data for a first training without any download: scikit-image's and scikit-learn's photographs.

Each of the seven scenes is in one place only: domain A (photographs), domain B (illustrations of
other photographs) or validation (photographs with their true illustrations, which training never
sees). Each is cut into overlapping square windows at three scales.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf_i2i.data.cartoon_styles import cartoon, illustration
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.image_files import read_image, resize_short_side
from tf_i2i.data.pixels import spread, window_starts
from tf_i2i.data.sources import ImageSource
from tf_i2i.errors import UserError


@dataclass(frozen=True)
class Photograph:
    """A bundled photograph; `windows` of it go to `domain` (a, b or val)."""

    package: str
    file: str
    domain: str
    windows: int
    source: str


_STEREO = "Middlebury Stereo 2014 (see scikit-image)"
# Chosen so that the colours of the two training domains overlap (a colour that only one of them has
# gets changed into another), with something unlike the rest held out.
PHOTOGRAPHS = (
    Photograph("skimage", "data/astronaut.png", "a", 26, "NASA Great Images, public domain"),
    Photograph("skimage", "data/chelsea.png", "a", 22, "Stefan van der Walt, CC0"),
    Photograph("skimage", "data/rocket.jpg", "a", 14, "SpaceX, flickr.com, public domain (CC0)"),
    Photograph("skimage", "data/motorcycle_left.png", "b", 18, _STEREO),
    Photograph("skimage", "data/motorcycle_right.png", "b", 18, _STEREO),
    Photograph(
        "sklearn", "datasets/images/flower.jpg", "b", 28, "vultilion, flickr.com, CC BY 2.0"
    ),
    Photograph(
        "sklearn", "datasets/images/china.jpg", "val", 8, "danielbuechele, flickr.com, CC BY 2.0"
    ),
    Photograph("skimage", "data/coffee.png", "val", 6, "Rachel Michetti, Pikolo Espresso Bar, CC0"),
)
# Window sides as shares of the photograph's shorter side; under 0.5 they would have to be enlarged.
SCALES = (1.0, 0.7, 0.5)
# A window is dull under this standard deviation of grey (0..255) or share of detailed pixels.
MIN_CONTRAST = 16.0
MIN_DETAIL = 0.06


@dataclass(frozen=True)
class DemoData:
    """The bundled data set; every picture is uint8 [short_side, short_side, 3].

    val_a, val_b are windows of photographs in neither domain, and their true translations in the
    same order and under the same names; sources: file name -> where it comes from, and licence.
    """

    domain_a: ImageCache
    domain_b: ImageCache
    val_a: ImageCache
    val_b: ImageCache
    sources: dict[str, str] = field(
        default_factory=lambda: {Path(photo.file).name: photo.source for photo in PHOTOGRAPHS}
    )


def demo_images(short_side: int) -> DemoData:
    """Unpaired: photographs (domain A), illustrations of others (B); the same on one machine.

    They are drawn at `short_side` pixels, so that lines have the same width at all scales.
    Raises UserError: an installed package lacks its photographs.
    """
    held_out = _windows(short_side, "val")
    photos, others = _windows(short_side, "a"), _windows(short_side, "b")
    return DemoData(photos, _drawn(others, illustration), held_out, _drawn(held_out, illustration))


def demo_pairs(short_side: int) -> DemoData:
    """Paired: cartoons (domain A) and their photographs (B); raises as demo_images."""
    photos, held_out = _windows(short_side, "a", "b"), _windows(short_side, "val")
    return DemoData(_drawn(photos, cartoon), photos, _drawn(held_out, cartoon), held_out)


def bundled_photographs() -> ImageSource:
    """The photographs themselves, whole and in colour; raises as demo_images."""
    paths = [_path(photo) for photo in PHOTOGRAPHS]
    return ImageSource("bundled photographs", [path.name for path in paths], paths.__getitem__)


def _drawn(photos: ImageCache, style: Callable[[np.ndarray], np.ndarray]) -> ImageCache:
    names = enumerate(photos.names)
    return ImageCache.from_images((name, style(photos.image(i))) for i, name in names)


def _windows(short_side: int, *domains: str) -> ImageCache:
    named = []
    for photo in (photo for photo in PHOTOGRAPHS if photo.domain in domains):
        image = read_image(_path(photo))
        places = _grid(*image.shape[:2])
        crops = [(top, left, s, image[top : top + s, left : left + s]) for top, left, s in places]
        crops = [crop for crop in crops if not _is_dull(crop[-1])]
        # Spread over all scales and places, not the most detailed: flat areas must be learned too.
        for i in spread(len(crops), photo.windows):
            top, left, side, crop = crops[i]
            name = f"{Path(photo.file).stem}-{side}px-y{top:03d}-x{left:03d}.png"
            named.append((name, resize_short_side(crop, short_side)))
    return ImageCache.from_images(named)


def _path(photo: Photograph) -> Path:
    # find_spec of a top-level package does not import it; scikit-image's own loader might download.
    spec = importlib.util.find_spec(photo.package)
    path = Path(spec.submodule_search_locations[0], photo.file) if spec else None
    if path is None or not path.is_file():
        fix = "pip install -e . again, or name your own with --domain-a and --domain-b"
        raise UserError(f"the photograph {photo.package}/{photo.file} is missing: {fix}")
    return path


def _grid(height: int, width: int) -> Iterator[tuple[int, int, int]]:
    """(top, left, side) of windows that overlap their neighbours by 60 % or more."""
    for scale in SCALES:
        side = round(scale * min(height, width))
        for top in window_starts(height, side, 0.4):
            for left in window_starts(width, side, 0.4):
                yield top, left, side


def _is_dull(window: np.ndarray) -> bool:
    """Whether a window is nearly one flat tone: black cloth, blank sky, a blurred background."""
    grey = resize_short_side(window, 96).astype(np.float32).mean(axis=-1)
    rows, columns = np.abs(np.diff(grey, axis=0))[:, :-1], np.abs(np.diff(grey, axis=1))[:-1]
    return bool(grey.std() < MIN_CONTRAST or np.mean(np.maximum(rows, columns) > 12) < MIN_DETAIL)
