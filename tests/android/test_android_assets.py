"""python -m export.android --run RUN...: which files go into the app's assets, and what is never
touched there.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from exported_models import (
    add_file,
    converted,
    described,
    exported,
    fake_run,
    pictures,
    student,
    tiled,
)
from PIL import Image

from export.android import main
from export.android_app.android_assets import ModelAssets
from export.android_app.android_models import held_out_photo
from export.benchmark import main as benchmark
from export.html_report.report_record import read_record
from tf_i2i.command_line import run_command
from tf_i2i.errors import UserError
from tf_i2i.files import sha256_of

# Three times the student's halo and more: the least that the app can cut photos into.
SIZE = 80


def crashing() -> bytes:
    """A network with an operation on a tensor that does not exist, in a file that is otherwise
    whole.
    """
    import flatbuffers

    model = schema.ModelT.InitFromPackedBuf(converted("int8", SIZE), 0)
    broken = model.subgraphs[0].operators[3]
    broken.inputs = [9999, *broken.inputs[1:]]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return described(bytes(builder.Output()), student(), SIZE, "int8")


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run with the tiny student's int8 and float16 files."""
    run = fake_run(tmp_path, monkeypatch)
    for variant in ("int8", "float16"):
        add_file(run, exported(variant, SIZE), variant=variant, size=SIZE)
    return run


def put(assets: Path, *runs: Path, options: tuple[str, ...] = ()) -> list[dict]:
    assert main(["--assets", str(assets), "--run", *map(str, runs), *options]) == 0
    return json.loads((assets / "models.json").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_files_of_an_earlier_student_are_not_shipped(run, tmp_path, capsys):
    """After a student is distilled again: its old files are named, and only timed."""
    weights = run / "student" / "ab" / "student.weights.h5"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"first")
    made_of = {"weights_sha256": sha256_of(b"first"), "size": SIZE}
    add_file(run, exported("int8", SIZE), **made_of)
    add_file(run, exported("float16", SIZE), variant="float16", **made_of)
    assert len(put(tmp_path / "assets", run)) == 1
    weights.write_bytes(b"second")
    with pytest.raises(
        UserError, match=r"ab-80-int8.tflite is of earlier weights .*--size 80 --int8"
    ):
        main(["--assets", str(tmp_path / "assets"), "--run", str(run)])
    capsys.readouterr()
    assert benchmark(["--run", str(run), "--repeats", "1", "--threads", "1"]) == 0
    said = capsys.readouterr()
    assert said.err.count("is of earlier weights of the student") == 2 and "ab-80-int8" in said.out
    assert list(read_record(run).stale) == ["ab-80-float16.tflite", "ab-80-int8.tflite"]
    add_file(
        run,
        exported("float16", SIZE),
        variant="float16",
        size=SIZE,
        weights_sha256=sha256_of(b"second"),
    )
    (entry,) = put(tmp_path / "assets", run, options=("--variant", "float16"))
    assert entry["variant"] == "float16"


def test_the_int8_student_and_its_picture_are_put_there(run, tmp_path):
    (entry,) = put(tmp_path / "assets", run)
    assert entry == {
        "name": "run-ab-80-int8",
        "title": "Run",
        "file": "run-ab-80-int8.tflite",
        "thumbnail": "run-ab-80-int8.png",
        "direction": "ab",
        "size": 80,
        "variant": "int8",
    }
    assert (tmp_path / "assets" / entry["file"]).read_bytes() == exported("int8", SIZE)


def test_the_thumbnail_is_the_models_picture_of_a_held_out_photo(run, tmp_path):
    put(tmp_path / "assets", run)
    thumbnail = Image.open(io.BytesIO((tmp_path / "assets" / "run-ab-80-int8.png").read_bytes()))
    photo = held_out_photo(run, "ab")
    middles = [pictures(2).image(i)[:, 8:88] for i in range(len(pictures(2)))]
    assert any(np.array_equal(photo, middle) for middle in middles)
    translated = Image.fromarray(
        tiled(converted("int8", SIZE), (SIZE + 48, SIZE + 48), photo, margin=24)
    ).resize((256, 256), Image.Resampling.LANCZOS)
    assert (thumbnail.mode, thumbnail.size) == ("RGB", (256, 256))
    assert np.array_equal(np.asarray(thumbnail), np.asarray(translated))


def test_variants_and_directions_are_told_apart(run, tmp_path):
    add_file(run, exported("int8", SIZE), direction="ba", size=SIZE)
    entries = put(tmp_path / "assets", run, options=("--variant", "float16", "int8"))
    assert [(entry["name"], entry["title"]) for entry in entries] == [
        ("run-ab-80-int8", "Run (int8)"),
        ("run-ab-80-float16", "Run (float16)"),
        ("run-ba-80-int8", "Run reversed (int8)"),
    ]


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ([("student", "float32"), ("student", "float16")], "float16"),
        ([("teacher", "float16"), ("student", "dynamic")], "dynamic"),
    ],
)
def test_without_an_int8_file_the_best_there_is_is_taken(tmp_path, monkeypatch, there, taken):
    run = fake_run(tmp_path, monkeypatch)
    for model, variant in there:
        add_file(run, exported(variant, SIZE), model=model, variant=variant, size=SIZE)
    assert [entry["variant"] for entry in put(tmp_path / "assets", run)] == [taken]


def test_runs_of_one_name_are_kept_apart(run, tmp_path):
    other = tmp_path / "elsewhere" / "run"
    other.mkdir(parents=True)
    add_file(other, exported("float32", SIZE), variant="float32", size=SIZE)
    entries = put(tmp_path / "assets", run, other)
    assert [(entry["name"], entry["title"]) for entry in entries] == [
        ("run-ab-80-int8", "Run"),
        ("run-2-ab-80-float32", "Run 2"),
    ]


def test_a_second_command_replaces_what_the_first_put_there_and_nothing_else(run, tmp_path):
    assets = tmp_path / "assets"
    put(assets, run)
    theirs = {
        "name": "own",
        "title": "Own",
        "file": "own.tflite",
        "thumbnail": "own.png",
        "direction": "ab",
        "size": 80,
        "variant": "int8",
    }
    (assets / "own.tflite").write_bytes(b"somebody's")
    (assets / "own.png").write_bytes(b"somebody's")
    listed = json.loads((assets / "models.json").read_text())
    (assets / "models.json").write_text(json.dumps([*listed, theirs]))
    entries = put(assets, run, options=("--variant", "float16"))
    assert [entry["name"] for entry in entries] == ["own", "run-ab-80-float16"]
    there = contents(assets)
    assert there["own.tflite"] == b"somebody's" and "run-ab-80-int8.tflite" not in there
    assert {path.name for path in ModelAssets(assets).files()} == {
        "models.json",
        "own.tflite",
        "own.png",
        "run-ab-80-float16.tflite",
        "run-ab-80-float16.png",
    }


def test_a_file_of_somebody_else_is_not_overwritten(run, tmp_path):
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "run-ab-80-int8.tflite").write_bytes(b"somebody's")
    with pytest.raises(UserError, match=r"run-ab-80-int8\.tflite: was not made by this command"):
        put(assets, run)
    assert contents(assets) == {"run-ab-80-int8.tflite": b"somebody's"}


def test_what_is_killed_half_way_leaves_a_list_of_whole_files_and_can_be_run_again(
    run, tmp_path, monkeypatch
):
    import export.android_app.android_assets as module

    assets, whole = tmp_path / "assets", module.write_bytes
    put(assets, run, options=("--variant", "float16"))

    def killed(path: Path, content: bytes) -> None:
        if path.suffix == ".png":
            raise KeyboardInterrupt
        whole(path, content)

    monkeypatch.setattr(module, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        put(assets, run)
    assert [path.name for path in ModelAssets(assets).files()][1:] == [
        "run-ab-80-float16.tflite",
        "run-ab-80-float16.png",
    ]
    monkeypatch.undo()
    monkeypatch.setattr(
        "export.android_app.android_models.held_out_photo",
        lambda run, direction: pictures(2).image(0)[:, :80],
    )
    put(assets, run)
    assert sorted(contents(assets)) == [
        ".made-by-export-android.json",
        "models.json",
        "run-ab-80-int8.png",
        "run-ab-80-int8.tflite",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: converted("int8", SIZE), "its metadata lacks model, direction"),
        (lambda: b"\x00\x00\x00\x00TFL3" + bytes(64), "its metadata lacks"),
        (lambda: b"no model at all", "not a .tflite file"),
        (
            lambda: exported("int8", SIZE)[:8] + bytes(2000) + exported("int8", SIZE)[2008:],
            "has no metadata on the range of its pixels",
        ),
        (crashing, "can't be run"),
    ],
)
def test_a_file_that_the_app_could_not_use_is_one_line_and_exit_status_2(
    run, tmp_path, capsys, data, said
):
    assets = tmp_path / "assets"
    put(assets, run, options=("--variant", "float16"))
    before = contents(assets)
    add_file(run, data(), size=SIZE)
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run_command(lambda: main(["--assets", str(assets), "--run", str(run)]))
    lines = capsys.readouterr().err.splitlines()
    assert (
        stopped.value.code == 2
        and len(lines) == 1
        and said in lines[0]
        and "ab-80-int8.tflite" in lines[0]
    )
    assert contents(assets) == before


def test_an_input_too_small_for_tiles_is_refused(tmp_path, monkeypatch):
    run = fake_run(tmp_path, monkeypatch)
    add_file(run, exported("int8"))
    with pytest.raises(
        UserError,
        match="64 pixels is too small for tiles that overlap by 24; export one of at least 72",
    ):
        put(tmp_path / "assets", run)


def test_a_file_that_changed_after_its_export_is_refused(run, tmp_path):
    path = run / "export" / "ab-80-int8.tflite"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"is not the file in export\.json"):
        put(tmp_path / "assets", run)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--variant", "int16"),
            r"no int16 file; write it: python -m export\.tflite --run \S+ --int16",
        ),
        (("--run", "nowhere"), "nowhere: no such folder"),
        (("--apk", "app.zip"), r"must be a file name that ends in \.apk"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_written(run, tmp_path, monkeypatch, options, said):
    monkeypatch.setattr("export.android.find_tools", dict)
    with pytest.raises(UserError, match=said):
        main(["--assets", str(tmp_path / "assets"), "--run", str(run), *options])
    assert not (tmp_path / "assets").exists()


def test_a_run_whose_pictures_are_gone_gets_a_bundled_photograph(
    run, tmp_path, monkeypatch, capsys
):
    def gone(*_):
        raise UserError("--domain-a photos: no such folder")

    monkeypatch.setattr("training.runs.finished_run.FinishedRun.data", gone)
    put(tmp_path / "assets", run)
    said = capsys.readouterr().err
    assert "no such folder" in said
    assert "thumbnails of this run show a bundled photograph" in said


def test_without_a_run_the_models_that_are_there_stay(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assets = tmp_path / "assets"
    with pytest.raises(UserError, match="no run with a checkpoint"):
        main(["--assets", str(assets)])
    put(assets, run)
    before = contents(assets)
    assert main(["--assets", str(assets)]) == 0 and contents(assets) == before
