"""The Metropolitan Museum of Art Collection API (metmuseum.github.io): a search gives numbers, each
object is asked for.

Pictures of works in the public domain are there under CC0; of others there is none."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import NO_PICTURE, REFUSED, Item, Refusal, Refused
from training.collection.sources.context import Context, number, text

API = "https://collectionapi.metmuseum.org"


FOR_PROGRAMS = (f"{API}/",)


_PAGE, _LAST = 500, 10_000


def items(query: str, context: Context) -> Iterator[Item]:
    """Works by an artist (or of a culture), in the order of the museum's search."""
    api = f"{context.site or API}/public/collection"
    wanted = {"q": query, "artistOrCulture": "true", "hasImages": "true"}
    if context.kind:
        # The museum's words for kinds are plurals: Paintings, Prints, Drawings.
        wanted["medium"] = f"{context.kind.capitalize().removesuffix('s')}s"
    for offset in range(0, _LAST, _PAGE):
        found = context.json(
            f"{api}/v1.1/search?{urlencode(wanted | {'offset': offset, 'limit': _PAGE})}"
        )
        numbers = found.get("objectIDs") if isinstance(found, dict) else None
        if not isinstance(numbers, list):  # null behind the last one
            return
        context.expect(number(found, "total"))
        for object_id in numbers:
            yield _item(f"{api}/v1/objects/{object_id}", context)
        if len(numbers) < _PAGE:
            return


def _item(address: str, context: Context) -> Item:
    try:
        work = context.json(address)
        if not isinstance(work, dict):
            raise Refused(REFUSED, "the museum's answer is no object")
    except Refused as error:
        return Item(address, refused=Refusal(error.reason, error.detail))
    about = {
        "title": text(work, "title"),
        "artist": text(work, "artistDisplayName"),
        "date": text(work, "objectDate"),
        "page": text(work, "objectURL"),
        "rights": text(work, "rightsAndReproduction"),
    }
    small, large = text(work, "primaryImageSmall"), text(work, "primaryImage")
    url = (large or small) if context.original else (small or large)
    if not url or not work.get("isPublicDomain"):
        return Item(
            address, **about, refused=Refusal(NO_PICTURE, "not in the museum's open access")
        )
    return Item(url, **about | {"rights": about["rights"] or "The Met Open Access"}, licence="cc0")
