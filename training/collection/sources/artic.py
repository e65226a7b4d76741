"""The Art Institute of Chicago's API (api.artic.edu/docs): a search page by page, pictures from its
IIIF server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from training.collection.item import NO_PICTURE, Item, Refusal
from training.collection.sources.context import Context, number, part, rows, text

API, IIIF = "https://api.artic.edu", "https://www.artic.edu/iiif/2"


FOR_PROGRAMS = (f"{API}/", f"{IIIF}/")


_FIELDS = (
    "id",
    "title",
    "artist_title",
    "artist_display",
    "date_display",
    "image_id",
    "is_public_domain",
    "copyright_notice",
)


_PAGE, _LAST = 100, 100


# The sizes that its documentation asks for, the larger one for the public domain only.
_WEB, _LARGE = 843, 1686


def items(query: str, context: Context) -> Iterator[Item]:
    """Works of one artist, in the order of the institute's search."""
    api = f"{context.site or API}/api/v1/artworks/search"
    # Its parameter q only ranks; a match on a field chooses.
    must = [{"match": {"artist_title": {"query": query, "operator": "and"}}}]
    if context.kind:
        must.append({"match": {"artwork_type_title": context.kind}})
    for page in range(1, _LAST + 1):
        wanted = {
            "query": {"bool": {"must": must}},
            "fields": _FIELDS,
            "limit": _PAGE,
            "page": page,
        }
        answer = context.json(
            f"{api}?{urlencode({'params': json.dumps(wanted, separators=(',', ':'))})}"
        )
        works = rows(answer, "data")
        iiif = text(part(answer, "config"), "iiif_url") or IIIF
        context.expect(number(part(answer, "pagination"), "total"))
        for work in works:
            yield _item(work, iiif, context.original)
        if not works or page >= number(part(answer, "pagination"), "total_pages"):
            return


def _item(work: dict, iiif: str, original: bool) -> Item:
    page = f"https://www.artic.edu/artworks/{text(work, 'id')}"
    public = work.get("is_public_domain") is True
    about = {
        "title": text(work, "title"),
        "artist": text(work, "artist_title") or text(work, "artist_display"),
        "date": text(work, "date_display"),
        "page": page,
        "licence": "cc0" if public else "other",
        "rights": "CC0 Public Domain Designation"
        if public
        else text(work, "copyright_notice") or "in copyright",
    }
    if not text(work, "image_id"):
        return Item(page, **about, refused=Refusal(NO_PICTURE, "the work has no image"))
    side = _LARGE if original and public else _WEB
    return Item(f"{iiif}/{quote(text(work, 'image_id'))}/full/{side},/0/default.jpg", **about)
