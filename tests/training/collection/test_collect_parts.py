"""Pieces of training.collect by themselves: requests, robots.txt, licences, file names."""

import copy
import json
import random
import threading
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import collected_services as services
import pytest
from picture_server import Reply, picture_server

from training.collection.collection_folder import file_name
from training.collection.http_client import HttpClient, TransientError
from training.collection.item import Item, Refused, licence_name
from training.collection.sources import artic, met, rijksmuseum, wikiart, wikimedia
from training.collection.sources.context import Context
from training.options.collect_options import CollectOptions

ROBOTS = """\
# of a museum
User-agent: other
Disallow: /

User-Agent: TF_I2I
User-agent: third
Disallow: /private
Allow: /private/open   # but this
Disallow: /*.tif$
Disallow: /a%3cd.html
Disallow:
Crawl-delay: 2.5
Sitemap: https://museum.example/map.xml

User-agent: *
Disallow: /all
"""


def allows(robots: str, path: str) -> bool:
    """Whether HttpClient asks a server with this robots.txt for `path`, which is a 404."""
    with picture_server() as server:
        server.routes = {"/robots.txt": Reply(robots.encode(), "text/plain")}
        client = HttpClient(CollectOptions("urls", interval=0, retries=0), threading.Event())
        with pytest.raises(Refused) as refused:
            client.get(server.url + path, {})
        assert refused.value.reason in ("robots.txt says no", "refused by the server")
        assert bool(server.paths()) == (refused.value.reason == "refused by the server")
        return bool(server.paths())


@pytest.mark.parametrize(
    "path, allowed",
    [
        ("/", True),
        ("/private", False),
        ("/private/x?y=1", False),
        ("/private/open/x", True),
        ("/x/y.tif", False),
        ("/x/y.tif?z", True),
        ("/x/y.tiff", True),
        ("/a%3Cd.html", False),
        ("/a<d.html", False),
        ("/all", True),
        ("", True),
    ],
)
def test_robots_rules(path, allowed):
    assert allows(ROBOTS, path) is allowed


@pytest.mark.parametrize(
    "robots, path, allowed",
    [
        (ROBOTS.replace("TF_I2I", "somebody"), "/private", True),
        (ROBOTS.replace("TF_I2I", "somebody"), "/all", False),
        # Two groups of one name are one; an Allow of equal length wins.
        ("\ufeffUser-agent:*\nDisallow:/a\nuser-agent: *\nAllow: /a\n", "/a", True),
        ("\ufeffUser-agent:*\nDisallow:/a\nuser-agent: *\nAllow: /b\n", "/a", False),
        ("<html>no file</html>", "/", True),
        ("User-agent: *\nCrawl-delay: soon\nCrawl-delay: 1e999\n", "/", True),
        ("User-agent: *\nDisallow: /" + "*a" * 2000 + "b", "/" + "a" * 4000, True),
        ("User-agent: *\nDisallow: /é", "/%C3%A9", False),
    ],
)
def test_odd_robots(robots, path, allowed):
    assert allows(robots, path) is allowed


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://h/x", "//h/x", "x", "", "http://", "http:///x"),
        *("http://me:secret@h/x", "http://me@h/x", "http://[", "http://h:99999/", "http://h:x/"),
        *("http://a b/", "http://a..b/", "http://h/\ud800", "http://\ud800/"),
    ],
)
def test_urls_that_are_not_fetched(url):
    client = HttpClient(CollectOptions("urls", interval=0, retries=0), threading.Event(), ("http",))
    with pytest.raises(Refused, match="address not allowed"):
        client.get(url, {})


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0", 0),
        (" 7 ", 7),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 6 * 3600),
        ("9" * 300, 6 * 3600),
        ("9" * 5000, None),
        ("-1", None),
        ("soon", None),
    ],
)
def test_retry_after(text, seconds):
    with picture_server() as server:
        server.routes["/x"] = Reply(b"", status=503, headers={"Retry-After": text})
        client = HttpClient(CollectOptions("urls", interval=0), threading.Event(), (server.url,))
        with pytest.raises(TransientError) as caught:
            client.get(server.url + "/x", {})
        assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "said, name",
    [
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0"),
        ("CC0", "cc0"),
        ("cc-zero", "cc0"),
        ("http://creativecommons.org/publicdomain/mark/1.0/", "public-domain"),
        ("Public domain", "public-domain"),
        ("Publiek domein", "public-domain"),
        ("pd", "public-domain"),
        ("PD-old-100", "public-domain"),
        ("CC BY-SA 4.0", "cc-by-sa"),
        ("cc-by-sa-3.0,2.5", "cc-by-sa"),
        ("CC BY 2.0", "cc-by"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "cc-by-nc-nd"),
        ("own", "own"),
        ("", "unknown"),
        (None, "unknown"),
        ("All rights reserved", "other"),
        ("© Ada Lind Estate", "other"),
        ("GFDL", "other"),
    ],
)
def test_licence_names(said, name):
    assert licence_name(said) == name


def test_file_names_are_safe_stable_and_never_alike():
    item = Item("https://h/1", title='../../Étude: "CON" <a/b>\\c', artist="Ada Lind", date="1901")
    name = file_name(item, ".jpg")
    assert name.startswith("ada-lind-étude-con-a-b-c-1901-") and name == file_name(item, ".jpg")
    assert file_name(Item("https://h/2", item.title, item.artist, item.date), ".jpg") != name
    hostile = ("..", ".hidden", "a\0b", "con", "x" * 400, "é" * 400, "\ud800", "~", "-rf", "a\nb")
    for title in hostile:
        safe = file_name(Item(f"https://h/{title!r}", title), ".png")
        assert (
            not set(safe) & set('/\\:*?"<>|\0\n')
            and safe[0] not in ".-~"
            and len(safe.encode()) < 200
        )


def _places(value, path=()):
    yield path
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in inner:
        yield from _places(part, (*path, key))


def _damaged(value, generator: random.Random):
    """A copy of an answer with one of its parts replaced by what should not be there."""
    path = generator.choice(list(_places(value)))
    odd = generator.choice(
        [
            None,
            [],
            {},
            "",
            "odd",
            "http://[",
            -1,
            10**30,
            1.5,
            True,
            [None],
            [[]],
            {"id": 5},
            "\ud800",
        ]
    )
    if not path:
        return odd
    whole = copy.deepcopy(value)
    inside = whole
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = odd
    return whole


def _one_damaged(answer, generator: random.Random):
    """`answer`, but for one of the first four answers, which comes damaged."""
    asked, damaged_one = iter(range(10**6)), generator.randrange(4)

    def ask(url: str, accept: str = ""):
        return _damaged(answer(url), generator) if next(asked) == damaged_one else answer(url)

    return ask


@pytest.mark.parametrize(
    "serve, module",
    [
        (services.serve_wikiart, wikiart),
        (services.serve_met, met),
        (services.serve_artic, artic),
        (services.serve_rijksmuseum, rijksmuseum),
        (services.serve_wikimedia, wikimedia),
    ],
)
def test_answers_with_anything_in_any_place_are_items_or_refused(serve, module):
    with picture_server() as server:
        serve(server)

        def answer(url: str, accept: str = ""):
            parts = urlsplit(url)
            reply = server.routes.get(parts.path)
            if callable(reply):
                reply = reply({name: values[0] for name, values in parse_qs(parts.query).items()})
            if reply is None or reply.status != 200:
                raise Refused("refused by the server", "404")
            return json.loads(reply.body)

        for seed in range(150):
            options = CollectOptions("", query=("Ada", "Lind"), site=server.url)
            context = Context(options, _one_damaged(answer, random.Random(seed)))
            try:
                for item in islice(module.items(context), 200):
                    assert (
                        isinstance(item, Item)
                        and isinstance(item.url, str)
                        and "\n" not in item.title
                    )
            except Refused as error:
                assert "\n" not in str(error)
