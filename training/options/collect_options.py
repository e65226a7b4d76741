"""Options of training.collect."""

from __future__ import annotations

import dataclasses
import os
import re

from tf_i2i.command_line import option
from tf_i2i.errors import UserError

SOURCES = ("wikiart", "met", "artic", "rijksmuseum", "wikimedia", "urls", "instagram", "files")


_WHAT, _LIMITS, _MANNERS = "what", "what is kept", "manners (pictures from the web)"


@dataclasses.dataclass(frozen=True)
class CollectOptions:
    """Options of training.collect."""

    source: str = option(
        dataclasses.MISSING,
        f"one of {', '.join(SOURCES)}",
        group=_WHAT,
        metavar="SOURCE",
        positional=True,
    )
    query: tuple[str, ...] = option(
        (),
        "wikiart, met, artic, rijksmuseum: the artist; wikimedia: words, or Category:NAME; urls: a text file with a URL a "
        "line; instagram: the ZIP files of your own data export; files: folders and ZIP files (needed)",
        group=_WHAT,
        metavar="TEXT",
    )
    out: str | None = option(None, "folder for the pictures (needed)", group=_WHAT, metavar="DIR")
    resolution: str = option(
        "web",
        "web: the size that the service shows, about 600 to 1300 pixels; original: the largest that it gives",
        group=_WHAT,
        choices=("web", "original"),
    )
    kind: str | None = option(
        None,
        "met, artic, rijksmuseum: only works of this kind: painting, print, drawing; wikimedia: a further word",
        group=_WHAT,
        metavar="WORD",
    )
    key: str | None = option(
        None,
        "rijksmuseum: key for its older interface; better in the environment, as RIJKSMUSEUM_KEY",
        group=_WHAT,
    )
    rights: str = option(
        "unknown",
        "urls, files: licence to record, such as own, cc0, public-domain, cc-by-sa",
        group=_WHAT,
        metavar="NAME",
    )
    site: str | None = option(
        None,
        "ask this address instead of the service's own, for example another MediaWiki",
        group=_WHAT,
        metavar="URL",
    )

    licence: str | None = option(
        None,
        "keep only these, with commas between: cc0,public-domain,cc-by,cc-by-sa,own,unknown,...",
        group=_LIMITS,
        metavar="NAMES",
    )
    limit: int | None = option(None, "pictures at most", group=_LIMITS, minimum=1)
    min_size: int = option(
        64, "shorter side that a picture must have", group=_LIMITS, unit="pixels", minimum=0
    )
    max_megapixels: float = option(
        100.0, "largest picture", group=_LIMITS, unit="megapixels", minimum=0.01, maximum=400
    )
    max_file_mb: float = option(
        30.0, "largest file", group=_LIMITS, unit="MB", minimum=0.001, maximum=2000
    )
    max_total_mb: float = option(
        2000.0, "size of the whole folder", group=_LIMITS, unit="MB", minimum=0.001, maximum=1e7
    )

    contact: str | None = option(
        None,
        "your e-mail address or page, told to the servers in the user agent; wikimedia wants one",
        group=_MANNERS,
        metavar="TEXT",
    )
    interval: float = option(
        1.0,
        "time between the starts of two requests to one host; a longer one in its robots.txt holds",
        group=_MANNERS,
        unit="s",
        minimum=0,
        maximum=3600,
    )
    parallel: int = option(2, "transfers at once", group=_MANNERS, minimum=1, maximum=8)
    retries: int = option(
        4,
        "repetitions of a request that failed for a passing reason",
        group=_MANNERS,
        minimum=0,
        maximum=20,
    )
    backoff: float = option(
        1.0,
        "wait before the first repetition, doubled for each further one",
        group=_MANNERS,
        unit="s",
        minimum=0,
        maximum=600,
    )
    patience: float = option(
        120.0,
        "longest wait that a server may ask for; what it then does not give is left for another run",
        group=_MANNERS,
        unit="s",
        minimum=0,
        maximum=86400,
    )
    timeout: float = option(
        30.0, "to connect, and of silence", group=_MANNERS, unit="s", minimum=0.1, maximum=3600
    )
    transfer_timeout: float = option(
        300.0, "for one file", group=_MANNERS, unit="s", minimum=0.1, maximum=86400
    )
    allow_private: bool = option(
        False,
        "also connect to addresses that are not on the public internet, such as 127.0.0.1",
        group=_MANNERS,
    )


def check_collect_options(options: CollectOptions) -> None:
    """Raises UserError for what is wrong without looking at any file."""
    if options.source not in SOURCES:
        raise UserError(
            f"SOURCE {options.source!r}: there is no such source; take one of {', '.join(SOURCES)}"
        )
    if not options.query or not "".join(options.query).strip():
        raise UserError("--query is missing: name an artist, words, or the files (see --help)")
    if options.out is None:
        raise UserError("--out is missing: name the folder for the pictures")
    if options.contact is not None and not re.fullmatch(r"[\x20-\x7e]{3,200}", options.contact):
        raise UserError("--contact: an e-mail address or URL in plain letters is needed")
    if options.source == "wikimedia" and not options.contact:
        raise UserError(
            "--contact is missing: Wikimedia asks programs to say how their user can be reached; give an e-mail address or URL"
        )
    if options.site is not None and not re.match(r"https?://[^/]+", options.site):
        raise UserError(f"--site {options.site}: give a URL that begins with https:// or http://")
    if options.key and options.source != "rijksmuseum":
        raise UserError("--key: only the Rijksmuseum has a use for one; leave it away")


def key_of(options: CollectOptions) -> str | None:
    """The user's key: an option, or the environment, which other users of the machine don't see."""
    return options.key or os.environ.get("RIJKSMUSEUM_KEY") or None
