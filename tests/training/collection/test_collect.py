"""training.collect against a local server that answers in each service's documented format."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import collected_services as services
import pytest
from collected_services import WORKS
from picture_server import PictureServer, Reply, picture, picture_server

from tf_i2i.errors import UserError
from training.collect import main
from training.collection.collection_folder import CollectionFolder

QUICK = ["--interval", "0", "--backoff", "0"]


@pytest.fixture
def server():
    with picture_server() as running:
        yield running


def collect(
    source: str, out: Path, server: PictureServer, *more: str, query: str = "Ada Lind"
) -> int | None:
    return main([source, "--query", query, "--out", str(out), "--site", server.url, *QUICK, *more])


def table(out: Path, name: str = "sources.csv") -> list[dict]:
    path = out / name
    return list(csv.DictReader(path.open(encoding="utf-8", newline=""))) if path.exists() else []


def pictures(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in out.iterdir() if file.suffix == ".jpg"}


SERVICES = {
    # source: (fixture, options, numbers that are left out with their reasons, licences)
    "wikiart": (services.serve_wikiart, [], {}, {"unknown"}),
    "met": (services.serve_met, [], {1: "no picture offered", 2: "refused by the server"}, {"cc0"}),
    "artic": (services.serve_artic, [], {3: "no picture offered"}, {"cc0", "other"}),
    "rijksmuseum": (
        services.serve_rijksmuseum,
        [],
        {3: "no picture offered"},
        {"public-domain", "cc-by"},
    ),
    "wikimedia": (
        services.serve_wikimedia,
        ["--contact", "me@example.org"],
        {3: "not a picture that trainers read"},
        {"public-domain", "cc-by-sa"},
    ),
}


@pytest.mark.parametrize("source", SERVICES)
def test_a_whole_collection_of_each_service(source, server, tmp_path, capsys):
    serve, options, missing, licences = SERVICES[source]
    serve(server)
    assert collect(source, tmp_path, server, *options) is None
    got = sorted(set(range(WORKS)) - set(missing))
    found = table(tmp_path)
    assert sorted(pictures(tmp_path).values()) == sorted(picture(n) for n in got)
    assert {row["licence"] for row in found} == licences
    assert sorted(row["sha256"] for row in found) == sorted(
        hashlib.sha256(picture(n)).hexdigest() for n in got
    )
    by_hash = {row["sha256"]: row for row in found}
    for n in got:
        row = by_hash[hashlib.sha256(picture(n)).hexdigest()]
        assert (tmp_path / row["file"]).read_bytes() == picture(n)
        assert (
            row["artist"] == "Ada Lind"
            and row["title"].startswith("Garden")
            and str(n) in row["title"]
        )
        assert (
            str(1900 + n) in row["date"]
            and row["url"].startswith(server.url)
            and row["page"].startswith("http")
        )
        assert (row["bytes"], row["width"], row["height"]) == (str(len(picture(n))), "96", "72")
        assert row["fetched"].startswith("20")
    assert sorted(row["reason"] for row in table(tmp_path, "rejected.csv")) == sorted(
        missing.values()
    )
    shown = capsys.readouterr()
    assert all(reason in shown.err and reason in shown.out for reason in missing.values())


def test_a_category_of_commons_and_its_licences(server, tmp_path):
    services.serve_wikimedia(server)
    options = ["--contact", "me@example.org", "--licence", "cc0,public-domain"]
    collect("wikimedia", tmp_path, server, *options, query="Category:Gardens")
    assert {row["licence"] for row in table(tmp_path)} == {"public-domain"}
    rejected = {row["title"]: row for row in table(tmp_path, "rejected.csv")}
    assert (
        rejected["Garden 1"]["reason"] == "licence not asked for"
        and rejected["Garden 1"]["detail"] == "cc-by-sa"
    )
    assert "gcmtitle=Category%3AGardens" in server.paths("/w/api.php")[0]
    assert all("me@example.org" in r.headers["User-Agent"] for r in server.requests)
    # What was not asked for is not fetched either.
    assert "/images/1.jpg" not in server.paths()


def test_run_again_fetches_nothing_twice_and_what_is_new_once(server, tmp_path, capsys):
    services.serve_wikiart(server, count=4)
    collect("wikiart", tmp_path, server)
    before = pictures(tmp_path)
    server.requests.clear()
    services.serve_wikiart(server, count=5)
    capsys.readouterr()
    collect("wikiart", tmp_path, server)
    assert server.paths("/images") == ["/images/ada-lind/4.jpg!Large.jpg"]
    assert len(pictures(tmp_path)) == 5 and pictures(tmp_path).items() >= before.items()
    assert capsys.readouterr().out.splitlines()[:2] == [
        "new".ljust(44) + "       1",
        "already there".ljust(44) + "       4",
    ]
    server.requests.clear()
    collect("wikiart", tmp_path, server)
    # The lists are asked for again, but with the ETag that they had.
    assert [r.status for r in server.requests if r.path.startswith("/en/")] == [304, 304]
    assert not server.paths("/images")


def test_limit_licence_and_sizes(server, tmp_path):
    services.serve_wikiart(server)
    collect("wikiart", tmp_path / "few", server, "--limit", "2")
    assert len(pictures(tmp_path / "few")) == 2 and len(server.paths("page=")) == 1
    with pytest.raises(UserError, match="no picture was collected"):
        collect("wikiart", tmp_path / "none", server, "--licence", "cc0")
    assert len(server.paths("/images")) == 2
    # 2.5 pictures fit.
    total = 2.5 * max(len(picture(n)) for n in range(WORKS)) / 1e6
    collect("wikiart", tmp_path / "cap", server, "--max-total-mb", str(total))
    assert sum(map(len, pictures(tmp_path / "cap").values())) <= total * 1e6
    assert len(pictures(tmp_path / "cap")) == 2
    reasons = {row["reason"] for row in table(tmp_path / "cap", "rejected.csv")}
    assert reasons == {"--max-total-mb reached, to be tried again"}
    # With more room the same command goes on.
    collect("wikiart", tmp_path / "cap", server)
    assert len(pictures(tmp_path / "cap")) == WORKS and not table(tmp_path / "cap", "rejected.csv")


def test_every_picture_that_is_left_out_is_named_with_its_reason(server, tmp_path, capsys):
    good, size = picture(1), 40_000
    huge = picture(2, (150, 150), "BMP")
    server.routes = {
        "/good.jpg": Reply(good),
        "/named-wrong.png": Reply(picture(3)),
        "/phone.png": Reply(picture(4, kind="PNG"), "image/png"),
        "/moved.jpg": Reply(status=302, headers={"Location": "/good-too.jpg"}),
        "/good-too.jpg": Reply(picture(5)),
        "/twice.jpg": Reply(good),
        "/page.jpg": Reply(b"<html>", "text/html"),
        "/symbol.ico": Reply(picture(6, kind="ICO"), "image/x-icon"),
        "/false.jpg": Reply(b"<html>no picture</html>"),
        "/symbol-in-disguise.jpg": Reply(picture(6, kind="ICO")),
        "/truncated.jpg": Reply(picture(7)[:-300]),
        "/tiny.jpg": Reply(picture(8, (40, 30))),
        "/huge-said.jpg": Reply(huge, "image/bmp"),
        "/huge-unsaid.jpg": Reply(huge, "image/bmp", headers={"Content-Length": "1000"}),
        "/pixels.jpg": Reply(picture(9, (600, 400))),
        "/secret.jpg": Reply(good),
        "/loop.jpg": Reply(status=301, headers={"Location": "/loop.jpg"}),
        "/to-file.jpg": Reply(status=302, headers={"Location": "file:///etc/passwd"}),
        "/to-nowhere.jpg": Reply(status=302, headers={"Location": "http://["}),
        "/broken.jpg": Reply(picture(10), cut=200, etag=False),
        "/slow.jpg": Reply(picture(11), pause=3.0),
        "/trickle.jpg": Reply(picture(12), slow=0.25, piece=100),
        "/trouble.jpg": Reply(b"", status=503),
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /secret*.jpg$\n", "text/plain"),
    }
    wanted = {
        "page.jpg": "not a picture that trainers read",
        "symbol.ico": "not a picture that trainers read",
        "symbol-in-disguise.jpg": "not a picture that trainers read",
        "false.jpg": "damaged",
        "truncated.jpg": "damaged",
        "tiny.jpg": "too small",
        "huge-said.jpg": "file too large",
        "pixels.jpg": "too many pixels",
        "secret.jpg": "robots.txt says no",
        "loop.jpg": "refused by the server",
        "to-file.jpg": "address not allowed",
        "to-nowhere.jpg": "address not allowed",
        "missing.jpg": "refused by the server",
        "broken.jpg": "no answer, to be tried again",
        "slow.jpg": "no answer, to be tried again",
        "trickle.jpg": "no answer, to be tried again",
        "trouble.jpg": "no answer, to be tried again",
        "huge-unsaid.jpg": "damaged",
    }
    names = [name for name in server.routes if name != "/robots.txt"] + ["/missing.jpg"]
    listed = tmp_path / "list.txt"
    listed.write_text("# mine\n" + "\n".join(server.url + name for name in names) + "\n")
    options = [
        "--max-file-mb",
        str(size / 1e6),
        "--max-megapixels",
        "0.2",
        "--timeout",
        "1",
        "--transfer-timeout",
        "2",
        "--retries",
        "1",
        "--rights",
        "cc0",
    ]
    main(["urls", "--query", str(listed), "--out", str(tmp_path / "out"), *QUICK, *options])
    rejected = {
        row["url"].removeprefix(server.url + "/"): row["reason"]
        for row in table(tmp_path / "out", "rejected.csv")
    }
    # Of two with the same bytes the one stays that was there first.
    for pair in ({"good.jpg", "twice.jpg"}, {"moved.jpg", "good-too.jpg"}):
        (later,) = pair & set(rejected)
        assert rejected.pop(later) == "the same file as another"
    assert rejected == wanted
    kept = {row["url"].removeprefix(server.url + "/"): row for row in table(tmp_path / "out")}
    assert len(kept) == 4 and len(kept.keys() & {"good.jpg", "twice.jpg"}) == 1
    assert kept["named-wrong.png"]["file"].endswith(".jpg") and kept["phone.png"]["file"].endswith(
        ".png"
    )
    assert {row["licence"] for row in kept.values()} == {"cc0"}
    shown = capsys.readouterr().err
    for name, reason in wanted.items():
        assert any(f"{name}: {reason}" in line for line in shown.splitlines()), name
    # A header that lies about the size does not make us take more than it says; a passing trouble
    # was tried twice.
    assert len(server.paths("/trouble.jpg")) == len(server.paths("/broken.jpg")) == 2
    assert len(server.paths("/page.jpg")) == 1 and not server.paths("/secret.jpg")


def test_a_server_in_trouble_gets_time_and_what_broke_off_is_continued(server, tmp_path):
    # Noise does not compress: large enough to break off somewhere.
    whole = picture(3, (400, 300))
    half = len(whole) // 2
    services.serve_wikiart(server, count=1, page_size=1)
    listing = server.routes["/en/ada-lind"]
    server.routes["/en/ada-lind"] = [
        Reply(b"", status=429, headers={"Retry-After": "1"}),
        Reply(b"", status=500),
        listing,
    ]
    server.routes["/images/ada-lind/0.jpg!Large.jpg"] = Reply(whole, cut=half)
    collect("wikiart", tmp_path, server)
    assert list(pictures(tmp_path).values()) == [whole]
    lists = [r for r in server.requests if r.path.startswith("/en/")]
    assert [r.status for r in lists] == [429, 500, 200]
    # Retry-After is a least time: nothing may come before it has passed.
    assert lists[1].time - lists[0].time >= 0.95
    transfers = [r for r in server.requests if r.path.endswith("Large.jpg")]
    assert [(r.status, r.headers.get("Range")) for r in transfers] == [
        (200, None),
        (206, f"bytes={half}-"),
    ]
    assert sum(r.sent for r in transfers) == len(whole)


def test_a_file_that_changed_in_between_is_not_put_together_from_two(server, tmp_path):
    old, new = picture(3, (400, 300)), picture(4, (400, 300))
    services.serve_wikiart(server, count=1, page_size=1)
    server.routes["/images/ada-lind/0.jpg!Large.jpg"] = [Reply(old, cut=len(old) // 2), Reply(new)]
    collect("wikiart", tmp_path, server)
    assert list(pictures(tmp_path).values()) == [new]


def test_a_longer_pause_than_ours_is_left_for_another_run(server, tmp_path):
    services.serve_wikiart(server, count=2)
    busy = Reply(b"", status=429, headers={"Retry-After": "Fri, 31 Dec 2199 23:59:59 GMT"})
    server.routes["/images/ada-lind/0.jpg!Large.jpg"] = [busy, Reply(picture(0))]
    with pytest.raises(UserError, match="no picture was collected"):
        collect("wikiart", tmp_path, server, "--parallel", "1")
    # The host is left alone altogether.
    assert server.paths("/images") == ["/images/ada-lind/0.jpg!Large.jpg"]
    assert {row["reason"] for row in table(tmp_path, "rejected.csv")} == {
        "no answer, to be tried again"
    }
    collect("wikiart", tmp_path, server)
    assert len(pictures(tmp_path)) == 2


def test_requests_keep_their_distance_and_few_are_under_way(server, tmp_path):
    services.serve_wikiart(server, count=6, page_size=6)
    for path in list(server.routes):
        if path.startswith("/images"):
            server.routes[path].pause = 0.8
    arguments = [
        "wikiart",
        "--query",
        "ada-lind",
        "--out",
        str(tmp_path),
        "--site",
        server.url,
    ]
    main([*arguments, "--interval", "0.5", "--parallel", "2"])
    times = [r.time for r in server.requests]
    assert len(times) == 8
    # Seven intervals, less what the first may have been late; two at once without any take 2.4 s.
    assert times[-1] - times[0] >= 7 * 0.5 - 0.5
    assert server.most_at_once == 2


def test_robots_delay_holds_where_it_is_longer(server, tmp_path):
    services.serve_wikiart(server, count=2)
    server.routes["/robots.txt"] = Reply(
        b"User-agent: tf_i2i\nCrawl-delay: 1\nAllow: /\n", "text/plain"
    )
    collect("wikiart", tmp_path, server)
    times = [r.time for r in server.requests]
    assert len(times) == 4 and times[-1] - times[1] >= 2 * 1.0 - 0.5


def test_robots_of_a_server_in_trouble_forbid_everything(server, tmp_path):
    services.serve_wikiart(server)
    server.routes["/robots.txt"] = Reply(b"", status=503)
    with pytest.raises(UserError, match=r"robots\.txt"):
        collect("wikiart", tmp_path, server, "--retries", "1")
    assert not server.paths()


def test_what_a_user_can_fix_is_one_line(server, tmp_path):
    services.serve_wikiart(server)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "file").write_text("")
    listing = [str(tmp_path / "empty.txt")]
    cases = {
        "unknown source": ["flickr", "--query", "x", "--out", "o"],
        "--query is missing": ["met", "--out", "o"],
        "--out is missing": ["met", "--query", "x"],
        "--contact is missing": ["wikimedia", "--query", "x", "--out", "o"],
        "--contact: ": ["met", "--query", "x", "--out", "o", "--contact", "a\nb"],
        "--licence free: unknown licence": [
            "met",
            "--query",
            "x",
            "--out",
            "o",
            "--licence",
            "cc0,free",
        ],
        "--site ": ["met", "--query", "x", "--out", "o", "--site", "ftp://x"],
        "contains no URL": ["urls", "--query", *listing, "--out", str(tmp_path / "a")],
        "No such file": ["urls", "--query", str(tmp_path / "none"), "--out", str(tmp_path / "a")],
        "can't be written": ["urls", "--query", *listing, "--out", str(tmp_path / "file" / "out")],
        "its list can't be fetched": [
            "wikiart",
            "--query",
            "nobody",
            "--out",
            str(tmp_path / "b"),
            "--site",
            server.url,
            *QUICK,
        ],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            main(arguments)
        assert "\n" not in str(caught.value)
    assert not Path("o").exists()


def test_answers_that_are_not_as_documented_end_in_one_line(server, tmp_path):
    for number, answer in enumerate(
        ([], {"Paintings": 3}, {"Paintings": [None, 5, {}]}, "text", None)
    ):
        server.add_json("/en/ada-lind", answer)
        with pytest.raises(UserError) as caught:
            collect("wikiart", tmp_path / str(number), server)
        assert "\n" not in str(caught.value)
    for name, body in (("html", b"<html>"), ("deep", b"[" * 100_000)):
        server.routes["/en/ada-lind"] = Reply(body, "text/html")
        with pytest.raises(UserError, match="JSON was expected, not text/html"):
            collect("wikiart", tmp_path / name, server)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_at_any_time_it_goes_on_without_fetching_anything_again(number, server, tmp_path):
    services.serve_wikiart(server, count=8, page_size=4)
    for path, reply in server.routes.items():
        if path.endswith("Large.jpg"):
            reply.slow, reply.piece = 0.3, 1 + len(reply.body) // 2
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "training.collect",
        "wikiart",
        "--query",
        "ada lind",
        "--out",
        str(out),
        "--site",
        server.url,
    ]
    child = subprocess.Popen(
        [*command, *QUICK, "--parallel", "1"], stderr=subprocess.PIPE, text=True
    )
    while len(server.paths("Large.jpg")) < 5 or not any(
        p.stat().st_size for p in out.rglob("*.part") if p.exists()
    ):
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.01)
    os.kill(child.pid, number)
    said = child.communicate()[1]
    if number == signal.SIGTERM:
        assert child.returncode == 143 and "run the same command to continue" in said
    assert 4 <= len(pictures(out)) < 8
    subprocess.run([*command, *QUICK], check=True, capture_output=True)
    assert sorted(pictures(out).values()) == sorted(picture(n) for n in range(8))
    assert len(table(out)) == 8
    # Each list was asked for once, each picture as well; the one that was on its way was continued.
    assert len(server.paths("page=1")) == len(server.paths("page=2")) == 1
    for n in range(8):
        transfers = [r for r in server.requests if r.path.endswith(f"/{n}.jpg!Large.jpg")]
        assert len(transfers) == 1 or all(r.status in (206, 416) for r in transfers[1:])
    assert not [path for path in out.rglob("*.part")]


def test_two_at_once_in_one_folder_are_refused(server, tmp_path):
    with (
        CollectionFolder(tmp_path / "out", 10**9),
        pytest.raises(UserError, match="another collect is writing here"),
    ):
        collect("wikiart", tmp_path / "out", server)


def test_a_damaged_journal_and_a_half_written_line(server, tmp_path):
    services.serve_wikiart(server, count=2)
    collect("wikiart", tmp_path, server)
    journal = tmp_path / ".collect" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"kept": {"fi')
    server.requests.clear()
    collect("wikiart", tmp_path, server)
    assert journal.read_bytes() == whole and not server.paths("/images")
    for damage in (b"[]\n", b'{"kept": {}}\n', whole.replace(b'"file": "', b'"file": "../')):
        journal.write_bytes(damage)
        with pytest.raises(UserError, match="damaged; name another --out, or remove"):
            collect("wikiart", tmp_path, server)


def test_a_folder_of_version_0_1_is_continued(server, tmp_path):
    services.serve_wikiart(server, count=5, page_size=5)
    urls = [f"{server.url}/images/ada-lind/{n}.jpg!Large.jpg" for n in range(5)]
    digests = [hashlib.sha256(url.encode()).hexdigest()[:32] for url in urls]
    partials = tmp_path / ".collect" / "partial"
    partials.mkdir(parents=True)

    def kept(n: int) -> str:
        fields = {"page": "", "title": f"Garden {n}", "artist": "", "date": "", "licence": "own"}
        sha256 = hashlib.sha256(picture(n)).hexdigest()
        fields |= {"rights": "", "sha256": sha256, "bytes": len(picture(n)), "width": 96}
        fields |= {"height": 72, "fetched": "2024-01-01T00:00:00+00:00"}
        line = {"kept": {"file": f"{n}.jpg", "url": urls[n]} | fields}
        return json.dumps(line | {"partial": f"{digests[n]}.part"})

    def rejected(n: int, reason: str) -> str:
        fields = {"url": urls[n], "title": "", "reason": reason, "detail": "x"}
        return json.dumps({"rejected": fields | {"limits": "[[], 30000000, 100000000, 64]"}})

    # Number 0 is there, 1 was complete when the process was killed, 4 had begun.
    (tmp_path / "0.jpg").write_bytes(picture(0))
    (partials / f"{digests[1]}.part").write_bytes(picture(1))
    (partials / f"{digests[4]}.part").write_bytes(picture(4)[:500])
    etag = hashlib.sha256(picture(4)).hexdigest()[:16]
    (partials / f"{digests[4]}.etag").write_text(f'"{etag}"')
    lines = [kept(0), kept(1), rejected(2, "damaged"), rejected(3, "private address")]
    (tmp_path / ".collect" / "journal.jsonl").write_text("\n".join(lines) + "\n")
    collect("wikiart", tmp_path, server, "--parallel", "1")
    assert sorted(pictures(tmp_path).values()) == sorted(picture(n) for n in (0, 1, 3, 4))
    assert len(table(tmp_path)) == 4
    assert [row["url"] for row in table(tmp_path, "rejected.csv")] == [urls[2]]
    transfers = [r for r in server.requests if r.path.startswith("/images")]
    assert [(r.path.split("/")[-1][0], r.status) for r in transfers] == [("3", 200), ("4", 206)]
