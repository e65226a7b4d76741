"""The Rijksmuseum: its open search with Linked Art records (data.rijksmuseum.nl/docs), or, with the
user's key, the older Collection API (www.rijksmuseum.nl/api)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import NO_PICTURE, REFUSED, Item, Refusal, Refused, licence_name
from training.collection.sources.context import Context, number, part, rows, text

DATA, OLDER = "https://data.rijksmuseum.nl", "https://www.rijksmuseum.nl"


FOR_PROGRAMS = (f"{DATA}/", "https://id.rijksmuseum.nl/", f"{OLDER}/api/", "https://iiif.micr.io/")


_ENGLISH = "http://vocab.getty.edu/aat/300388277"


_LINKED_DATA = "application/ld+json"


_WEB = 1280


_PAGE, _LAST = 100, 10_000


def items(query: str, context: Context) -> Iterator[Item]:
    """Works of one artist that have a picture."""
    return _by_key(query, context) if context.key else _by_search(query, context)


def _by_search(query: str, context: Context) -> Iterator[Item]:
    wanted = {"creator": query, "imageAvailable": "true"} | (
        {"type": context.kind} if context.kind else {}
    )
    address = f"{context.site or DATA}/search/collection?{urlencode(wanted)}"
    asked = set()
    while address and address not in asked:
        asked.add(address)
        page = context.json(address, _LINKED_DATA)
        context.expect(number(part(page, "partOf"), "totalItems"))
        for found in rows(page, "orderedItems"):
            yield _resolved(text(found, "id"), context)
        address = text(part(page, "next"), "id")


def _resolved(work_id: str, context: Context) -> Item:
    """Three records lead to a picture: the object, what it shows (with the rights), and the file
    that shows that.
    """
    try:
        work = context.json(work_id, _LINKED_DATA)
        shown = rows(work, "shows")
        visual = context.json(text(shown[0], "id"), _LINKED_DATA) if shown else {}
        files = rows(visual, "digitally_shown_by")
        file = context.json(text(files[0], "id"), _LINKED_DATA) if files else {}
        point = part(file, "access_point") or next(iter(rows(file, "access_point")), {})
        about = _about(work, work_id) | _rights(rows(visual, "subject_to"))
    except Refused as error:
        return Item(work_id, refused=Refusal(error.reason, error.detail))
    url = text(point, "id")
    if not url:
        return Item(work_id, **about, refused=Refusal(NO_PICTURE, "no file shows the work"))
    return Item(
        url if context.original else url.replace("/full/max/", f"/full/!{_WEB},{_WEB}/"), **about
    )


def _rights(rights: list[dict]) -> dict[str, str]:
    """A Creative Commons URL classifies them, names in several languages say it for people."""
    names = [text(name, "content") for right in rights for name in rows(right, "identified_by")]
    return {
        "licence": licence_name(json.dumps(rights) if rights else ""),
        "rights": names[0] if names else "",
    }


def _about(work: dict, work_id: str) -> dict[str, str]:
    names = [name for name in rows(work, "identified_by") if name.get("type") == "Name"]
    english = [
        name for name in names if any(text(one, "id") == _ENGLISH for one in rows(name, "language"))
    ]
    made = part(work, "produced_by")
    makers = [
        text(said, "content")
        for making in (made, *rows(made, "part"))
        for said in rows(making, "referred_to_by")
    ]
    dates = [text(name, "content") for name in rows(made, "timespan", "identified_by")]
    return {
        "title": text((english or names or [{}])[0], "content"),
        "artist": next(filter(None, makers), ""),
        "date": next(filter(None, dates), ""),
        "page": work_id,
    }


def _by_key(query: str, context: Context) -> Iterator[Item]:
    wanted = {
        "key": context.key,
        "format": "json",
        "involvedMaker": query,
        "imgonly": "True",
        "ps": _PAGE,
    }
    wanted |= {"type": context.kind} if context.kind else {}
    listed = 0
    for page in range(_LAST // _PAGE):
        try:
            answer = context.json(
                f"{context.site or OLDER}/api/en/collection?{urlencode(wanted | {'p': page})}"
            )
        except Refused as error:
            if error.detail.startswith("410"):
                raise Refused(
                    REFUSED,
                    "the interface with keys is gone; run it without --key and RIJKSMUSEUM_KEY",
                ) from error
            raise
        works = rows(answer, "artObjects")
        context.expect(number(answer, "count"))
        yield from (_item(work, context.original) for work in works)
        listed += len(works)
        if not works or listed >= number(answer, "count"):
            return


def _item(work: dict, original: bool) -> Item:
    page = text(part(work, "links"), "web")
    # The list has no date of its own; the long title ends with it.
    date = text(work, "longTitle").rpartition(", ")[2]
    about = {
        "title": text(work, "title"),
        "artist": text(work, "principalOrFirstMaker"),
        "date": date if re.search(r"\d{3}", date) else "",
        "page": page,
    }
    url = text(part(work, "webImage"), "url")
    if not url or work.get("permitDownload") is not True:
        return Item(
            page or text(work, "objectNumber"),
            **about,
            refused=Refusal(NO_PICTURE, "the museum gives no download"),
        )
    # Its policy: what may be downloaded is in the public domain or CC0; the list does not say
    # which.
    url = url if original else re.sub(r"=s0$", f"=s{_WEB}", url)
    return Item(url, **about, licence="public-domain", rights="Rijksmuseum, download permitted")
