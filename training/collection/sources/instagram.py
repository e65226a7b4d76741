"""One's own Instagram data export (JSON format): posted pictures with their captions and times.
There are three layouts: your_instagram_activity/media|content/posts_N.json, content/posts_N.json,
and media.json from before December 2020. Texts in them are UTF-8 that was taken for Latin-1.
"""

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tf_i2i.data.sources import SUFFIXES
from tf_i2i.errors import UserError, one_line
from training.collection.archives import members
from training.collection.item import Item, Reason, Refused, read_up_to
from training.collection.sources.context import Context, rows

_POSTS = re.compile(r"(?:^|/)(?:posts_\d+|posts|archived_posts|media)\.json$")
_MAX_JSON = 256_000_000


def items(context: Context) -> Iterator[Item]:
    """The pictures of the posts; --query names an export's ZIP files, or folders of their contents.

    Raises UserError when one is unreadable or a ZIP bomb, or they are no such export.
    """
    query = context.options.query
    everything = [member for path in query for member in members(Path(path))]
    files = {member.title: member for member in everything if not member.refused}
    lists = [member for member in everything if _POSTS.search(member.title) and not member.refused]
    if not lists:
        html = any(re.search(r"(?:^|/)posts_\d+\.html$", member.title) for member in everything)
        wrong = "an export in HTML" if html else "contains no list of posts (posts_1.json)"
        fix = "ask Instagram for your posts as JSON and give all its ZIP files"
        raise UserError(f"--query {one_line(' '.join(query))}: {wrong}; {fix}")
    for member in everything:
        if member.refused:
            yield member
    posted = [(media, member) for member in lists for media in _media(member)]
    context.expect(len(posted))
    for (uri, title, time), member in posted:
        yield _item(_repaired(uri), _repaired(title), time, member, files)


def _media(member: Item) -> Iterator[tuple]:
    """uri, title and time of everything that was posted, whatever the layout."""
    data = _json(member)
    if isinstance(data, dict) and "photos" in data:  # before December 2020
        for photo in rows(data, "photos"):
            yield photo.get("path"), photo.get("caption"), photo.get("taken_at")
        return
    posts = data.get("ig_archived_post_media") if isinstance(data, dict) else data
    for post in posts if isinstance(posts, list) else []:
        for media in rows(post, "media") if isinstance(post, dict) else []:
            title = media.get("title") or post.get("title")
            time = media.get("creation_timestamp") or post.get("creation_timestamp")
            yield media.get("uri"), title, time


def _json(member: Item):
    try:
        data = read_up_to(_MAX_JSON, member.chunks())
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (Refused, ValueError, RecursionError) as error:
        reason = f"damaged ({one_line(error)}); ask for the export again"
        raise UserError(f"--query {one_line(member.url)}: {reason}") from error


def _item(uri: str, title: str, time: object, listed_in: Item, files: dict[str, Item]) -> Item:
    member, suffix = _find(uri, listed_in.title, files), PurePosixPath(uri).suffix.lower()
    address, refused = member.url if member else uri, None
    if not uri or ".." in uri.split("/") or uri.startswith("/"):
        address = f"{listed_in.url}#{uri}"
        refused = Refused(Reason.UNSAFE_PATH, "not a path in the export")
    elif member is None:
        refused = Refused(Reason.NO_PICTURE, "not in the export; give all its ZIP files")
    elif suffix not in SUFFIXES:
        refused = Refused(Reason.NOT_A_PICTURE, f"{suffix or 'no'} file")
    return Item(
        address,
        title=one_line(" ".join((title or PurePosixPath(uri).stem).split()))[:200],
        date=_date(time),
        licence="own",
        rights="own Instagram post",
        chunks=member.chunks if member else None,
        refused=refused,
    )


def _find(uri: str, listed_in: str, files: dict[str, Item]) -> Item | None:
    """Paths count from the export's top folder, which may have been put into another one."""
    for parent in PurePosixPath(listed_in).parents:
        for name in (str(parent / uri), uri):
            if name in files:
                return files[name]
    ending = "/" + uri
    return next((member for name, member in files.items() if name.endswith(ending)), None)


def _repaired(text: object) -> str:
    """Text in which each byte of the UTF-8 became a character: "Ã©" for "é"."""
    if not isinstance(text, str):
        return ""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _date(time: object) -> str:
    """From seconds since 1970, or the text of the oldest layout."""
    if isinstance(time, str):
        return one_line(time)
    try:
        return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
