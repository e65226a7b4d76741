"""The Rijksmuseum's open search with Linked Art records (data.rijksmuseum.nl/docs)."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import Item, Reason, Refused, licence_name
from training.collection.sources.context import Context, number, part, rows, text

_DATA = "https://data.rijksmuseum.nl"
API_URLS = (f"{_DATA}/", "https://id.rijksmuseum.nl/", "https://iiif.micr.io/")

_ENGLISH = "http://vocab.getty.edu/aat/300388277"
_WEB = 1280


def items(context: Context) -> Iterator[Item]:
    """Works of one artist that have a picture."""
    options = context.options
    search = {"creator": options.query_text, "imageAvailable": "true"}
    search |= {"type": options.kind} if options.kind else {}
    address = f"{options.site_or(_DATA)}/search/collection?{urlencode(search)}"
    seen = set()
    while address and address not in seen:
        seen.add(address)
        page = _linked_data(address, context)
        context.expect(number(part(page, "partOf"), "totalItems"))
        for work in rows(page, "orderedItems"):
            yield _linked_item(text(work, "id"), context)
        address = text(part(page, "next"), "id")


def _linked_data(address: str, context: Context):
    return context.json(address, "application/ld+json")


def _linked_item(address: str, context: Context) -> Item:
    """Reads three records: the object, what it shows (with the rights), and the file of that."""
    try:
        work = _linked_data(address, context)
        shown = rows(work, "shows")
        visual = _linked_data(text(shown[0], "id"), context) if shown else {}
        files = rows(visual, "digitally_shown_by")
        file = _linked_data(text(files[0], "id"), context) if files else {}
        point = part(file, "access_point") or next(iter(rows(file, "access_point")), {})
        about = _about(work) | _rights(rows(visual, "subject_to"))
    except Refused as error:
        return Item(address, refused=error)
    url = text(point, "id")
    if not context.options.original:
        url = url.replace("/full/max/", f"/full/!{_WEB},{_WEB}/")
    refused = None if url else Refused(Reason.NO_PICTURE, "no file shows the work")
    return Item(url or address, **about, page=address, refused=refused)


def _about(work: dict) -> dict[str, str]:
    names = [name for name in rows(work, "identified_by") if name.get("type") == "Name"]
    in_english = [_ENGLISH in [text(x, "id") for x in rows(name, "language")] for name in names]
    english = [name for name, is_english in zip(names, in_english, strict=True) if is_english]
    production = part(work, "produced_by")
    steps = (production, *rows(production, "part"))
    makers = [text(said, "content") for step in steps for said in rows(step, "referred_to_by")]
    dates = [text(name, "content") for name in rows(production, "timespan", "identified_by")]
    return {
        "title": text((english or names or [{}])[0], "content"),
        "artist": next(filter(None, makers), ""),
        "date": next(filter(None, dates), ""),
    }


def _rights(rights: list[dict]) -> dict[str, str]:
    """From the Creative Commons URL that classifies them, and their name."""
    names = [text(name, "content") for right in rights for name in rows(right, "identified_by")]
    licence = licence_name(json.dumps(rights) if rights else "")
    return {"licence": licence, "rights": names[0] if names else ""}
