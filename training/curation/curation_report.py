"""curate.html: what two domains are made of, side by side, what is left out and why, and what
stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tf_i2i.data.image_files import UnreadableImage, read_image, resize_short_side
from tf_i2i.data.pixels import centre_square
from tf_i2i.errors import one_line
from tf_i2i.files import write_text
from training.curation.decisions import REASONS, Domain, Measurements, counts_of, picture_within
from training.options.curate_options import CurateOptions
from training.reporting import html_page as html
from training.reporting.charts import Bar, bar_chart

_SIZES = (0, 128, 256, 384, 512, 768, 1024, 2048)


_COLUMNS, _THUMBNAIL = 6, 128


# Pictures a domain of each kind.
_SHOWN_KEPT, _SHOWN_OUT, _SHOWN_TRIMMED = 18, 12, 6


_STRIP_HEIGHT, _STRIP_WIDTH = 40, 480


def write_report(path: Path, domains: Sequence[Domain], options: CurateOptions, said: str) -> None:
    """Writes the self-contained page. said: about the matching, "" where there was none."""
    names = [one_line(domain.root.name or domain.root) for domain in domains]
    lead = (
        f"{' and '.join(names)}: what would be left out, and what would stay. Nothing is changed by looking; --apply moves."
        if not options.apply
        else f"{' and '.join(names)}: what was left out, and what stays. --undo brings everything back."
    )
    body = [
        "<h1>Pictures for a training</h1>",
        html.paragraph(lead, "lead"),
        html.section(
            "counts",
            "Counts",
            _counts(domains, names),
            html.paragraph(said, "note") if said else "",
        ),
        html.section(
            "sizes", "Sizes", f'<div class="charts">{"".join(map(_sizes, domains, names))}</div>'
        ),
        html.section("colours", "Colours", _colour_table(domains, names), _strips(domains, names)),
        *(_kept(domain, name) for domain, name in zip(domains, names, strict=True)),
        *(_left_out(domain, name) for domain, name in zip(domains, names, strict=True)),
    ]
    write_text(path, html.page("Pictures for a training", "\n".join(body)))


def _counts(domains: Sequence[Domain], names: list[str]) -> str:
    return html.table(
        ["", *names], [[title, *map(str, counts)] for title, counts in counts_of(domains)], "counts"
    )


def _sizes(domain: Domain, name: str) -> str:
    """How many of the kept pictures have a shorter side of which length."""
    sides = [min(look.features.width, look.features.height) for look in domain.kept.values()]
    counts = np.histogram(sides, (*_SIZES, np.inf))[0]
    titles = [f"{low} to {high - 1}" for low, high in pairwise(_SIZES)] + [f"{_SIZES[-1]} and more"]
    bars = [Bar(title, int(count), str(count)) for title, count in zip(titles, counts, strict=True)]
    label = f"{name}: " + "; ".join(f"{bar.name} {bar.text}" for bar in bars)
    chart = bar_chart(
        bars, "pictures that stay, by their shorter side in pixels", label, name_room=190
    )
    return f'<figure class="chart"><figcaption>{html.escape(name)}</figcaption>{chart}</figure>'


def _colour_table(domains: Sequence[Domain], names: list[str]) -> str:
    rows = [
        ("lightness L*, 0 to 100", lambda look: look.colours.lightness),
        ("contrast: spread of L* in a picture", lambda look: look.colours.contrast),
        ("chroma: distance from grey", lambda look: look.colours.chroma),
        ("a*: green (-) to red (+)", lambda look: look.colours.green_red),
        ("b*: blue (-) to yellow (+)", lambda look: look.colours.blue_yellow),
        ("largest face over the shorter side", lambda look: look.features.face_ratio),
    ]
    lines = [
        [title, *(_spread([value(look) for look in domain.kept.values()]) for domain in domains)]
        for title, value in rows
    ]
    note = "Median of the pictures that stay, and from which to which value the middle half of them goes."
    return html.table(["", *names], lines, "colours") + html.paragraph(note, "note")


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    low, middle, high = np.percentile(values, (25, 50, 75))
    digits = 2 if high < 3 else 1
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _strips(domains: Sequence[Domain], names: list[str]) -> str:
    """The mean colour of each picture, from dark to light."""
    strips = {}
    for domain, name in zip(domains, names, strict=True):
        colours = sorted((look.colours.mean_rgb for look in domain.kept.values()), key=sum)
        if colours:
            places = np.linspace(0, len(colours) - 1, _STRIP_WIDTH).round().astype(int)
            strips[f"{name}: mean colours, from dark to light"] = np.tile(
                np.array(colours, np.uint8)[places], (_STRIP_HEIGHT, 1, 1)
            )
    return html.picture_row("strips", strips, "zoom", "mean colours") if strips else ""


def _kept(domain: Domain, name: str) -> str:
    kept = _evenly(list(domain.kept), _SHOWN_KEPT)
    trims = list(domain.trims)[:_SHOWN_TRIMMED]
    parts = [_sheet(domain, {one: one for one in kept}, f"{name}, kept")]
    if trims:
        parts.append("<h3>Margins: before and after</h3>")
        parts += [_pair(domain, one) for one in trims]
    return html.section(f"kept-{_anchor(name)}", f"{name}: what stays", *parts)


def _left_out(domain: Domain, name: str) -> str:
    parts = []
    for reason in REASONS:
        found = sorted(one for one, dropped in domain.rejects.items() if dropped.reason == reason)
        if not found:
            continue
        parts.append(f"<h3>{html.escape(reason)}: {len(found)}</h3>")
        captions = {one: f"{one}: {domain.rejects[one].detail}" for one in found[:_SHOWN_OUT]}
        parts.append(_sheet(domain, captions, f"{name}, {reason}"))
        if len(found) > _SHOWN_OUT:
            parts.append(html.paragraph(f"and {len(found) - _SHOWN_OUT} more", "note"))
    return html.section(
        f"out-{_anchor(name)}", f"{name}: what is left out", *(parts or [html.paragraph("nothing")])
    )


def _sheet(domain: Domain, captions: dict[str, str], what: str) -> str:
    """Rows of small pictures. captions: by name."""
    cells = [
        (one_line(caption), _thumbnail(domain.files[name], domain.measurements.get(name)))
        for name, caption in captions.items()
    ]
    rows = []
    for start in range(0, len(cells), _COLUMNS):
        row = cells[start : start + _COLUMNS]
        figures = [
            f"<figure>{html.picture_element(picture, f'{what}: {caption}')}<figcaption>{html.escape(caption)}</figcaption></figure>"
            for caption, picture in row
        ]
        rows.append(f'<div class="row" style="--columns: {_COLUMNS}">{"".join(figures)}</div>')
    return "".join(rows)


def _pair(domain: Domain, name: str) -> str:
    look = domain.measurements[name]
    try:
        pictures = {
            f"{name}, as it is": _reduced(read_image(domain.files[name], 512)),
            "without margins": _reduced(picture_within(domain.files[name], look, 512)),
        }
    except UnreadableImage:
        return ""
    return html.picture_row(
        "margins", {one_line(k): v for k, v in pictures.items()}, "row", "margins"
    )


def _thumbnail(file: Path, look: Measurements | None) -> np.ndarray:
    """The middle square; a grey one for what can't be read."""
    try:
        image = (
            read_image(file, 4 * _THUMBNAIL)
            if look is None
            else picture_within(file, look, 4 * _THUMBNAIL)
        )
    except UnreadableImage:
        return np.full((_THUMBNAIL, _THUMBNAIL, 3), 200, np.uint8)
    return centre_square(resize_short_side(image, _THUMBNAIL), _THUMBNAIL)


def _reduced(image: np.ndarray) -> np.ndarray:
    return resize_short_side(image, min(192, *image.shape[:2]))


def _evenly(names: list[str], count: int) -> list[str]:
    if len(names) <= count:
        return names
    return [names[place] for place in np.linspace(0, len(names) - 1, count).round().astype(int)]


def _anchor(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)
