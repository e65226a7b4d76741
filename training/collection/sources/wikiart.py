"""WikiArt's public lists of an artist's works, /en/ARTIST?json=2&page=N, without licences."""

import unicodedata
from collections.abc import Iterator
from itertools import count
from urllib.parse import quote

from training.collection.item import Item, Reason, Refused, join_url
from training.collection.sources.context import Context, number, rows, text

_SITE = "https://www.wikiart.org"


def items(context: Context) -> Iterator[Item]:
    """Works of one artist, given by name or as in the address of the page ("gustav-klimt")."""
    site = context.options.site_or(_SITE)
    artist, listed = quote(_slug(context.options.query_text)), 0
    for page in count(1):
        answer = context.json(f"{site}/en/{artist}?json=2&page={page}")
        paintings = rows(answer, "Paintings")
        context.expect(number(answer, "AllPaintingsCount"))
        for painting in paintings:
            yield _item(painting, site, context.options.original)
        listed += len(paintings)
        if not paintings or listed >= number(answer, "AllPaintingsCount"):
            return


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(plain.lower().replace(".", " ").replace("'", " ").split())


def _item(painting: dict, site: str, original: bool) -> Item:
    url, page = text(painting, "image"), text(painting, "paintingUrl")
    if original:
        url = url.split("!")[0]  # the suffix after "!" selects a smaller size
    page = join_url(site, page) if page else ""
    return Item(
        join_url(site, url) if url else page or f"{site}/{text(painting, 'id')}",
        title=text(painting, "title"),
        artist=text(painting, "artistName"),
        date=text(painting, "year"),
        page=page,
        refused=None if url else Refused(Reason.NO_PICTURE, "no image in the list"),
    )
