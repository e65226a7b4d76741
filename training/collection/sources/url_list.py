"""A text file with a URL a line; empty lines and those that begin with # are passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from training.collection.item import Item
from training.collection.sources.context import Context


def items(query: str, context: Context) -> Iterator[Item]:
    """The URLs in the order of the file `query`.

    Raises:
        UserError: no such file, no text, or nothing in it.
    """
    path = Path(query).expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not text in UTF-8"
        raise UserError(
            f"--query {one_line(path)}: {said}; give a text file with a URL a line"
        ) from error
    urls = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not urls:
        raise UserError(f"--query {one_line(path)}: no URL is in it; write one a line")
    context.expect(len(set(urls)))
    for url in dict.fromkeys(urls):
        yield Item(
            url,
            licence=context.licence,
            rights="" if context.licence == "unknown" else "as the user says",
        )
