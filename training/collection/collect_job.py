"""The work of training.collect: opens the source and the folder, collects, tells."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path

from tf_i2i.errors import UserError, one_line
from training.collection.collection_folder import REJECTED, SOURCES, CollectionFolder
from training.collection.collector import Collection, Limits, begin, finish
from training.collection.fetcher import Answers, Fetcher
from training.collection.http_client import Manners
from training.collection.item import NAMES, PASSING, Refused
from training.collection.sources import (
    artic,
    files,
    instagram,
    met,
    rijksmuseum,
    url_list,
    wikiart,
    wikimedia,
)
from training.collection.sources.context import Context
from training.collection.throttle import Stopped
from training.options.collect_options import CollectOptions
from training.system.interruption import Interruption

_NAMED = 100


_SOURCES = {
    "wikiart": wikiart,
    "met": met,
    "artic": artic,
    "rijksmuseum": rijksmuseum,
    "wikimedia": wikimedia,
    "urls": url_list,
    "instagram": instagram,
    "files": files,
}


def collect(options: CollectOptions) -> int | None:
    """Returns None, or 130 or 143 when it was interrupted.

    Raises:
        UserError: unusable source or folder, or no picture was had.
    """
    limits = _limits(options)
    module = _SOURCES[options.source]
    stop = threading.Event()
    # Not set by the signal's handler itself: it may interrupt the main thread while that holds the
    # event's lock.
    with (
        Interruption(threading.Thread(target=stop.set, daemon=True).start) as interruption,
        CollectionFolder(Path(options.out).expanduser()) as folder,
    ):
        collection = Collection(folder, limits, options.parallel, stop)
        try:
            _run(options, module, folder, collection, stop)
        except OSError as error:
            raise folder.unwritable(error) from error
        if interruption.signal is not None:
            print(
                f"interrupted; {collection.new} pictures are new, the same command goes on from here",
                file=sys.stderr,
            )
            return interruption.exit_status
        _tell(collection, folder)
    return None


def _run(
    options: CollectOptions,
    module,
    folder: CollectionFolder,
    collection: Collection,
    stop: threading.Event,
) -> None:
    query = " ".join(options.query)
    name = f"{options.source} {query} {options.site or ''} {options.resolution}"
    fetcher = Fetcher(
        _manners(options, module), Answers(folder.answers, begin(folder.hidden, name)), stop
    )
    context = Context(
        fetcher.json,
        options.site and options.site.rstrip("/"),
        options.resolution == "original",
        _key(options),
        options.kind,
        options.rights,
        collection.expect,
    )
    items = module.items(
        options.query if options.source in ("instagram", "files") else query, context
    )
    try:
        collection.run(items, fetcher)
    except Stopped:
        return
    except Refused as error:
        raise UserError(
            f"{options.source} {one_line(query)}: its list can't be had ({error}); {collection.new} pictures were collected, "
            "the same command goes on from there"
        ) from error
    if not stop.is_set() and not any(
        refused.reason in PASSING for _, refused in collection.rejected.values()
    ):
        finish(folder.hidden, name)
        folder.discard_all()


def _limits(options: CollectOptions) -> Limits:
    licences = tuple(name.strip() for name in (options.licence or "").split(",") if name.strip())
    for flag, name in [("--licence", name) for name in licences] + [("--rights", options.rights)]:
        if name not in NAMES:
            raise UserError(
                f"{flag} {one_line(name)}: there is no such name; take of {', '.join(NAMES)}"
            )
    return Limits(
        licences,
        options.limit,
        round(options.max_total_mb * 1e6),
        round(options.max_file_mb * 1e6),
        round(options.max_megapixels * 1e6),
        options.min_size,
    )


def _manners(options: CollectOptions, module) -> Manners:
    return Manners(
        options.contact,
        options.interval,
        options.retries,
        options.backoff,
        options.patience,
        options.timeout,
        options.transfer_timeout,
        round(options.max_file_mb * 1e6),
        options.allow_private,
        () if options.site else getattr(module, "FOR_PROGRAMS", ()),
    )


def _key(options: CollectOptions) -> str | None:
    from training.options.collect_options import key_of

    return key_of(options) if options.source == "rijksmuseum" else None


def _tell(collection: Collection, folder: CollectionFolder) -> None:
    """Prints every picture that was left out, the counts, and where things are.

    Raises:
        UserError: there is nothing.
    """
    left_out = list(collection.rejected.values())
    for item, refused in left_out[:_NAMED]:
        print(
            f"left out: {one_line(item.name)}: {refused.reason} ({refused.detail})", file=sys.stderr
        )
    if len(left_out) > _NAMED:
        more = len(left_out) - _NAMED
        print(
            f"left out: {more} more; {one_line(folder.root / REJECTED)} names all of them",
            file=sys.stderr,
        )
    print(f"{'new':44}{collection.new:8}\n{'there already':44}{collection.known:8}")
    for reason, count in Counter(refused.reason for _, refused in left_out).most_common():
        print(f"{'left out: ' + reason:44}{count:8}")
    gone = sum(not (folder.root / kept.file).exists() for kept in folder.record.kept.values())
    if gone:
        print(
            f"{gone} that were collected before are not in the folder any more; they are not fetched again"
        )
    if not collection.new + collection.known:
        raise UserError(
            f"--out {one_line(folder.root)}: no picture was collected; {_why(left_out, folder)}"
        )
    print(f"{one_line(folder.root / SOURCES)} tells of {len(folder.record.kept)} pictures")


def _why(left_out: list, folder: CollectionFolder) -> str:
    if not left_out:
        return "the source lists none; is --query spelt as the service spells it?"
    return f"{one_line(folder.root / REJECTED)} tells why each was left out"
