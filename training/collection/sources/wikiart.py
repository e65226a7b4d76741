"""WikiArt's public lists of an artist's works: /en/ARTIST?json=2&page=N, 60 or so a page, without
any licence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, urljoin

from training.collection.item import NO_PICTURE, Item, Refusal
from training.collection.sources.context import Context, number, rows, text

SITE = "https://www.wikiart.org"


def items(query: str, context: Context) -> Iterator[Item]:
    """Works of one artist. query: the name, or what stands in the address of the artist's page
    ("gustav-klimt").
    """
    site = context.site or SITE
    artist, page, listed = quote(_slug(query)), 1, 0
    while True:
        answer = context.json(f"{site}/en/{artist}?json=2&page={page}")
        paintings = rows(answer, "Paintings")
        context.expect(number(answer, "AllPaintingsCount"))
        for painting in paintings:
            yield _item(painting, site, context.original)
        listed += len(paintings)
        if not paintings or listed >= number(answer, "AllPaintingsCount"):
            return
        page += 1


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(plain.lower().replace(".", " ").replace("'", " ").split())


def _item(painting: dict, site: str, original: bool) -> Item:
    # Sizes are made by a suffix behind "!"; without it the file is what was uploaded.
    image = text(painting, "image")
    url = image.split("!")[0] if original else image
    about = {
        "title": text(painting, "title"),
        "artist": text(painting, "artistName"),
        "date": text(painting, "year"),
        "page": urljoin(site, text(painting, "paintingUrl"))
        if text(painting, "paintingUrl")
        else "",
    }
    if not url:
        return Item(
            about["page"] or f"{site}/{text(painting, 'id')}",
            **about,
            refused=Refusal(NO_PICTURE, "no image in the list"),
        )
    return Item(urljoin(site, url), **about)
