"""Options of training.collect."""

import dataclasses
import functools
import re

from tf_i2i.command_line import option_group
from tf_i2i.errors import UserError, one_line

SOURCES = ("wikiart", "met", "artic", "rijksmuseum", "wikimedia", "urls", "instagram", "files")
LICENCES = ("cc0", "public-domain", "cc-by", "cc-by-sa", "cc-by-nd", "cc-by-nc", "cc-by-nc-sa")
LICENCES += ("cc-by-nc-nd", "own", "other", "unknown")

_source, _limit = option_group("what"), option_group("what is kept")
_request = functools.partial(
    option_group("requests (pictures from the web)"), needs=("source!=files", "source!=instagram")
)


def _of(*sources: str) -> str:
    """The condition that SOURCE is one of these."""
    return "|".join(f"source={source}" for source in sources)


_seconds = functools.partial(_request, unit="s", minimum=0)


@dataclasses.dataclass(frozen=True)
class CollectOptions:
    source: str = _source(
        dataclasses.MISSING, f"one of {', '.join(SOURCES)}", metavar="SOURCE", positional=True
    )
    query: tuple[str, ...] = _source(
        (),
        "wikiart, met, artic, rijksmuseum: the artist; wikimedia: words, or Category:NAME; urls: a text file with one URL "
        "per line; instagram: the ZIP files of your own data export; files: folders and ZIP files (required)",
        metavar="TEXT",
    )
    out: str | None = _source(None, "folder for the pictures (required)", metavar="DIR")
    resolution: str = _source(
        "web",
        "web: the size that the service shows, about 600 to 1300 pixels; original: the largest available",
        choices=("web", "original"),
        needs=_of("wikiart", "met", "artic", "rijksmuseum", "wikimedia"),
    )
    kind: str | None = _source(
        None,
        "met, artic, rijksmuseum: only works of this kind: painting, print, drawing; wikimedia: an additional word",
        metavar="WORD",
        needs=_of("met", "artic", "rijksmuseum", "wikimedia"),
    )
    rights: str = _source(
        "unknown",
        "urls, files: licence to record, such as own",
        metavar="NAME",
        needs=_of("urls", "files"),
    )
    site: str | None = _source(
        None,
        "address in place of the service's own, such as another MediaWiki",
        metavar="URL",
        needs=_of("wikiart", "met", "artic", "rijksmuseum", "wikimedia"),
    )
    licence: str | None = _limit(
        None, "keep only these, such as cc0,public-domain,cc-by,cc-by-sa,own", metavar="NAMES"
    )
    limit: int | None = _limit(None, "maximum number of pictures", minimum=1)
    min_size: int = _limit(64, "minimum length of the shorter side", unit="pixels", minimum=0)
    max_megapixels: float = _limit(
        100.0, "largest picture", unit="megapixels", minimum=0.01, maximum=400
    )
    max_file_mb: float = _limit(30.0, "largest file", unit="MB", minimum=0.001, maximum=2000)
    max_total_mb: float = _limit(
        2000.0, "size of the whole folder", unit="MB", minimum=0.001, maximum=1e7
    )

    contact: str | None = _request(
        None, "your e-mail address or web page, for servers; wikimedia requires it", metavar="TEXT"
    )
    interval: float = _seconds(
        1.0,
        "time between the starts of two requests to one host; a longer Crawl-delay in its robots.txt wins",
        maximum=3600,
    )
    parallel: int = _request(2, "simultaneous transfers", minimum=1, maximum=8, needs=())
    retries: int = _request(
        4, "how often a request is repeated after a temporary error", minimum=0, maximum=20
    )
    backoff: float = _seconds(1.0, "wait before the first repetition, then doubled", maximum=600)
    patience: float = _seconds(
        120.0,
        "longest wait that a server may ask for; if it asks for more, its pictures are left for another run",
        maximum=86400,
    )
    timeout: float = _seconds(30.0, "to connect, and without any data", minimum=0.1, maximum=3600)
    transfer_timeout: float = _seconds(300.0, "for one file", minimum=0.1, maximum=86400)

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

    def check(self) -> None:
        """Raises UserError for wrong usage."""
        if self.source not in SOURCES:
            known = ", ".join(SOURCES)
            raise UserError(f"SOURCE {one_line(self.source)}: unknown source; choose from {known}")
        if not self.query_text.strip():
            raise UserError("--query is missing: name an artist, words, or the files (see --help)")
        if self.out is None:
            raise UserError("--out is missing: name the folder for the pictures")
        if (
            self.kind
            and self.source == "wikimedia"
            and self.query_text.lower().startswith("category:")
        ):
            raise UserError("--kind has no effect with a Category:; leave it out")
        if self.contact is not None and not re.fullmatch(r"[\x20-\x7e]{3,200}", self.contact):
            raise UserError("--contact: give an e-mail address or URL in ASCII characters")
        if self.source == "wikimedia" and not self.contact:
            raise UserError("--contact is missing: Wikimedia requires an e-mail address or URL")
        if self.site is not None and not re.match(r"https?://[^/]+", self.site):
            raise UserError(f"--site {one_line(self.site)}: give a URL with https:// or http://")
        for name in (*self.licences, self.rights):
            if name not in LICENCES:
                flag = "--licence" if name in self.licences else "--rights"
                known = ", ".join(LICENCES)
                raise UserError(f"{flag} {one_line(name)}: unknown licence; choose from {known}")
