"""benchmarks.styles: who is trained on what, what is trained again, and a whole comparison."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import draw_pictures

from benchmarks.style_judge import Judge, split_photos
from benchmarks.style_trainings import OURS, Job, Trainer, complete, execute, named_trainers
from benchmarks.styles import chart, main, named_styles, score_table
from export.conversion.export_options import ExportOptions
from export.stylize import StylizeOptions
from tf_i2i.command_line import parse
from tf_i2i.data.image_files import read_image, write_png
from tf_i2i.errors import UserError
from tf_i2i.metrics.feature_networks import OfflineFeatures
from training.options.trainer_options import CycleGANOptions, DistillOptions, OneSidedOptions
from training.reporting.charts import svg_file

ROOT = Path(__file__).resolve().parents[2]
TINY = "onesided --load-size 80 --crop-size 64 --precision float32 --lambda-face-tone 0"
# A trainer that paints nothing, and says that it was there.
COPY = "import pathlib, shutil, sys; t, o = map(pathlib.Path, sys.argv[1:])\n"
COPY += "open(o.parent.parent / 'calls', 'a').write('x')\n"
COPY += "[shutil.copy(f, o / f.name) for f in t.iterdir()]\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """14 photos of discs; 14 paintings: blurred ones of other discs in brown."""
    root = tmp_path_factory.mktemp("styles")
    photos, discs = draw_pictures(root / "photos", 14, 1), draw_pictures(root / "discs", 14, 2)
    for file in discs.iterdir():
        brown = (read_image(file) * [0.9, 0.6, 0.3]).astype(np.uint8)
        write_png(root / "brown" / file.name, cv2.GaussianBlur(brown, (0, 0), 3))
    return photos, root / "brown"


@pytest.fixture
def copy(tmp_path) -> str:
    """The command of a peer."""
    script = tmp_path / "copy peer.py"
    script.write_text(COPY)
    return f'{sys.executable} "{script}" {{test}} {{out}}'


def test_photos_for_training_and_for_scores(folders, tmp_path):
    photos = shutil.copytree(folders[0], tmp_path / "some")
    for name in ("a", "b", "c"):
        (photos / name).mkdir()
        shutil.copy(photos / "00.png", photos / name / "00.png")
    out = tmp_path / "out"
    out.mkdir()
    test = split_photos(str(photos), out)
    names = [file.stem for folder in ("photos", "test") for file in (out / folder).iterdir()]
    assert len(names) == len(set(names)) == 14, "three copies of one are not there again"
    assert 3 <= len(test) <= 5 and all(file.suffix == ".png" for file in test)
    assert all(link.resolve().is_relative_to(photos) for link in (out / "photos").iterdir())
    assert split_photos(str(photos), out) == test
    with pytest.raises(UserError, match="is not of --photos"):
        split_photos(str(folders[1]), out)
    few = draw_pictures(tmp_path / "few", 5, 1)
    with pytest.raises(UserError, match="5 photos, 8 are needed"):
        split_photos(str(few), out)


def test_names(folders):
    styles = named_styles([str(folders[1]), f"discs={folders[0]}"])
    assert styles == {"brown": folders[1], "discs": folders[0]}
    trainers = named_trainers(
        ["onesided", "bold=onesided --look bold", "cyclegan --ngf 8"], ["a.b=cp {test}/* {out}"]
    )
    assert [trainer.name for trainer in trainers] == ["onesided", "bold", "cyclegan", "a.b"]
    assert trainers[1].training[0].endswith("--run {run} --look bold")
    assert len(trainers[2].training) == 2 and "--ngf 8" in trainers[2].training[0]
    assert trainers[3].training == ("cp {test}/* {out}",) and not trainers[3].translation


def test_our_commands_have_valid_options():
    options = {"onesided": OneSidedOptions, "cyclegan": CycleGANOptions, "distill": DistillOptions}
    options |= {"tflite": ExportOptions, "stylize": StylizeOptions}
    seen = set()
    for trainer in named_trainers([*OURS], []):
        for command in (*trainer.training, *trainer.translation):
            words = shlex.split(re.sub(r"{\w+}", "1", command))
            assert words[:2] == ["1", "-m"]
            name = words[2].split(".")[1]
            parse(options[name], words[3:], words[2], "")
            seen.add(name)
    assert seen == set(options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "--photos DIR and --style DIR"),
        ("--photos x --style nowhere", "--style nowhere: no such folder"),
        ("--photos x --style {brown} {brown}", "brown is taken"),
        ("--photos x --style test={brown}", "test is taken"),
        ("--photos x --style {brown} --ours pix2pix", "our trainers are onesided, cyclegan"),
        ("--photos x --style {brown} --ours onesided onesided", "two trainers are called onesided"),
        ("--photos x --style {brown} --peer cp{{test}}{{out}}", "write NAME=COMMAND"),
        ("--photos x --style {brown} --peer a=cp{{out}}", "write NAME=COMMAND"),
        ("--photos nowhere --style {brown}", "--photos nowhere: no such folder"),
        ("--photos {brown} --style {brown}", "photos and paintings do not differ"),
        ("--photos {brown} --style {brown} --features no.h5", "--features no.h5: no such file"),
    ],
)
def test_wrong_usage(folders, tmp_path, arguments, message):
    words = arguments.format(brown=folders[1]).split()
    with pytest.raises(UserError, match=message):
        main([*words, "--out", str(tmp_path / "out")])


def test_only_what_is_missing_is_trained(folders, tmp_path, copy, capsys):
    out = tmp_path / "out"
    out.mkdir()
    test = split_photos(str(folders[0]), out)
    judge = Judge(OfflineFeatures(), test, {"brown": folders[1]})
    missing = Trainer("one", (f"cp {{test}}/{test[0].name} {{out}}",))
    broken = Trainer("broken", ("echo it is broken >&2; exit 7",))
    squares = Trainer("copy", (copy + " # {minutes} {seed} {other}",))

    def trained(*jobs):
        return complete([Job("brown", folders[1], *job) for job in jobs], judge, out)

    rows, failed = trained((squares, 2, 1), (missing, 2, 1), (broken, 2, 1), (squares, 3, 1))
    assert [(row["trainer"], row["minutes"]) for row in rows] == [("copy", 2), ("copy", 3)]
    for row in rows:
        assert row["gap_closed"] == 0 and row["gap_error"] > 0
        assert row["structure"] == pytest.approx(1) and row["detail"] == pytest.approx(1, abs=1e-3)
    assert f"no translation of {test[1].name}" in failed[0]
    assert "exit status 7, it is broken" in failed[1] and "log.txt" in failed[1]
    assert "# 2 1 {other}" in (out / rows[0]["folder"] / "log.txt").read_text()

    mended = Trainer("broken", (copy,))
    rows, failed = trained((squares, 2, 1), (mended, 2, 1), (squares, 3, 1))
    assert len(rows) == 3 and not failed
    calls = {path.parent.name: path.read_text() for path in out.rglob("calls")}
    assert calls == {"copy": "xx", "broken": "x"}
    # The paintings themselves as translations, of another size and form.
    for file, painting in zip(test, sorted(folders[1].iterdir()), strict=False):
        image = cv2.resize(read_image(painting), (96, 96))
        write_png(out / rows[0]["folder"] / "out" / file.name, image)
    assert trained((squares, 2, 1))[0] == rows[:1], "scored once"
    judge.facts = lambda: {"features": "others"}
    rows, _ = trained((squares, 2, 1))
    assert abs(rows[0]["gap_closed"] - 100) < 40 and rows[0]["structure"] < 0.8


def test_an_interruption_ends_the_training(tmp_path):
    pid = tmp_path / "pid"

    def interrupt():
        if pid.exists() and pid.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(
            "sh -c 'echo $$ > {pid}; sleep 99'; true", {"pid": pid}, tmp_path / "log", interrupt
        )
    state, end = Path(f"/proc/{pid.read_text().strip()}/stat"), time.monotonic() + 60
    while state.exists() and state.read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.1)


def test_table_and_chart_of_several_seeds():
    common = {"style": "monet", "gap_error": 5.0, "detail": 0.5, "took_minutes": 2.0}
    rows = [
        {**common, "trainer": t, "minutes": m, "seed": s, "gap_closed": 10 * m + s, "structure": 1}
        for t, m, s in [("a", 2, 1), ("b", 2, 1), ("a", 5, 1), ("a", 2, 3)]
    ]
    lines = [line.split() for line in score_table(rows).splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        ["monet", "a", "2"],
        ["monet", "a", "5"],
        ["monet", "b", "2"],
    ]
    assert "22 (21 to 23)" in score_table(rows) and lines[2][4] == "51"
    svg = ElementTree.fromstring(svg_file(chart(rows)))
    texts = [e.text for e in svg.iter() if e.tag.endswith("text")]
    assert {"a", "b", "2", "5", "monet: gap closed, %", "monet: detail"} <= set(texts)


@pytest.mark.timeout(3000)
def test_a_whole_comparison(folders, tmp_path, copy):
    photos, paintings = folders
    out = tmp_path / "a comparison"
    command = [sys.executable, "-m", "benchmarks.styles", "--photos", photos, "--style", paintings]
    command += ["--out", out, "--minutes", "0.1", "--features", "offline", "--ours", TINY]
    command += ["--peer", f"copy={copy}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run():
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    shown = run()
    assert "4 held-out photos; features of KID: offline-bank-1" in shown
    rows = {row["trainer"]: row for row in json.loads((out / "styles.json").read_text())["rows"]}
    assert rows["copy"]["gap_closed"] == 0 and rows["copy"]["structure"] == pytest.approx(1)
    assert rows["onesided"]["gap_closed"] != 0 and 0 < rows["onesided"]["detail"] < 1
    assert rows["onesided"]["took_minutes"] > 0.1
    assert ElementTree.parse(out / "styles.svg").getroot().tag.endswith("svg")
    # Four photos, three columns of 192 pixels.
    height, width, _ = read_image(out / "brown.png").shape
    assert 10 < height - (4 * 196 + 4) < 30 and width == 3 * 196 + 4, "labels and 4 x 3 pictures"
    config = json.loads((out / rows["onesided"]["folder"] / "run" / "config.json").read_text())
    assert config["data"]["counts"]["train_a"] == 10, "too few to hold out more"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("done.json")}
    assert len(before) == 2 and run().splitlines()[4:8] == shown.splitlines()[4:8]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("done.json")} == before
