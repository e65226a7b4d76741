"""Pieces of training.collect by themselves: addresses, robots.txt, licences, file names."""

import copy
import json
import random
import socket
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import collected_services as services
import pytest
from picture_server import picture_server

from training.collection.addresses import is_public
from training.collection.collection_folder import file_name
from training.collection.fetcher import Fetcher
from training.collection.http_client import Manners
from training.collection.item import Item, Refused, licence_name
from training.collection.robots import RobotsRules, parse_robots
from training.collection.sources import artic, met, rijksmuseum, wikiart, wikimedia
from training.collection.sources.context import Context


@pytest.mark.parametrize(
    "address, public",
    [
        ("8.8.8.8", True),
        ("2600::1", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:808:808::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::1", False),
    ],
)
def test_addresses_of_the_public_internet(address, public):
    assert is_public(address) is public


def test_a_name_with_one_private_address_among_others_is_refused(monkeypatch, tmp_path):
    import threading

    from training.collection.fetcher import Answers

    asked = []

    def answers_otherwise_each_time(host, port, *arguments, **more):
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in ("8.8.8.8", "192.168.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answers_otherwise_each_time)
    fetcher = Fetcher(Manners(interval=0, retries=0), Answers(tmp_path, "x"), threading.Event())
    with pytest.raises(Refused, match=r"private address: museum\.example is 192\.168\.0\.1"):
        fetcher.json("http://museum.example/list")
    assert asked == ["museum.example"]


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
        ("/robots.txt", True),
        ("", True),
    ],
)
def test_robots_rules(path, allowed):
    assert parse_robots(ROBOTS, "tf_i2i").allow("https://museum.example" + path) is allowed


def test_robots_groups():
    assert parse_robots(ROBOTS, "tf_i2i").delay == 2.5
    assert not parse_robots(ROBOTS, "other").allow("https://museum.example/x")
    assert parse_robots(ROBOTS, "somebody").rules == (("/all", False),)
    assert not parse_robots(ROBOTS, "third").allow("https://museum.example/private")
    # Two groups of one name are one; an allow of equal length wins; without any rule all is
    # allowed.
    both = parse_robots("\ufeffUser-agent:*\nDisallow:/a\nuser-agent: *\nAllow: /a\n", "x")
    assert both.allow("https://h/a") and len(both.rules) == 2
    assert (
        RobotsRules().allow("https://h/")
        and parse_robots("<html>no file</html>", "x") == RobotsRules()
    )
    assert parse_robots("User-agent: *\nCrawl-delay: soon\n", "x").delay == 0


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
        [None, [], {}, "", "odd", -1, 10**30, 1.5, True, [None], [[]], {"id": 5}, "\ud800"]
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
    "serve, module, key",
    [
        (services.serve_wikiart, wikiart, None),
        (services.serve_met, met, None),
        (services.serve_artic, artic, None),
        (services.serve_rijksmuseum, rijksmuseum, None),
        (services.serve_older_rijksmuseum, rijksmuseum, "k3y"),
        (services.serve_wikimedia, wikimedia, None),
    ],
)
def test_answers_with_anything_in_any_place_are_items_or_refused(serve, module, key):
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
            context = Context(_one_damaged(answer, random.Random(seed)), server.url, key=key)
            try:
                for item in islice(module.items("Ada Lind", context), 200):
                    assert (
                        isinstance(item, Item)
                        and isinstance(item.url, str)
                        and "\n" not in item.title
                    )
            except Refused as error:
                assert "\n" not in str(error)
