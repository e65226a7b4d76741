"""Wikimedia Commons, or another MediaWiki, by its action API: a search or a category, with each
file's licence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from training.collection.item import (
    NO_PICTURE,
    NOT_A_PICTURE,
    REFUSED,
    Item,
    Refusal,
    Refused,
    licence_name,
)
from training.collection.sources.context import Context, number, part, rows, text

SITE = "https://commons.wikimedia.org"


FOR_PROGRAMS = (f"{SITE}/w/api.php",)


_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff")


# A width that Wikimedia keeps; for others it would have to make a picture for us alone.
_WIDTH = 1280


_ASK = {
    "action": "query",
    "format": "json",
    "formatversion": "2",
    "prop": "imageinfo",
    "iiprop": "url|size|mime|extmetadata",
    "iiurlwidth": str(_WIDTH),
    "iiextmetadatafilter": "ObjectName|Artist|DateTimeOriginal|License|LicenseShortName|LicenseUrl|UsageTerms",
}


def items(query: str, context: Context) -> Iterator[Item]:
    """Files found by words, or, for "Category:NAME", the files of a category (not of those in it)."""
    if query.lower().startswith("category:"):
        wanted = {
            "generator": "categorymembers",
            "gcmtitle": query,
            "gcmtype": "file",
            "gcmlimit": "50",
        }
    else:
        words = f"{query} {context.kind or ''}".strip()
        wanted = {
            "generator": "search",
            "gsrsearch": f"{words} filetype:bitmap",
            "gsrnamespace": "6",
            "gsrlimit": "50",
        }
    onwards: dict[str, Any] = {}
    asked: list[dict] = []
    while onwards not in asked:
        asked.append(onwards)
        answer = context.json(
            f"{context.site or SITE}/w/api.php?{urlencode(_ASK | wanted | onwards)}"
        )
        if not isinstance(answer, dict) or "error" in answer:
            raise Refused(
                REFUSED, text(part(answer, "error"), "info") or "the wiki's answer is no object"
            )
        for page in sorted(rows(answer, "query", "pages"), key=lambda page: number(page, "index")):
            yield _item(page, context.original)
        onwards = part(answer, "continue")
        if not onwards:
            return


def _item(page: dict, original: bool) -> Item:
    infos = rows(page, "imageinfo")
    if not infos:
        return Item(
            text(page, "title"),
            text(page, "title"),
            refused=Refusal(NO_PICTURE, "the wiki says nothing of its file"),
        )
    info = infos[0]
    said = {
        name: text(entry, "value")
        for name, entry in part(info, "extmetadata").items()
        if isinstance(entry, dict)
    }
    terms = [
        said.get(name, "") for name in ("LicenseUrl", "License", "LicenseShortName", "UsageTerms")
    ]
    names = [name for name in map(licence_name, terms) if name not in ("unknown", "other")]
    about = {
        "title": said.get("ObjectName") or text(page, "title").removeprefix("File:"),
        "artist": said.get("Artist", ""),
        "date": said.get("DateTimeOriginal", ""),
        "page": text(info, "descriptionurl"),
        "licence": names[0] if names else licence_name(" ".join(terms)),
        "rights": said.get("LicenseShortName") or said.get("UsageTerms", ""),
    }
    url = text(info, "url") if original else text(info, "thumburl") or text(info, "url")
    if text(info, "mime") not in _TYPES:
        return Item(url, **about, refused=Refusal(NOT_A_PICTURE, text(info, "mime")))
    return Item(url, **about)
