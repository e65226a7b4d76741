"""The Art Institute of Chicago's API (api.artic.edu/docs): a paged search, pictures by IIIF."""

import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from training.collection.item import Item, Reason, Refused
from training.collection.sources.context import Context, number, part, rows, text

_API, _IIIF = "https://api.artic.edu", "https://www.artic.edu/iiif/2"
API_URLS = (f"{_API}/", f"{_IIIF}/")

_FIELDS = ("id", "title", "artist_title", "artist_display", "date_display", "image_id")
_FIELDS += ("is_public_domain", "copyright_notice")
_PAGE_SIZE, _MAX_PAGES = 100, 100
# The sizes that its documentation asks for, the larger one for the public domain only.
_WEB, _LARGE = 843, 1686


def items(context: Context) -> Iterator[Item]:
    """Works of one artist, in the order of the institute's search."""
    options = context.options
    # The API's parameter q only ranks; a match on a field selects.
    must = [{"match": {"artist_title": {"query": options.query_text, "operator": "and"}}}]
    if options.kind:
        must.append({"match": {"artwork_type_title": options.kind}})
    search = {"query": {"bool": {"must": must}}, "fields": _FIELDS, "limit": _PAGE_SIZE}
    for page in range(1, _MAX_PAGES + 1):
        params = urlencode({"params": json.dumps(search | {"page": page}, separators=(",", ":"))})
        answer = context.json(f"{options.site_or(_API)}/api/v1/artworks/search?{params}")
        works = rows(answer, "data")
        iiif = text(part(answer, "config"), "iiif_url") or _IIIF
        context.expect(number(part(answer, "pagination"), "total"))
        for work in works:
            yield _item(work, iiif, options.original)
        if not works or page >= number(part(answer, "pagination"), "total_pages"):
            return


def _item(work: dict, iiif: str, original: bool) -> Item:
    page = f"https://www.artic.edu/artworks/{text(work, 'id')}"
    image = quote(text(work, "image_id"))
    public = work.get("is_public_domain") is True
    side = _LARGE if original and public else _WEB
    copyright_notice = text(work, "copyright_notice") or "in copyright"
    return Item(
        f"{iiif}/{image}/full/{side},/0/default.jpg" if image else page,
        title=text(work, "title"),
        artist=text(work, "artist_title") or text(work, "artist_display"),
        date=text(work, "date_display"),
        page=page,
        licence="cc0" if public else "other",
        rights="CC0 Public Domain Designation" if public else copyright_notice,
        refused=None if image else Refused(Reason.NO_PICTURE, "the work has no image"),
    )
