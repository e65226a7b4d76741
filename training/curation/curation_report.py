"""curate.html: what two domains are made of, what is left out and why, and what stays."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import UnreadableImage, read_image, resize_short_side
from tf_i2i.data.pixels import centre_square, spread
from tf_i2i.errors import one_line
from tf_i2i.files import write_text
from training.curation.decisions import REASONS, Domain, counts_of, picture_within
from training.options.curate_options import CurateOptions
from training.reporting.charts import Bar, bar_chart
from training.reporting.html_page import render

_SIZES = (0, 128, 256, 384, 512, 768, 1024, 2048)
_COLUMNS, _THUMBNAIL = 6, 128
# Pictures per domain of each kind.
_MAX_KEPT, _MAX_LEFT_OUT, _MAX_TRIMMED = 18, 12, 6
_STRIP_HEIGHT, _STRIP_WIDTH = 40, 480
_COLOUR_ROWS = {
    "lightness L*, 0 to 100": lambda measured: measured.colours.lightness,
    "contrast: spread of L* in a picture": lambda measured: measured.colours.contrast,
    "chroma: distance from grey": lambda measured: measured.colours.chroma,
    "a*: green (-) to red (+)": lambda measured: measured.colours.green_red,
    "b*: blue (-) to yellow (+)": lambda measured: measured.colours.blue_yellow,
    "largest face over the shorter side": lambda measured: measured.features.face_ratio,
}


def write_report(path: Path, domains: Sequence[Domain], options: CurateOptions, note: str) -> None:
    """Writes the self-contained page. note: about the matching, "" where there was none."""
    names = [one_line(domain.root.name or domain.root) for domain in domains]
    if len({*names}) < len(names):
        names = [one_line(domain.root) for domain in domains]
    by_name = dict(zip(names, domains, strict=True))
    strips = {f"{name}: mean colours, from dark to light": _strip(d) for name, d in by_name.items()}
    text = render(
        "training/curation/curation_report.html.j2",
        title="Pictures for a training",
        applied=options.apply,
        names=names,
        counts=[[title, *counts] for title, counts in counts_of(domains)],
        note=note,
        sizes={name: _sizes(name, domain) for name, domain in by_name.items()},
        colours=[
            [title, *(_spread(map(value, domain.kept.values())) for domain in domains)]
            for title, value in _COLOUR_ROWS.items()
        ],
        strips={name: strip for name, strip in strips.items() if strip is not None},
        kept={name: _kept(domain) for name, domain in by_name.items()},
        trimmed={name: _trimmed(domain) for name, domain in by_name.items()},
        left_out={name: _left_out(domain) for name, domain in by_name.items()},
        columns=_COLUMNS,
    )
    write_text(path, text)


def _sizes(name: str, domain: Domain) -> str:
    """How many of the kept pictures have a shorter side of which length."""
    features = [measured.features for measured in domain.kept.values()]
    sides = [min(found.width, found.height) for found in features]
    counts = np.histogram(sides, (*_SIZES, np.inf))[0]
    titles = [f"{low} to {high - 1}" for low, high in pairwise(_SIZES)] + [f"{_SIZES[-1]} and more"]
    bars = [Bar(title, int(count), str(count)) for title, count in zip(titles, counts, strict=True)]
    return bar_chart(bars, "pictures that stay, by their shorter side in pixels", name)


def _spread(values: Iterable[float]) -> str:
    """Median and quartiles."""
    values = list(values)
    if not values:
        return "-"
    low, middle, high = np.percentile(values, (25, 50, 75))
    digits = 2 if high < 3 else 1
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _strip(domain: Domain) -> np.ndarray | None:
    """The mean colour of each picture, from dark to light."""
    colours = sorted((measured.colours.mean_rgb for measured in domain.kept.values()), key=sum)
    if not colours:
        return None
    places = np.linspace(0, len(colours) - 1, _STRIP_WIDTH).round().astype(int)
    return np.tile(np.array(colours, np.uint8)[places], (_STRIP_HEIGHT, 1, 1))


def _kept(domain: Domain) -> dict[str, np.ndarray]:
    """Caption to thumbnail."""
    names = list(domain.kept)
    chosen = [names[place] for place in spread(len(names), _MAX_KEPT)]
    return {one_line(name): _thumbnail(domain, name) for name in chosen}


def _trimmed(domain: Domain) -> list[dict[str, np.ndarray]]:
    """Pictures with and without their margins, by caption."""
    pairs = []
    for name in list(domain.trims)[:_MAX_TRIMMED]:
        file = domain.files[name]
        try:
            before = read_image(file, 512)
            after = picture_within(file, domain.measurements[name], 512)
        except UnreadableImage:
            continue
        captions = {f"{one_line(name)}, as it is": before, "without margins": after}
        sides = {caption: min(192, *image.shape[:2]) for caption, image in captions.items()}
        pairs.append({c: resize_short_side(captions[c], side) for c, side in sides.items()})
    return pairs


def _left_out(domain: Domain) -> list[dict]:
    """For each reason that occurs: reason, count, and pictures (caption to thumbnail), not all."""
    groups = []
    for reason in REASONS:
        names = sorted(name for name, drop in domain.rejects.items() if drop.reason == reason)
        if names:
            pictures = {}
            for name in names[:_MAX_LEFT_OUT]:
                caption = one_line(f"{name}: {domain.rejects[name].detail}")
                pictures[caption] = _thumbnail(domain, name)
            groups.append({"reason": reason, "count": len(names), "pictures": pictures})
    return groups


def _thumbnail(domain: Domain, name: str) -> np.ndarray:
    """The middle square; a grey one for what can't be read."""
    file, measured, side = domain.files[name], domain.measurements.get(name), 4 * _THUMBNAIL
    try:
        image = picture_within(file, measured, side) if measured else read_image(file, side)
    except UnreadableImage:
        return np.full((_THUMBNAIL, _THUMBNAIL, 3), 200, np.uint8)
    return centre_square(resize_short_side(image, _THUMBNAIL), _THUMBNAIL)
