"""Finished files in the app and on the page: export.android --model, export.web --model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from exported_models import (
    add_file,
    converted,
    exported,
    fake_run,
    from_layers,
)
from fetched_networks import fetched
from mutations import damaged_models

from export.android import main as android
from export.conversion.app_files import app_files
from export.conversion.metadata import with_metadata
from export.conversion.variants import VARIANTS
from export.web import main as web
from export.web_app.litert_js import PACKAGE
from tf_i2i.command_line import run_command
from tf_i2i.errors import UserError
from tf_i2i.litert.model_file import read_facts
from tf_i2i.pretrained.npm_packages import npm_tarball

ROOT = Path(__file__).resolve().parents[2]
# Three times the student's halo and more: the least that the app can cut photos into.
SIZE = 80
# Runs a command, and names what it imported.
MODULES = """
import importlib, sys
importlib.import_module(sys.argv[1]).main(sys.argv[2:])
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def tarball() -> Path:
    return fetched(npm_tarball, PACKAGE, "LiteRT.js")


@pytest.fixture
def file(tmp_path) -> Path:
    return written(tmp_path / "My Monet_2.tflite", exported("int8", SIZE))


def no_picture() -> bytes:
    """A network of numbers, not of pictures."""
    return from_layers(keras.layers.Flatten(), keras.layers.Dense(3))


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_file_is_on_the_page_as_its_run_is(file, tarball, tmp_path, monkeypatch):
    run = fake_run(tmp_path, monkeypatch)
    add_file(run, file.read_bytes(), size=SIZE)
    of_run, of_file = (
        page(tmp_path / option, option, str(named), "--litert", str(tarball))
        for option, named in (("--run", run), ("--model", file))
    )
    assert json.loads(of_file["site.json"])["models"] == [
        {"id": "my-monet-2", "title": "My Monet 2", "file": "models/my-monet-2.tflite"}
    ]
    assert of_file["models/my-monet-2.tflite"] == file.read_bytes()
    renamed = {
        name.replace("run-ab-80-int8", "my-monet-2"): data.replace(
            b"run-ab-80-int8", b"my-monet-2"
        ).replace(b'"Run"', b'"My Monet 2"')
        for name, data in of_run.items()
    }
    for site in (renamed, of_file):
        site["sw.js"] = re.sub(rb"[0-9a-f]{64}", b"version", site["sw.js"])
    assert renamed == of_file


def page(out: Path, *options: str) -> dict[str, bytes]:
    assert web([*options, "--out", str(out)]) == 0
    return contents(out)


def test_a_file_is_in_the_app_as_its_run_is_without_pictures(file, tmp_path, monkeypatch):
    run = fake_run(tmp_path, monkeypatch)
    add_file(run, file.read_bytes(), size=SIZE)

    def gone(*_):
        raise UserError("--domain-a photos: no such folder")

    monkeypatch.setattr("training.runs.finished_run.FinishedRun.data", gone)
    of_run, of_file = (
        assets(tmp_path / option, option, str(named))
        for option, named in (("--run", run), ("--model", file))
    )
    assert of_file[0] == {
        "name": "my-monet-2",
        "title": "My Monet 2",
        "direction": "ab",
        "size": SIZE,
        "variant": "int8",
        "file": "my-monet-2.tflite",
        "thumbnail": "my-monet-2.png",
    }
    assert of_file[1:] == of_run[1:] and of_file[1] == file.read_bytes()


def assets(folder: Path, *options: str) -> tuple[dict, bytes, bytes]:
    """Entry, file and thumbnail of the only model."""
    assert android([*options, "--assets", str(folder)]) == 0
    (entry,) = json.loads((folder / "models.json").read_text())
    return entry, *((folder / entry[key]).read_bytes() for key in ("file", "thumbnail"))


def test_each_file_has_a_name_of_its_own(tmp_path):
    """Also where names differ in what a file's name has not, or one has another's number."""
    names = ("a/monet", "b/monet", "c/Monet 2", "日本", "klimt", "中国")
    paths = [written(tmp_path / f"{name}.tflite", exported("int8")) for name in names]
    files = app_files([], (), [*map(str, paths), str(paths[0])])
    assert [(file.path, file.name, file.title) for file in files] == list(
        zip(
            paths,
            ("monet", "monet-2", "monet-2-2", "run", "klimt", "2"),
            ("Monet", "Monet 2", "Monet 2 2", "日本", "Klimt", "中国 2"),
            strict=True,
        )
    )


def told(**facts) -> bytes:
    """A file whose metadata says something else."""
    whole = exported("int8", SIZE)
    return with_metadata(converted("int8", SIZE), VARIANTS["int8"], read_facts(whole) | facts)


@pytest.mark.parametrize("command", [web, android])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: None, r"can't be read \(No such file or directory\); name a \.tflite file"),
        (lambda: b"no model at all", r"not a \.tflite file; name one that export.tflite wrote"),
        (
            lambda: converted("int8", SIZE),
            "its metadata lacks model, direction, .*; export it with export.tflite",
        ),
        (lambda: exported("int8", SIZE)[:9000], r"can't be run .* complete \.tflite file\?"),
        (no_picture, "takes 1 float32 .*; name a file of export.tflite"),
        (lambda: told(direction="up"), "its metadata says direction up; export it again"),
        (lambda: told(variant=["../x"]), "its metadata says variant .*; export it again"),
        (lambda: told(size=SIZE + 1), "its metadata says size 81; export it again"),
        (lambda: told(stride=0), "a halo of 24 and a stride of 0 can't be; export it again"),
    ],
)
def test_what_is_no_finished_file_is_one_line_and_exit_status_2(
    command, data, said, tmp_path, capsys
):
    path, out = tmp_path / "a file.tflite", tmp_path / "out"
    if content := data():
        path.write_bytes(content)
    options = {
        web: ["--out", str(out), "--litert", "missing.tgz"],
        android: ["--assets", str(out)],
    }
    with pytest.raises(SystemExit) as stopped:
        run_command(lambda: command(["--model", str(path), *options[command]]))
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2
    assert re.fullmatch(f"error: {re.escape(str(path))}: (damaged, )?{said}", line), line
    assert not contents(out)


@pytest.mark.parametrize("command", [web, android])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--run", "x"], "--run and --model: both name models; leave one out"),
        (["--variant", "int8"], "--variant has no effect beside --model; leave it out"),
    ],
)
def test_options_that_are_of_runs(command, options, said, file, tmp_path):
    out = "--out" if command is web else "--assets"
    with pytest.raises(UserError, match=said):
        command(["--model", str(file), out, str(tmp_path / "out"), *options])


def test_damaged_files_are_refused_or_whole(tmp_path):
    """What is not refused has facts that the app and the page can use."""
    refused = 0
    for name, data in damaged_models(40, seed=4):
        path = written(tmp_path / name, data)
        try:
            (file,) = app_files([], (), [str(path)])
        except UserError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
            refused += 1
        else:
            assert file.entry["size"] == 64 and file.entry["direction"] in ("ab", "ba")
    assert refused > 20


@pytest.mark.parametrize("command", ["export.web", "export.android"])
def test_no_training_software_is_imported(command, file, tarball, tmp_path):
    """Even where it is installed: it takes seconds, and the small installation has none."""
    out = tmp_path / "out"
    options = ["--out", out, "--litert", tarball] if command == "export.web" else ["--assets", out]
    done = subprocess.run(
        [sys.executable, "-c", MODULES, command, "--model", file, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    heavy = {"tensorflow", "keras", "cv2", "skimage", "sklearn", "scipy", "matplotlib"}
    assert heavy.isdisjoint(done.stderr.splitlines()[-1].split())
