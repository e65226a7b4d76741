"""robots.txt as RFC 9309 has it: the longest rule decides, * and $ in paths. The standard library's
parser knows neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

# RFC 9309, 2.5: at least this much must be read.
MAX_BYTES = 512_000


@dataclass(frozen=True)
class RobotsRules:
    """What one host asks of one robot.

    Attributes:
        rules: (path pattern, allowed) in the order of the file.
        delay: seconds between requests that Crawl-delay asks for; not in the RFC, but asked for in
            good faith.
    """

    rules: tuple[tuple[str, bool], ...] = ()
    delay: float = 0.0

    def allow(self, url: str) -> bool:
        """Whether `url` may be fetched: the longest matching rule decides, allow before disallow,
        no rule means yes.
        """
        parts = urlsplit(url)
        path = _normal(parts.path or "/") + (f"?{_normal(parts.query)}" if parts.query else "")
        if path == "/robots.txt":
            return True
        matching = [
            (len(pattern), allowed) for pattern, allowed in self.rules if _matches(pattern, path)
        ]
        return max(matching, default=(0, True))[1]


FORBID_ALL = RobotsRules((("/", False),))


def parse_robots(text: str, agent: str) -> RobotsRules:
    """The rules for `agent` (its product token, such as "tf_i2i"): of the groups that name it, else
    of those for *.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    named: list[str] = []
    collecting_names = False
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = line.split("#", 1)[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            named = [*named, value.lower()] if collecting_names else [value.lower()]
            groups.setdefault(value.lower(), [])
            collecting_names = True
        elif key in ("allow", "disallow", "crawl-delay"):
            collecting_names = False
            for name in named:
                groups[name].append((key, value))
    lines = groups.get(agent.lower(), groups.get("*", []))
    rules = tuple(
        (_normal(value), key == "allow") for key, value in lines if key != "crawl-delay" and value
    )
    return RobotsRules(
        rules, max((_seconds(value) for key, value in lines if key == "crawl-delay"), default=0.0)
    )


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text) else 0.0


def _normal(path: str) -> str:
    """The same path for every way to percent-encode it; * and $ stay what they are."""
    return quote(
        unquote(path, errors="surrogateescape"), safe="/*$?&=:@!',;+~()%", errors="surrogateescape"
    )


def _matches(pattern: str, path: str) -> bool:
    anchored = pattern.endswith("$")
    body = ".*".join(re.escape(part) for part in pattern.removesuffix("$").split("*"))
    return re.match(body + ("$" if anchored else ""), path, re.DOTALL) is not None
