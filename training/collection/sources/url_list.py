"""A text file with one URL per line; empty lines and those that start with # are skipped."""

from collections.abc import Iterator
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from training.collection.item import Item
from training.collection.sources.context import Context


def items(context: Context) -> Iterator[Item]:
    """The URLs in their order. Raises UserError when there is no such file, text or URL."""
    path = Path(context.options.query_text)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        fix = "give a text file with one URL per line"
        raise UserError(f"--query {one_line(path)}: {reason}; {fix}") from error
    urls = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not urls:
        raise UserError(f"--query {one_line(path)}: contains no URL; write one per line")
    context.expect(len(urls))
    for url in urls:
        yield Item(url, **context.rights)
