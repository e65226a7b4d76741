"""One's own Instagram data export (JSON format): the pictures of one's posts, with their captions
and times.

Three layouts are out there: your_instagram_activity/media|content/posts_N.json,
content/posts_N.json, and media.json of before December 2020. Texts in them are UTF-8 that was taken
for Latin-1 and escaped letter by letter.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tf_i2i.data.sources import SUFFIXES
from tf_i2i.errors import UserError, one_line
from training.collection.archives import Member, members
from training.collection.item import NO_PICTURE, NOT_A_PICTURE, UNSAFE_PATH, Item, Refusal, Refused
from training.collection.sources.context import Context, rows

_POSTS = re.compile(r"(?:^|/)(?:posts_\d+|posts|archived_posts|media)\.json$")


_MAX_JSON = 256 * 1024 * 1024


def items(query: Sequence[str], context: Context) -> Iterator[Item]:
    """The pictures of the posts; `query` names the ZIP files of one export, or folders with what
    was in them.

    Raises:
        UserError: one of them can't be read or is made to do harm, or it is no such export.
    """
    found = [member for path in query for member in members(Path(path).expanduser())]
    lists = [member for member in found if _POSTS.search(member.name) and not member.refused]
    if not lists:
        html = any(re.search(r"(?:^|/)posts_\d+\.html$", member.name) for member in found)
        wrong = "an export in HTML" if html else "no list of posts (posts_1.json) is in it"
        raise UserError(
            f"--query {one_line(' '.join(query))}: {wrong}; ask Instagram for your posts as JSON and give all its ZIP files"
        )
    for member in found:
        if member.refused:
            yield Item(member.address, member.name, refused=member.refused)
    files = {member.name: member for member in found if not member.refused}
    posted = [(media, member) for member in lists for media in _media(member)]
    context.expect(len(posted))
    for media, member in posted:
        yield _item(media, member, files)


def _media(member: Member) -> Iterator[dict]:
    """uri, title and time of everything that was posted, whatever the layout."""
    data = _read(member)
    if isinstance(data, dict) and "photos" in data:  # before December 2020
        for photo in rows(data, "photos"):
            yield {
                "uri": photo.get("path"),
                "title": photo.get("caption"),
                "time": photo.get("taken_at"),
            }
        return
    posts = (
        data
        if isinstance(data, list)
        else (data or {}).get("ig_archived_post_media")
        if isinstance(data, dict)
        else None
    )
    for post in posts or []:
        if not isinstance(post, dict):
            continue
        for media in rows(post, "media"):
            yield {
                "uri": media.get("uri"),
                "title": media.get("title") or post.get("title"),
                "time": media.get("creation_timestamp") or post.get("creation_timestamp"),
            }


def _read(member: Member):
    try:
        with member.open() as file:
            data = file.read(_MAX_JSON + 1)
        if len(data) > _MAX_JSON:
            raise ValueError("too long")
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (Refused, ValueError, RecursionError, OSError) as error:
        raise UserError(
            f"--query {one_line(member.address)}: damaged ({one_line(error)}); ask for the export again"
        ) from error


def _item(media: dict, listed_in: Member, files: dict[str, Member]) -> Item:
    uri = _mended(media["uri"])
    title, time = _mended(media["title"]), _time(media["time"])
    about = {
        "title": _title(title or PurePosixPath(uri).stem),
        "date": time,
        "licence": "own",
        "rights": "own Instagram post",
    }
    if not uri or ".." in uri.split("/") or uri.startswith("/"):
        return Item(
            f"{listed_in.address}#{uri}",
            **about,
            refused=Refusal(UNSAFE_PATH, "its path is none in the export"),
        )
    member = _find(uri, listed_in.name, files)
    if member is None:
        return Item(
            uri,
            **about,
            refused=Refusal(NO_PICTURE, "the file is not in the export; give all its ZIP files"),
        )
    suffix = PurePosixPath(uri).suffix.lower()
    if suffix not in SUFFIXES:
        return Item(
            member.address, **about, refused=Refusal(NOT_A_PICTURE, f"{suffix or 'no'} file")
        )
    return Item(member.address, **about, open=member.open)


def _find(uri: str, listed_in: str, files: dict[str, Member]) -> Member | None:
    """Paths count from the export's own top folder, which a ZIP, or who unpacked it, may have put
    into another one.
    """
    for parent in PurePosixPath(listed_in).parents:
        for name in (str(parent / uri), uri):
            if name in files:
                return files[name]
    ending = "/" + uri
    return next((member for name, member in files.items() if name.endswith(ending)), None)


def _mended(text: object) -> str:
    """Each byte of the UTF-8 text was escaped as a letter of its own: "Ã©" for "é". What is not so
    stays as it is.
    """
    if not isinstance(text, str):
        return ""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _title(caption: str) -> str:
    return one_line(" ".join(caption.split()))[:200]


def _time(value: object) -> str:
    """Seconds since 1970, or the text of the oldest layout."""
    if isinstance(value, str):
        return one_line(value)
    try:
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
