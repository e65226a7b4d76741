"""Options of training.collect."""

from __future__ import annotations

import dataclasses
import os
import re

from tf_i2i.command_line import option
from tf_i2i.errors import UserError, one_line

SOURCES = ("wikiart", "met", "artic", "rijksmuseum", "wikimedia", "urls", "instagram", "files")
LICENCES = (
    *("cc0", "public-domain", "cc-by", "cc-by-sa", "cc-by-nd", "cc-by-nc", "cc-by-nc-sa"),
    *("cc-by-nc-nd", "own", "other", "unknown"),
)

_WHAT, _LIMITS, _REQUESTS = "what", "what is kept", "requests (pictures from the web)"


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
        "wikiart, met, artic, rijksmuseum: the artist; wikimedia: words, or Category:NAME; urls: a text file with one URL "
        "per line; instagram: the ZIP files of your own data export; files: folders and ZIP files (required)",
        group=_WHAT,
        metavar="TEXT",
    )
    out: str | None = option(None, "folder for the pictures (required)", group=_WHAT, metavar="DIR")
    resolution: str = option(
        "web",
        "web: the size that the service shows, about 600 to 1300 pixels; original: the largest available",
        group=_WHAT,
        choices=("web", "original"),
    )
    kind: str | None = option(
        None,
        "met, artic, rijksmuseum: only works of this kind: painting, print, drawing; wikimedia: an additional word",
        group=_WHAT,
        metavar="WORD",
    )
    key: str | None = option(
        None,
        "rijksmuseum: key for its older interface; safer in the environment, as RIJKSMUSEUM_KEY",
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
        "use this address instead of the service's own, for example another MediaWiki",
        group=_WHAT,
        metavar="URL",
    )

    licence: str | None = option(
        None,
        "keep only these, separated by commas: cc0,public-domain,cc-by,cc-by-sa,own,unknown,...",
        group=_LIMITS,
        metavar="NAMES",
    )
    limit: int | None = option(None, "maximum number of pictures", group=_LIMITS, minimum=1)
    min_size: int = option(
        64, "minimum length of the shorter side", group=_LIMITS, unit="pixels", minimum=0
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
        "your e-mail address or web page, sent to servers in the user agent; wikimedia requires it",
        group=_REQUESTS,
        metavar="TEXT",
    )
    interval: float = option(
        1.0,
        "time between the starts of two requests to one host; a longer Crawl-delay in its robots.txt wins",
        group=_REQUESTS,
        unit="s",
        minimum=0,
        maximum=3600,
    )
    parallel: int = option(2, "simultaneous transfers", group=_REQUESTS, minimum=1, maximum=8)
    retries: int = option(
        4,
        "how often a request is repeated after a temporary error",
        group=_REQUESTS,
        minimum=0,
        maximum=20,
    )
    backoff: float = option(
        1.0,
        "wait before the first repetition, doubled for each further one",
        group=_REQUESTS,
        unit="s",
        minimum=0,
        maximum=600,
    )
    patience: float = option(
        120.0,
        "longest wait that a server may ask for; if it asks for more, its pictures are left for another run",
        group=_REQUESTS,
        unit="s",
        minimum=0,
        maximum=86400,
    )
    timeout: float = option(
        30.0,
        "to connect, and without any data",
        group=_REQUESTS,
        unit="s",
        minimum=0.1,
        maximum=3600,
    )
    transfer_timeout: float = option(
        300.0, "for one file", group=_REQUESTS, unit="s", minimum=0.1, maximum=86400
    )

    @property
    def query_text(self) -> str:
        return " ".join(self.query)

    @property
    def original(self) -> bool:
        """Whether files are fetched at their largest size."""
        return self.resolution == "original"

    def site_or(self, default: str) -> str:
        return self.site.rstrip("/") if self.site else default

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences to keep; empty: any."""
        return tuple(name.strip() for name in (self.licence or "").split(",") if name.strip())

    @property
    def max_bytes(self) -> int:
        return round(self.max_file_mb * 1e6)

    @property
    def max_pixels(self) -> int:
        return round(self.max_megapixels * 1e6)

    @property
    def secret_key(self) -> str | None:
        """The Rijksmuseum's, as an option or from the environment, which other users of the
        machine don't see.
        """
        return self.key or os.environ.get("RIJKSMUSEUM_KEY") or None

    def check(self) -> None:
        """Raises UserError for what is wrong whatever the files and servers hold."""
        if self.source not in SOURCES:
            raise UserError(
                f"SOURCE {one_line(self.source)}: unknown source; choose from {', '.join(SOURCES)}"
            )
        if not self.query_text.strip():
            raise UserError("--query is missing: name an artist, words, or the files (see --help)")
        if self.out is None:
            raise UserError("--out is missing: name the folder for the pictures")
        if self.contact is not None and not re.fullmatch(r"[\x20-\x7e]{3,200}", self.contact):
            raise UserError("--contact: give an e-mail address or URL in ASCII characters")
        if self.source == "wikimedia" and not self.contact:
            raise UserError(
                "--contact is missing: Wikimedia requires programs to name a contact; give an e-mail address or URL"
            )
        if self.site is not None and not re.match(r"https?://[^/]+", self.site):
            raise UserError(
                f"--site {one_line(self.site)}: give a URL that starts with https:// or http://"
            )
        if self.key and self.source != "rijksmuseum":
            raise UserError("--key: only the Rijksmuseum uses a key; remove the option")
        for flag, name in [
            *(("--licence", name) for name in self.licences),
            ("--rights", self.rights),
        ]:
            if name not in LICENCES:
                raise UserError(
                    f"{flag} {one_line(name)}: unknown licence; choose from {', '.join(LICENCES)}"
                )
