"""The Rijksmuseum: its open search with Linked Art records (data.rijksmuseum.nl/docs), or, with the
user's key, the older Collection API (www.rijksmuseum.nl/api)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import Item, Reason, Refused, licence_name
from training.collection.sources.context import Context, number, part, rows, text

_DATA, _OLDER = "https://data.rijksmuseum.nl", "https://www.rijksmuseum.nl"
API_URLS = (f"{_DATA}/", "https://id.rijksmuseum.nl/", f"{_OLDER}/api/", "https://iiif.micr.io/")

_ENGLISH = "http://vocab.getty.edu/aat/300388277"
_WEB = 1280
_PAGE_SIZE, _MAX_PAGES = 100, 100


def items(context: Context) -> Iterator[Item]:
    """Works of one artist that have a picture."""
    return _by_key(context) if context.options.secret_key else _by_search(context)


def _by_search(context: Context) -> Iterator[Item]:
    options = context.options
    search = {"creator": options.query_text, "imageAvailable": "true"} | _type(context)
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
    english = [
        name
        for name in names
        if any(text(language, "id") == _ENGLISH for language in rows(name, "language"))
    ]
    production = part(work, "produced_by")
    makers = [
        text(statement, "content")
        for step in (production, *rows(production, "part"))
        for statement in rows(step, "referred_to_by")
    ]
    dates = [text(name, "content") for name in rows(production, "timespan", "identified_by")]
    return {
        "title": text((english or names or [{}])[0], "content"),
        "artist": next(filter(None, makers), ""),
        "date": next(filter(None, dates), ""),
    }


def _rights(rights: list[dict]) -> dict[str, str]:
    """From the Creative Commons URL that classifies them, and their name."""
    names = [text(name, "content") for right in rights for name in rows(right, "identified_by")]
    return {
        "licence": licence_name(json.dumps(rights) if rights else ""),
        "rights": names[0] if names else "",
    }


def _type(context: Context) -> dict[str, str]:
    return {"type": context.options.kind} if context.options.kind else {}


def _by_key(context: Context) -> Iterator[Item]:
    options = context.options
    search = {"key": options.secret_key, "format": "json", "involvedMaker": options.query_text}
    search |= {"imgonly": "True", "ps": _PAGE_SIZE} | _type(context)
    api, listed = f"{options.site_or(_OLDER)}/api/en/collection", 0
    for page in range(_MAX_PAGES):
        try:
            answer = context.json(f"{api}?{urlencode(search | {'p': page})}")
        except Refused as error:
            if error.detail.startswith("410"):
                gone = "the older interface is gone; run without --key and RIJKSMUSEUM_KEY"
                raise Refused(Reason.REFUSED, gone) from error
            raise
        works = rows(answer, "artObjects")
        context.expect(number(answer, "count"))
        yield from (_older_item(work, options.original) for work in works)
        listed += len(works)
        if not works or listed >= number(answer, "count"):
            return


def _older_item(work: dict, original: bool) -> Item:
    page, url = text(part(work, "links"), "web"), text(part(work, "webImage"), "url")
    free = bool(url and work.get("permitDownload") is True)
    if not original:
        url = re.sub(r"=s0$", f"=s{_WEB}", url)
    # The list has no date of its own; the long title ends with it.
    date = text(work, "longTitle").rpartition(", ")[2]
    return Item(
        url if free else page or text(work, "objectNumber"),
        title=text(work, "title"),
        artist=text(work, "principalOrFirstMaker"),
        date=date if re.search(r"\d{3}", date) else "",
        page=page,
        # The museum's policy: downloads are public domain or CC0; the list does not say which.
        licence="public-domain" if free else "unknown",
        rights="Rijksmuseum, download permitted" if free else "",
        refused=None if free else Refused(Reason.NO_PICTURE, "the museum offers no download"),
    )
