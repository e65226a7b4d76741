"""The work of training.collect: opens the source and the folder, collects, reports."""

import threading
from collections import Counter
from pathlib import Path

from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from training.collection.collection_folder import REJECTED, SOURCES, CollectionFolder
from training.collection.collector import Collector
from training.collection.fetcher import Fetcher, SavedAnswers
from training.collection.http_client import HttpClient, Stopped
from training.collection.item import Reason, Refused
from training.collection.sources import (
    artic,
    instagram,
    local_files,
    met,
    rijksmuseum,
    url_list,
    wikiart,
    wikimedia,
)
from training.collection.sources.context import Context
from training.options.collect_options import CollectOptions
from training.system.interruption import Interruption

_SOURCES = {
    "wikiart": wikiart,
    "met": met,
    "artic": artic,
    "rijksmuseum": rijksmuseum,
    "wikimedia": wikimedia,
    "urls": url_list,
    "instagram": instagram,
    "files": local_files,
}
_MAX_NAMED = 100


def collect(options: CollectOptions) -> int | None:
    """Returns None, or 130 or 143 when it was interrupted.

    Raises UserError for an unusable source or folder, or when no picture was collected.
    """
    stop = threading.Event()
    # Not set by the signal handler, which may interrupt the main thread while that has its lock.
    set_stop = threading.Thread(target=stop.set, daemon=True).start
    out, max_bytes = Path(options.out), round(options.max_total_mb * 1e6)
    for folder in options.query if options.source in ("files", "instagram") else ():
        if Path(folder).is_dir() and out.resolve().is_relative_to(Path(folder).resolve()):
            inside = f"is inside --query {one_line(folder)}; name a folder elsewhere"
            raise UserError(f"--out {one_line(out)}: {inside}")
    with Interruption(set_stop) as interruption, CollectionFolder(out, max_bytes) as folder:
        try:
            collector = _run(options, folder, stop)
        except OSError as error:
            raise folder.write_error(error) from error
        if interruption.signal is not None:
            say(f"interrupted; {collector.new} new pictures; run the same command to continue")
            return interruption.exit_status
        _report(collector, folder)
    return None


def _run(options: CollectOptions, folder: CollectionFolder, stop: threading.Event) -> Collector:
    source = _SOURCES[options.source]
    name = f"{options.source} {options.query_text} {options.site or ''} {options.resolution}"
    answers = SavedAnswers(folder.answers, name)
    api_urls = () if options.site else getattr(source, "API_URLS", ())
    fetcher = Fetcher(HttpClient(options, stop, api_urls), answers)
    collector = Collector(options, folder, fetcher, stop)
    try:
        collector.run(source.items(Context(options, fetcher.json, collector.expect)))
    except Stopped:
        pass
    except Refused as error:
        raise UserError(
            f"{options.source} {one_line(options.query_text)}: its list can't be fetched ({error});"
            f" {collector.new} pictures were collected, run the same command to continue"
        ) from error
    complete = not any(entry.reason in Reason.TEMPORARY for entry in collector.rejected)
    if complete and not stop.is_set():
        answers.finish()
        folder.discard_all()
    return collector


def _report(collector: Collector, folder: CollectionFolder) -> None:
    """Prints what was left out, counts, and where the record is; UserError without a picture."""
    sources, rejected = one_line(folder.root / SOURCES), one_line(folder.root / REJECTED)
    for entry in collector.rejected[:_MAX_NAMED]:
        name = f"{entry.title} <{entry.url}>" if entry.title else entry.url
        say(f"left out: {one_line(name)}: {entry.reason} ({entry.detail})")
    more = len(collector.rejected) - _MAX_NAMED
    if more > 0:
        say(f"left out: {more} more; {rejected} lists all of them")
    counts = [("new", collector.new), ("already there", collector.known)]
    reasons = Counter(entry.reason for entry in collector.rejected)
    counts += [(f"left out: {reason}", count) for reason, count in reasons.most_common()]
    for label, count in counts:
        print(f"{label:44}{count:8}")
    gone = sum(not (folder.root / kept.file).exists() for kept in folder.kept.values())
    if gone:
        print(f"{gone} pictures of earlier runs are no longer in the folder; not fetched again")
    if not collector.new + collector.known:
        why = "the source lists none; is --query spelt as the service spells it?"
        why = f"{rejected} says why each was left out" if collector.rejected else why
        raise UserError(f"--out {one_line(folder.root)}: no picture was collected; {why}")
    print(f"{sources} lists {len(folder.kept)} pictures")
