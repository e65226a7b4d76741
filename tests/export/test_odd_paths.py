"""Every command with runs, pictures and results under names that shells, patterns and formats trip over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY, draw_pictures

from export.android import main as android
from export.benchmark import main as benchmark
from export.report import main as report
from export.stylize import main as stylize
from export.tflite import main as tflite
from tf_i2i.errors import UserError
from training.cartoonize import main as cartoonize
from training.curate import main as curate
from training.cyclegan import main as cyclegan
from training.distill import main as distill
from training.evaluate import main as evaluate

ODD = "r [v2] *? 'q' \"Q\" %s %(x)d #1 $HOME ~ \\n {x} é 日本語 " + "x" * 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Under an odd name: two folders of pictures, and a run on them."""
    folder = tmp_path_factory.mktemp("odd") / ODD
    data = [draw_pictures(folder / name, 14, seed) for seed, name in enumerate("AB")]
    named = ["--domain-a", str(data[0]), "--domain-b", str(data[1])]
    sizes = ["--load-size", "72", "--crop-size", "64"]
    steps = ["--steps", "2", "--student-steps", "2"]
    assert cyclegan([*TINY, *sizes, *named, *steps, "--run", str(folder / "run")]) is None
    return folder


@pytest.mark.timeout(1200)
def test_a_run_goes_on_and_becomes_an_app(folder, capsys):
    run = str(folder / "run")
    assert cyclegan(["--run", run, "--resume", "--steps", "3"]) is None
    assert "resuming at step 2 of 3" in capsys.readouterr().err
    assert not distill(["--run", run, "--steps", "3", "--resume"])
    exporting = ["--run", run, "--int8", "--size", "128", "--min-psnr", "5", "--no-gpu-check"]
    assert not tflite(exporting)
    model = folder / "run" / "export" / "ab-128-int8.tflite"
    assert not evaluate(["--run", run, "--model", str(model)])
    assert not benchmark(["--run", run, "--repeats", "2"])
    assert not stylize([str(model), str(folder / "A"), "--out", str(folder / "out")])
    assert len(list((folder / "out").iterdir())) == 14
    assert not android(["--run", run, "--assets", str(folder / "assets")])
    assert not report(["--run", run])
    assert (folder / "run" / "report.html").stat().st_size > 10_000


def test_pictures_are_prepared_there(tmp_path):
    photos = draw_pictures(tmp_path / ODD / "photos", 4, seed=1)
    limits = ["--min-size", "0", "--duplicate-bits", "-1"]
    assert not cartoonize([str(photos), "--out", str(tmp_path / ODD / "pairs"), *limits])
    assert len(list((tmp_path / ODD / "pairs" / "cartoon").iterdir())) == 4
    assert not curate([str(photos), "--min-size", "16"])
    assert (tmp_path / ODD / "curate.html").exists()


def test_a_name_that_tensorflow_can_not_take_is_refused_at_once(tmp_path):
    run = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(UserError, match=r"caf\\xe9: its name is no UTF-8 text"):
        cyclegan([*TINY, "--run", str(run)])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_that_the_terminal_has_no_letters_for(tmp_path, encoding):
    photos = draw_pictures(tmp_path / ODD, 4, seed=1)
    command = [sys.executable, "-m", "training.cartoonize", str(photos), "--duplicate-bits", "-1"]
    done = subprocess.run(
        [*command, "--min-size", "0", "--out", str(tmp_path / "pairs 日本語")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    assert rb"pairs \u65e5\u672c\u8a9e" in done.stdout
