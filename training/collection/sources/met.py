"""The Metropolitan Museum of Art Collection API (metmuseum.github.io): a search for object numbers,
then one request per object. Works in the public domain have a picture under CC0, others have none.
"""

from collections.abc import Iterator
from urllib.parse import urlencode

from training.collection.item import Item, Reason, Refused
from training.collection.sources.context import Context, number, text

_API = "https://collectionapi.metmuseum.org"
API_URLS = (f"{_API}/",)

_PAGE_SIZE, _MAX_WORKS = 500, 10_000


def items(context: Context) -> Iterator[Item]:
    """Works by an artist (or of a culture), in the order of the museum's search."""
    options = context.options
    api = f"{options.site_or(_API)}/public/collection"
    search = {"q": options.query_text, "artistOrCulture": "true", "hasImages": "true"}
    if options.kind:
        # The museum's words for kinds are plurals: Paintings, Prints, Drawings.
        search["medium"] = f"{options.kind.capitalize().removesuffix('s')}s"
    for offset in range(0, _MAX_WORKS, _PAGE_SIZE):
        page = urlencode(search | {"offset": offset, "limit": _PAGE_SIZE})
        answer = context.json(f"{api}/v1.1/search?{page}")
        object_ids = answer.get("objectIDs") if isinstance(answer, dict) else None
        if not isinstance(object_ids, list):  # null after the last page
            return
        context.expect(number(answer, "total"))
        for object_id in object_ids:
            yield _item(f"{api}/v1/objects/{object_id}", context)
        if len(object_ids) < _PAGE_SIZE:
            return


def _item(address: str, context: Context) -> Item:
    try:
        work = context.json(address)
        if not isinstance(work, dict):
            raise Refused(Reason.REFUSED, "the museum's answer is no object")
    except Refused as error:
        return Item(address, refused=error)
    small, large = text(work, "primaryImageSmall"), text(work, "primaryImage")
    url = (large or small) if context.options.original else (small or large)
    free = bool(url and work.get("isPublicDomain"))
    rights = text(work, "rightsAndReproduction")
    return Item(
        url if free else address,
        title=text(work, "title"),
        artist=text(work, "artistDisplayName"),
        date=text(work, "objectDate"),
        page=text(work, "objectURL"),
        licence="cc0" if free else "unknown",
        rights=rights or ("The Met Open Access" if free else ""),
        refused=None if free else Refused(Reason.NO_PICTURE, "not in the museum's open access"),
    )
