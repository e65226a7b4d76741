"""Wikimedia Commons, or another MediaWiki, by its action API: a search or a category."""

from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import Item, Reason, Refused, licence_name
from training.collection.sources.context import Context, number, part, rows, text

_SITE = "https://commons.wikimedia.org"
API_URLS = (f"{_SITE}/w/api.php",)

_TYPES = {"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"}
# A width that Wikimedia has ready; for another it would have to make a picture for us alone.
_WIDTH = 1280
_LICENCE_FIELDS = ("LicenseUrl", "License", "LicenseShortName", "UsageTerms")
_PARAMETERS = {
    "action": "query",
    "format": "json",
    "formatversion": "2",
    "prop": "imageinfo",
    "iiprop": "url|size|mime|extmetadata",
    "iiurlwidth": str(_WIDTH),
    "iiextmetadatafilter": "|".join(("ObjectName", "Artist", "DateTimeOriginal", *_LICENCE_FIELDS)),
}


def items(context: Context) -> Iterator[Item]:
    """Files found by words, or those of "Category:NAME" (not of its subcategories)."""
    options = context.options
    query = options.query_text
    if query.lower().startswith("category:"):
        search = {"generator": "categorymembers", "gcmtitle": query, "gcmtype": "file"}
        search["gcmlimit"] = "50"
    else:
        words = f"{query} {options.kind or ''}".strip()
        search = {"generator": "search", "gsrsearch": f"{words} filetype:bitmap"}
        search |= {"gsrnamespace": "6", "gsrlimit": "50"}
    next_page: dict = {}
    seen: list[dict] = []
    while next_page not in seen:
        seen.append(next_page)
        parameters = urlencode(_PARAMETERS | search | next_page)
        answer = context.json(f"{options.site_or(_SITE)}/w/api.php?{parameters}")
        if not isinstance(answer, dict) or "error" in answer:
            detail = text(part(answer, "error"), "info") or "the wiki's answer is no object"
            raise Refused(Reason.REFUSED, detail)
        for page in sorted(rows(answer, "query", "pages"), key=lambda page: number(page, "index")):
            yield _item(page, options.original)
        next_page = part(answer, "continue")
        if not next_page:
            return


def _item(page: dict, original: bool) -> Item:
    title = text(page, "title")
    info = next(iter(rows(page, "imageinfo")), None)
    if info is None:
        return Item(title, title, refused=Refused(Reason.NO_PICTURE, "the wiki describes no file"))
    extra = part(info, "extmetadata").items()
    metadata = {name: text(entry, "value") for name, entry in extra if isinstance(entry, dict)}
    terms = [metadata.get(name, "") for name in _LICENCE_FIELDS]
    licences = [name for name in map(licence_name, terms) if name not in ("unknown", "other")]
    url, kind = text(info, "url"), text(info, "mime")
    return Item(
        url if original else text(info, "thumburl") or url,
        title=metadata.get("ObjectName") or title.removeprefix("File:"),
        artist=metadata.get("Artist", ""),
        date=metadata.get("DateTimeOriginal", ""),
        page=text(info, "descriptionurl"),
        licence=licences[0] if licences else licence_name(" ".join(terms)),
        rights=metadata.get("LicenseShortName") or metadata.get("UsageTerms", ""),
        refused=None if kind in _TYPES else Refused(Reason.NOT_A_PICTURE, kind),
    )
