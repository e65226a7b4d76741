"""The commands of docs/tutorial.md, read out of the page, run in their order at a tiny size, from a
museum's answers to a file for phones."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest
from collected_services import media, serve_met, serve_wikiart, write_zip
from picture_server import Reply, picture, picture_server
from PIL import Image

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
# What makes each command small, or lets it ask the local server; appended, so that it wins over
# what the page says.
SMALL = {
    "training.collect wikiart": ["--site", "{server}", "--interval", "0"],
    "training.collect met": ["--site", "{server}", "--interval", "0"],
    "training.curate": ["--min-size", "48"],
    "training.onesided": [
        "--load-size",
        "72",
        "--crop-size",
        "64",
        "--batch-size",
        "2",
        "--steps",
        "2",
    ],
    "export.tflite": ["--min-psnr", "0", "--size", "64", "--no-gpu-check"],
}


def blocks(kind: str = "") -> list[list[str]]:
    """The commands of the page's blocks: those without a name, or those that are called `kind`."""
    found = re.findall(
        r"^```(?:sh )?([a-z]*)\n(.*?)^```$",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    lines = [line for name, block in found if name == kind for line in block.splitlines()]
    assert all(line.startswith("python -m ") for line in lines)
    return [shlex.split(line)[2:] for line in lines]


def run(command: list[str], server: str, more: list[str] | None = None) -> None:
    module, *arguments = command
    name = next((name for name in SMALL if " ".join(command).startswith(name)), None)
    extra = [text.format(server=server) for text in (SMALL.get(name, []) if more is None else more)]
    # The export is made at 64 pixels instead.
    arguments = [text.replace("ab-256-", "ab-64-") for text in arguments]
    assert not importlib.import_module(module).main([*arguments, *extra])


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """A folder with what a reader has: the export and the phone's ZIP."""
    posts = [{"media": [media(f"media/posts/202401/{n}.jpg", "Südsee")]} for n in range(4)]
    files = {f"media/posts/202401/{n}.jpg": picture(100 + n) for n in range(4)}
    lists = {"your_instagram_activity/media/posts_1.json": json.dumps(posts).encode()}
    write_zip(tmp_path / "instagram-export.zip", files | lists)
    write_zip(
        tmp_path / "phone.zip", {f"DCIM/{n}.jpg": picture(200 + n, (120, 96)) for n in range(4)}
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.timeout(1500)
def test_from_an_artists_name_to_a_file_for_phones(workplace):
    with picture_server() as server:
        serve_wikiart(server, artist="gustav-klimt")
        serve_met(server, artist="gustav klimt")
        # The museum's are others than WikiArt's.
        for number in range(7):
            server.routes[f"/images/{number}.jpg"] = Reply(picture(300 + number))
        commands = blocks()
        assert [" ".join(command[:1]) for command in commands] == [
            *["training.collect"] * 4,
            *["training.curate"] * 2,
            "training.onesided",
            "export.tflite",
            "export.stylize",
            "export.report",
        ]
        for command in commands:
            run(command, server.url)
    data = workplace / "data"
    assert (
        len(list((data / "paintings").glob("*.jpg"))) == 7 + 5
        and len(list((data / "photos").glob("*.jpg"))) == 8
    )
    licences = {
        line.rsplit(",", 7)[1]
        for line in (data / "photos" / "sources.csv").read_text().splitlines()[1:]
    }
    assert licences == {"own"}
    assert (data / "curate.html").exists()
    (exported,) = json.loads((workplace / "runs/klimt/export/export.json").read_text())
    assert (exported["variant"], exported["size"]) == ("int8", 64)
    styled = sorted((workplace / "styled").rglob("*.jpg"))
    assert len(styled) == 8 and {Image.open(file).size for file in styled} == {(96, 72), (120, 96)}
    assert (workplace / "runs/klimt/report.html").exists()


def test_the_other_forms_are_commands_that_there_are(workplace, picture_folders, capsys):
    (small,) = blocks("small")
    a, b = map(str, picture_folders)
    run(
        small,
        "",
        ["--domain-a", a, "--domain-b", b, "--run", str(workplace / "other"), "--dry-run"],
    )
    (android,) = blocks("android")
    assert android[0] == "export.android"
    with pytest.raises(SystemExit) as end:
        importlib.import_module("export.android").main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (*android, "--install") if word.startswith("--"))
