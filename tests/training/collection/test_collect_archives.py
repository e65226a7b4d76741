"""training.collect from what is at hand: an Instagram export, ZIP files made to do harm, folders."""

import csv
import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from collected_services import media, mojibake, write_zip
from picture_server import picture

from tf_i2i.errors import UserError
from training.collect import main


def collect(source: str, out: Path, *paths: Path, more: tuple[str, ...] = ()) -> int | None:
    return main([source, "--query", *map(str, paths), "--out", str(out), *more])


def table(out: Path, name: str = "sources.csv") -> list[dict]:
    return list(csv.DictReader((out / name).open(encoding="utf-8", newline="")))


POSTS = [
    {"media": [media("media/posts/202311/one.jpg", "Grüße aus Århus 🌊")]},
    {
        "media": [
            media("media/posts/202311/two.jpg"),
            media("media/posts/202311/clip.mp4"),
            media(mojibake("media/posts/202311/drei-ü.jpg")),
        ],
        "title": mojibake("Zwei\nBilder"),
        "creation_timestamp": 1_700_000_100,
    },
    {
        "media": [
            media("media/posts/202311/lost.jpg", "Latin é that was never broken: naïve \u0153uvre")
        ]
    },
    {"media": [media("../../outside.jpg")]},
]


def export_files(root: str = "", layout: str = "your_instagram_activity/media") -> dict[str, bytes]:
    archived = {
        "ig_archived_post_media": [
            {"media": [media("media/archived_posts/202001/four.jpg")], "title": "old"}
        ]
    }
    return {
        f"{root}{layout}/posts_1.json": json.dumps(POSTS).encode(),
        f"{root}{layout}/archived_posts.json": json.dumps(archived).encode(),
        f"{root}{layout}/stories.json": json.dumps(
            {"ig_stories": [media("media/stories/202311/s.jpg")]}
        ).encode(),
        f"{root}media/posts/202311/one.jpg": picture(1),
        f"{root}media/posts/202311/two.jpg": picture(2),
        f"{root}media/posts/202311/drei-ü.jpg": picture(3),
        f"{root}media/archived_posts/202001/four.jpg": picture(4),
        f"{root}media/stories/202311/s.jpg": picture(5),
        f"{root}media/posts/202311/clip.mp4": b"video",
        f"{root}personal_information/personal_information.json": b"{}",
        f"{root}messages/inbox/somebody/photo.jpg": picture(6),
    }


@pytest.mark.parametrize(
    "root, layout",
    [
        ("", "your_instagram_activity/media"),
        ("instagram-me-2026/", "your_instagram_activity/content"),
        ("", "content"),
    ],
)
def test_an_export_is_read_with_its_odd_encodings(root, layout, tmp_path):
    archive = write_zip(tmp_path / "export.zip", export_files(root, layout))
    assert collect("instagram", tmp_path / "out", archive) is None
    found = {row["sha256"]: row for row in table(tmp_path / "out")}
    kept = sorted((tmp_path / "out" / row["file"]).read_bytes() for row in found.values())
    # Posts and archived posts; neither stories nor what others sent.
    assert kept == sorted(picture(n) for n in (1, 2, 3, 4))
    titles = {row["title"]: row for row in found.values()}
    assert set(titles) == {"Grüße aus Århus 🌊", "Zwei Bilder", "old"}
    assert titles["Grüße aus Århus 🌊"]["date"] == "2023-11-14T22:13:20+00:00"
    assert {row["licence"] for row in found.values()} == {"own"}
    rejected = {row["title"]: row["reason"] for row in table(tmp_path / "out", "rejected.csv")}
    assert rejected == {
        "Zwei Bilder": "not a picture that trainers read",
        "Latin é that was never broken: naïve \u0153uvre": "no picture offered",
        "outside": "unsafe path in the archive",
    }


def test_an_export_in_several_parts_unpacked_or_of_the_oldest_kind(tmp_path):
    files = export_files()
    lists = {name: data for name, data in files.items() if name.endswith(".json")}
    first = write_zip(tmp_path / "part-1.zip", lists)
    second = write_zip(
        tmp_path / "part-2.zip", {name: data for name, data in files.items() if name not in lists}
    )
    collect("instagram", tmp_path / "parts", first, second)
    assert len(table(tmp_path / "parts")) == 4
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as two:
        one.extractall(tmp_path / "unpacked")
        two.extractall(tmp_path / "unpacked")
    collect("instagram", tmp_path / "folder", tmp_path / "unpacked")
    assert len(table(tmp_path / "folder")) == 4
    oldest = {
        "photos": [
            {
                "caption": mojibake("Früh"),
                "taken_at": "2016-05-01T10:00:00+00:00",
                "path": "photos/201605/a.jpg",
            }
        ]
    }
    old = write_zip(
        tmp_path / "old.zip",
        {"media.json": json.dumps(oldest).encode(), "photos/201605/a.jpg": picture(1)},
    )
    collect("instagram", tmp_path / "old", old)
    assert [(row["title"], row["date"]) for row in table(tmp_path / "old")] == [
        ("Früh", "2016-05-01T10:00:00+00:00")
    ]


def test_what_is_no_export_is_one_line(tmp_path):
    html = write_zip(
        tmp_path / "html.zip", {"your_instagram_activity/media/posts_1.html": b"<html>"}
    )
    other = write_zip(tmp_path / "other.zip", {"a.jpg": picture(1)})
    broken = write_zip(tmp_path / "broken.zip", {"content/posts_1.json": b'[{"media": ['})
    deep = write_zip(tmp_path / "deep.zip", {"content/posts_1.json": b"[" * 100_000})
    cut = tmp_path / "cut.zip"
    cut.write_bytes(other.read_bytes()[:-30])
    cases = {
        html: "in HTML",
        other: "no list of posts",
        broken: "damaged",
        deep: "damaged",
        cut: "incomplete or damaged ZIP",
        tmp_path / "no": "no such file",
    }
    for path, message in cases.items():
        with pytest.raises(UserError, match=message) as caught:
            collect("instagram", tmp_path / "out", path)
        assert "\n" not in str(caught.value)


def test_a_phones_zip_and_folder(tmp_path, capsys):
    files = {
        "DCIM/1.jpg": picture(1),
        "DCIM/2.HEIC": b"heic",
        "DCIM/.thumbs/1.jpg": picture(2),
        "notes.txt": b"x",
        "__MACOSX/DCIM/1.jpg": b"x",
        "DCIM/broken.jpg": picture(3)[:500],
    }
    archive = write_zip(tmp_path / "phone.zip", files)
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "4.png").write_bytes(picture(4, kind="PNG"))
    (folder / "same.jpg").write_bytes(picture(1))
    collect("files", tmp_path / "out", archive, folder, more=("--rights", "own"))
    rows = table(tmp_path / "out")
    assert sorted(row["title"] for row in rows) == ["1", "4"] and {
        row["licence"] for row in rows
    } == {"own"}
    reasons = [row["reason"] for row in table(tmp_path / "out", "rejected.csv")]
    assert sorted(reasons) == [
        "damaged",
        "not a picture that trainers read",
        "the same file as another",
    ]
    assert "save it as JPEG" in capsys.readouterr().err
    assert (folder / "same.jpg").exists()
    collect("files", tmp_path / "out", archive, folder, more=("--rights", "own"))
    assert "already there" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_left_out(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(picture(1))
    (folder / "bad.jpg").symlink_to("/proc/self/mem")  # reading it fails, for root as well
    collect("files", tmp_path / "out", folder)
    assert [row["title"] for row in table(tmp_path / "out")] == ["good"]
    (rejected,) = table(tmp_path / "out", "rejected.csv")
    assert (rejected["title"], rejected["reason"]) == ("bad", "damaged")


def test_paths_that_lead_out_of_the_folder_are_refused(tmp_path):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in (
            "../up.jpg",
            "a/../../up.jpg",
            "/etc/absolute.jpg",
            "C:/windows.jpg",
            "..\\back.jpg",
        ):
            file.writestr(name, picture(1))
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
        file.writestr("good.jpg", picture(2))
    out = tmp_path / "inner" / "out"
    before = {path for path in tmp_path.rglob("*")}
    collect("files", out, archive)
    assert [row["title"] for row in table(out)] == ["good"]
    rejected = table(out, "rejected.csv")
    assert len(rejected) == 6 and {row["reason"] for row in rejected} == {
        "unsafe path in the archive"
    }
    # Nothing was written anywhere else.
    assert all(
        path.is_relative_to(tmp_path / "inner") for path in set(tmp_path.rglob("*")) - before
    )


def test_zip_bombs_are_refused_before_anything_is_read(tmp_path):
    bomb = write_zip(tmp_path / "bomb.zip", {f"{n}.jpg": bytes(60_000_000) for n in range(2)})
    # Fifield's overlapping entries: the directory names one and the same data again and again.
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("0.jpg", picture(1))
    whole = data.getvalue()
    start, count = whole.index(b"PK\1\2"), 50
    entry = whole[start : whole.index(b"PK\5\6")]
    directory = b"".join(entry.replace(b"0.jpg", f"{n % 10}.jpg".encode()) for n in range(count))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
    (tmp_path / "overlap.zip").write_bytes(whole[:start] + directory + end)
    for path in (bomb, tmp_path / "overlap.zip"):
        for source in ("files", "instagram"):
            with pytest.raises(UserError, match="a ZIP bomb; nothing was read"):
                collect(source, tmp_path / "out", path)
    assert not list((tmp_path / "out").glob("*.jpg"))
    # One entry that is larger than a picture may be, among others: it alone is left out, and not
    # read to its end.
    mixed = write_zip(
        tmp_path / "mixed.zip", {"large.jpg": bytes(40_000_000), "good.jpg": picture(1)}
    )
    collect("files", tmp_path / "mixed", mixed)
    assert [row["title"] for row in table(tmp_path / "mixed")] == ["good"]
    assert [row["reason"] for row in table(tmp_path / "mixed", "rejected.csv")] == [
        "file too large"
    ]


def test_damaged_and_locked_entries(tmp_path):
    archive = write_zip(tmp_path / "a.zip", {"bad.jpg": picture(1), "good.jpg": picture(2)})
    data = bytearray(archive.read_bytes())
    data[200:260] = bytes(60)
    archive.write_bytes(data)
    collect("files", tmp_path / "out", archive)
    assert [row["title"] for row in table(tmp_path / "out")] == ["good"]
    assert [row["reason"] for row in table(tmp_path / "out", "rejected.csv")] == ["damaged"]
    locked = bytearray(write_zip(tmp_path / "locked.zip", {"a.jpg": picture(1)}).read_bytes())
    locked[locked.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    with pytest.raises(UserError, match="protected by a password"):
        collect("files", tmp_path / "out", tmp_path / "locked.zip")
