"""Data for a first training without any download: photographs that scikit-image and scikit-learn
bring along.

Seven scenes, each in one place only: domain A (photographs), domain B (cartoons of other
photographs) or validation (photographs with their true cartoons, which training never sees). Each
is cut into overlapping square windows at three scales.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from tf_i2i.data.cartoon_styles import cartoon
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.data.image_files import read_image, resize_short_side
from tf_i2i.data.sources import ImageSource
from tf_i2i.errors import UserError


@dataclass(frozen=True)
class Photograph:
    """One bundled photograph and how it is used: `windows` of it go to `domain` (a, b or val)."""

    package: str
    file: str
    domain: str
    windows: int
    source: str


# Of all ways to share out the scenes, one of those where the two training domains' colours overlap
# most (a colour that only one of them knows gets changed into another), with something unlike the
# rest held out.
PHOTOGRAPHS = (
    Photograph("skimage", "data/astronaut.png", "a", 26, "NASA Great Images, public domain"),
    Photograph("skimage", "data/chelsea.png", "a", 22, "Stefan van der Walt, CC0"),
    Photograph("skimage", "data/rocket.jpg", "a", 14, "SpaceX, flickr.com, public domain (CC0)"),
    Photograph(
        "skimage", "data/motorcycle_left.png", "b", 18, "Middlebury Stereo 2014 (see scikit-image)"
    ),
    Photograph(
        "skimage", "data/motorcycle_right.png", "b", 18, "Middlebury Stereo 2014 (see scikit-image)"
    ),
    Photograph(
        "sklearn", "datasets/images/flower.jpg", "b", 28, "vultilion, flickr.com, CC BY 2.0"
    ),
    Photograph(
        "sklearn", "datasets/images/china.jpg", "val", 8, "danielbuechele, flickr.com, CC BY 2.0"
    ),
    Photograph("skimage", "data/coffee.png", "val", 6, "Rachel Michetti, Pikolo Espresso Bar, CC0"),
)


# Windows this share of the photograph's shorter side; under 0.5 they would have to be enlarged.
SCALES = (1.0, 0.7, 0.5)


# Standard deviation of grey (0..255) and share of pixels with visible detail under which a window
# is dull.
MIN_CONTRAST = 16.0


MIN_DETAIL = 0.06


@dataclass(frozen=True)
class DemoData:
    """The bundled data set; every picture is uint8 [short_side, short_side, 3].

    Attributes:
        domain_a: photographs.
        domain_b: cartoons of other photographs.
        val_a: windows of photographs that are in neither domain.
        val_b: their true cartoons, same order and names.
        sources: file name of each photograph used -> where it comes from and its licence.
    """

    domain_a: ImageCache
    domain_b: ImageCache
    val_a: ImageCache
    val_b: ImageCache
    sources: dict[str, str]


def demo_images(short_side: int) -> DemoData:
    """Cuts the bundled photographs into windows of `short_side` pixels; the same ones each time.

    Cartoons are made at that size, so that outlines have one width at all scales.

    Raises:
        UserError: an installed package lacks its photographs.
    """
    val_a = ImageCache.from_images(_windows("val", short_side))
    return DemoData(
        domain_a=ImageCache.from_images(_windows("a", short_side)),
        domain_b=ImageCache.from_images(
            (name, cartoon(image)) for name, image in _windows("b", short_side)
        ),
        val_a=val_a,
        val_b=ImageCache.from_images(
            (name, cartoon(val_a.image(i))) for i, name in enumerate(val_a.names)
        ),
        sources=_sources(),
    )


def bundled_photographs() -> ImageSource:
    """The photographs themselves, whole and in colour.

    Raises:
        UserError: an installed package lacks its photographs.
    """
    paths = [_path(photo) for photo in PHOTOGRAPHS]
    return ImageSource(
        "bundled photographs", [path.name for path in paths], lambda index: paths[index]
    )


def demo_pairs(short_side: int) -> DemoData:
    """The same windows in pairs: cartoons (domain A, val_a) and the photographs they were made from
    (B, val_b).

    Raises: as demo_images.
    """
    photos, held_out = (
        ImageCache.from_images(
            window for domain in domains for window in _windows(domain, short_side)
        )
        for domains in ("ab", ("val",))
    )
    cartoons, val_cartoons = (
        ImageCache.from_images(
            (name, cartoon(cache.image(i))) for i, name in enumerate(cache.names)
        )
        for cache in (photos, held_out)
    )
    return DemoData(cartoons, photos, val_cartoons, held_out, _sources())


def _sources() -> dict[str, str]:
    return {Path(photo.file).name: photo.source for photo in PHOTOGRAPHS}


def _windows(domain: str, short_side: int) -> Iterator[tuple[str, np.ndarray]]:
    for photo in PHOTOGRAPHS:
        if photo.domain != domain:
            continue
        image = read_image(_path(photo))
        places = [place for place in _grid(*image.shape[:2]) if not _dull(_cut(image, place))]
        # Evenly over all scales and places rather than the most detailed: flat areas must be
        # learned too.
        chosen = (
            np.linspace(0, len(places) - 1, min(photo.windows, len(places))).round().astype(int)
        )
        for top, left, side in (places[i] for i in chosen):
            window = resize_short_side(_cut(image, (top, left, side)), short_side)
            yield f"{Path(photo.file).stem}-{side}px-y{top:03d}-x{left:03d}.png", window


def _path(photo: Photograph) -> Path:
    # find_spec of a top-level package does not import it; scikit-image's own loader might download.
    spec = importlib.util.find_spec(photo.package)
    path = Path(spec.submodule_search_locations[0], photo.file) if spec else None
    if path is None or not path.is_file():
        raise UserError(
            f"the bundled photograph {photo.package}/{photo.file} is missing: "
            "pip install -e . again, or name pictures of your own with --domain-a and --domain-b"
        )
    return path


def _grid(height: int, width: int) -> Iterator[tuple[int, int, int]]:
    """(top, left, side) of windows that overlap their neighbours by 60 % or more."""
    for scale in SCALES:
        side = round(scale * min(height, width))
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield top, left, side


def _starts(length: int, side: int) -> list[int]:
    steps = ceil((length - side) / (0.4 * side))
    return [round(start) for start in np.linspace(0, length - side, steps + 1)]


def _cut(image: np.ndarray, place: tuple[int, int, int]) -> np.ndarray:
    top, left, side = place
    return image[top : top + side, left : left + side]


def _dull(window: np.ndarray) -> bool:
    """Whether a window is nearly one flat tone: black cloth, blank sky, a blurred background."""
    grey = resize_short_side(window, 96).astype(np.float32).mean(axis=-1)
    rows, columns = np.abs(np.diff(grey, axis=0))[:, :-1], np.abs(np.diff(grey, axis=1))[:-1]
    return bool(grey.std() < MIN_CONTRAST or np.mean(np.maximum(rows, columns) > 12) < MIN_DETAIL)
