"""What is measured of each picture of a domain, and which pictures are left out for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from tf_i2i.data import screening
from tf_i2i.data.image_files import (
    UnreadableImage,
    picture_size,
    read_image,
    resize_short_side,
    say_left_out,
)
from tf_i2i.data.pixels import centre_square
from tf_i2i.data.screening import DUPLICATE, GREY, TOO_SMALL, UNREADABLE, Dropped, Features
from tf_i2i.errors import UserError, one_line
from training.curation.near_copies import View, find_keypoints, near_copies, small_grey
from training.curation.scans import Box, inner_box, text_share
from training.curation.tones import Tones, measure_tones
from training.options.curate_options import CurateOptions

TEXT, NOT_SHARED = "page of text", "not in both domains"
MONOCHROME, DRAWING = "monochrome", "drawing on paper"
REASONS = (UNREADABLE, TOO_SMALL, GREY, TEXT, MONOCHROME, DRAWING, DUPLICATE, NOT_SHARED)

# Enough for small letters; a JPEG is reduced while it is decoded.
_SIDE = 1024
_COLOUR_SIDE = 64
# Of two copies of nearly equal size, the one that never had margins has no remainder of them.
_TRIMMED_WORTH = 0.9
_FEATURE_SIDE, _BATCH = 128, 64
# The range of face sizes goes from one percentile to another, and a little further.
_PERCENTILES, _ROOM = (5, 95), 1.25
# Drawings have up to 4.6, with stains and touches of colour, and 0.2 and more of paper. 4 of 720
# photographs and none of 750 paintings have so few colours and such paper.
_DRAWING_COLOURS, _MIN_PAPER = 4.8, 0.15


@dataclass(frozen=True)
class Colours:
    """CIE L*a*b* over a picture: means, standard deviation of L* (contrast), mean distance from
    grey (chroma), and its mean colour as RGB, 0..255."""

    lightness: float
    green_red: float
    blue_yellow: float
    contrast: float
    chroma: float
    mean_rgb: tuple[int, int, int]


@dataclass(frozen=True)
class Measurements:
    """Of one picture, without its margins unless it says otherwise."""

    features: Features  # as training.cartoonize measures them
    view: View
    text: float  # `text_share`, with margins
    whole: tuple[int, int]  # (width, height) in pixels, with margins
    box: Box | None  # what is left without margins, in pixels of the whole; None: has no margins
    colours: Colours
    tones: Tones


@dataclass
class Domain:
    """One folder and what was decided about its pictures, by their names."""

    root: Path
    files: dict[str, Path]
    measurements: dict[str, Measurements] = field(default_factory=dict)  # of readable pictures
    rejects: dict[str, Dropped] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, Measurements]:
        """In the order of the files."""
        names = (name for name in self.files if name not in self.rejects)
        return {name: self.measurements[name] for name in names if name in self.measurements}

    @property
    def trims(self) -> dict[str, Box]:
        """Name -> what is left without margins, of the pictures that stay."""
        return {name: measured.box for name, measured in self.kept.items() if measured.box}


def measure_picture(file: Path, trim: bool) -> Measurements | Dropped:
    """Returns why it can't be read instead: UnreadableImage does not travel between processes."""
    try:
        width, height = whole = picture_size(file)
        image = read_image(file, _SIDE, partial(say_left_out, file))
    except UnreadableImage as error:
        return Dropped(UNREADABLE, error.reason)
    text, box = text_share(image), None
    inner = inner_box(image) if trim else (0, 0, *image.shape[:2])
    if inner != (0, 0, *image.shape[:2]):
        box = inner.scaled(image.shape[:2], (height, width))
        image = inner.cut(image)
        width, height = box.right - box.left, box.bottom - box.top
    pixels = round(width * height * (_TRIMMED_WORTH if box else 1))
    features = screening.features_of(image, width, height)
    view = View(
        int(features.hash, 16),
        pixels,
        small_grey(image),
        file.stat().st_size,
        find_keypoints(image),
    )
    return Measurements(features, view, text, whole, box, _colours(image), measure_tones(image))


def _colours(image: np.ndarray) -> Colours:
    small = resize_short_side(image, min(_COLOUR_SIDE, *image.shape[:2]))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    chroma = np.hypot(lab[:, 1], lab[:, 2]).mean()
    values = (round(float(value), 2) for value in (*lab.mean(axis=0), lab[:, 0].std(), chroma))
    return Colours(*values, tuple(round(float(v)) for v in small.reshape(-1, 3).mean(axis=0)))


def picture_within(file: Path, measured: Measurements, max_side: int | None = None) -> np.ndarray:
    """The picture without its margins: uint8 [H, W, 3]. Raises UnreadableImage.

    max_side: of the picture with margins, as in `read_image`.
    """
    image = read_image(file, max_side)
    if measured.box is None:
        return image
    return measured.box.scaled(measured.whole[::-1], image.shape[:2]).cut(image)


def judge(domain: Domain, options: CurateOptions) -> None:
    """Decides on the pictures of one domain by themselves."""
    limits = screening.Limits(options.min_size, options.min_chroma)
    for name, measured in domain.kept.items():
        if reason := screening.drop_reason(measured.features, limits):
            domain.rejects[name] = reason
        elif measured.text > options.max_text:
            detail = f"text covers {measured.text:.2f} of it, over {options.max_text:g}"
            domain.rejects[name] = Dropped(TEXT, detail)
        elif measured.tones.stray_98 < options.min_colours:
            detail = f"colours beyond its tint: {measured.tones.stray_98:.1f}"
            domain.rejects[name] = Dropped(MONOCHROME, f"{detail}, under {options.min_colours:g}")
        elif not options.keep_drawings and _is_drawing(measured.tones):
            detail = f"paper on all sides, colours beyond its tint: {measured.tones.stray_75:.1f}"
            domain.rejects[name] = Dropped(DRAWING, detail)
    if not options.keep_copies:
        copies = near_copies({name: measured.view for name, measured in domain.kept.items()})
        for name, (stays, similarity) in copies.items():
            domain.rejects[name] = Dropped(DUPLICATE, f"of {stays}, similarity {similarity:.3f}")


def _is_drawing(tones: Tones) -> bool:
    return tones.stray_75 < _DRAWING_COLOURS and tones.paper >= _MIN_PAPER


def counts_of(domains: Sequence[Domain]) -> list[tuple[str, list[int]]]:
    """Rows of a table: title, count in each domain."""
    counts = [Counter(dropped.reason for dropped in domain.rejects.values()) for domain in domains]
    return [
        ("pictures", [len(domain.files) for domain in domains]),
        *((reason, [count[reason] for count in counts]) for reason in REASONS),
        ("kept", [len(domain.kept) for domain in domains]),
        ("of these with margins", [len(domain.trims) for domain in domains]),
    ]


def match_portraits(domains: Sequence[Domain], min_face: float) -> tuple[float, float]:
    """Keeps pictures with a face of a size that faces have in both domains; returns its range.

    The ratio is that of the largest face's side and the picture's shorter one; min_face: of a
    portrait. Raises UserError where a domain has no portraits, or they have no size in common.
    """
    ranges = []
    for domain in domains:
        ratios = [measured.features.face_ratio for measured in domain.kept.values()]
        ratios = [ratio for ratio in ratios if ratio >= min_face]
        if not ratios:
            none = (
                f"no face of {min_face:g} of the shorter side was found in {one_line(domain.root)}"
            )
            raise UserError(f"--match portraits: {none}; give a smaller --min-face, or no --match")
        ranges.append(np.percentile(ratios, _PERCENTILES))
    lows, highs = zip(*ranges, strict=True)
    low, high = float(max(min_face, max(lows) / _ROOM)), float(min(highs) * _ROOM)
    if low > high:
        sizes = " and ".join(f"{low:.2f} to {high:.2f}" for low, high in ranges)
        fix = "of the shorter side, no size is in both; crop one domain"
        raise UserError(f"--match portraits: faces are {sizes} {fix}")
    for domain in domains:
        for name, measured in domain.kept.items():
            ratio = measured.features.face_ratio
            if not low <= ratio <= high:
                face = f"its largest face is {ratio:.2f} of it" if ratio else "no face found"
                detail = f"{face}, both domains have {low:.2f} to {high:.2f}"
                domain.rejects[name] = Dropped(NOT_SHARED, detail)
    return low, high


def match_features(domains: Sequence[Domain], features, neighbours: int) -> None:
    """Keeps pictures that are near the other domain's in the space of a feature network.

    features: maps uint8 pictures to float64 [N, D], as `tf_i2i.metrics.feature_networks` does.
    Raises UserError where a domain has too few pictures.
    """
    for domain in domains:
        if len(domain.kept) <= neighbours:
            left = f"{len(domain.kept)} pictures are left in {one_line(domain.root)}"
            raise UserError(f"--match features: {left}, --neighbours {neighbours} need more")
    vectors = [_feature_vectors(domain, features) for domain in domains]
    for domain, distances in zip(domains, distances_outside(*vectors, neighbours), strict=True):
        for name, distance in zip(domain.kept, distances, strict=True):
            if distance > 0:
                detail = f"{distance:.1f} away from all that the other domain shows"
                domain.rejects[name] = Dropped(NOT_SHARED, detail)


def _feature_vectors(domain: Domain, features) -> np.ndarray:
    bar = tqdm(domain.kept.items(), "matching", unit="picture", delay=1)
    images = (picture_within(domain.files[name], m, 4 * _FEATURE_SIDE) for name, m in bar)
    small = (resize_short_side(image, _FEATURE_SIDE) for image in images)
    squares = (centre_square(image, _FEATURE_SIDE) for image in small)
    batches = iter(lambda: list(islice(squares, _BATCH)), [])
    return np.concatenate([features(batch) for batch in batches])


def distances_outside(a: np.ndarray, b: np.ndarray, neighbours: int) -> list[np.ndarray]:
    """How far each point of a [N, D] and b [M, D] is outside of the other set's region, 0 or less
    inside, in standard deviations: [N] and [M]. Each set has more than `neighbours` (k) members.

    After Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
    Models": a set's region is the union of spheres around its members that extend to their k-th
    neighbours. Each set's mean is subtracted first: as a whole two domains differ by style, which
    is what should be learned.
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 2) + 1e-6
    a, b = a / spread, b / spread
    return [_outside(a, b, neighbours), _outside(b, a, neighbours)]


def _outside(points: np.ndarray, members: np.ndarray, neighbours: int) -> np.ndarray:
    radii = np.sort(_distances(members, members), axis=1)[:, neighbours]
    return (_distances(points, members) - radii).min(axis=1)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean, [N, M]."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squared, 0))
