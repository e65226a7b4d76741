"""Pix2Pix as a user runs it: the folder it leaves, its student, files, scores and page; wrong
usage.

That a killed run goes on to the same weights is in test_never_lose_work.py."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from conftest import PAIRED_TINY as TINY
from PIL import Image

from tf_i2i.command_line import parse
from tf_i2i.errors import UserError
from training.options.trainer_options import Pix2PixOptions
from training.pix2pix import main
from training.runs.run_data import load_data


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def folders(pair_folders) -> list[str]:
    return ["--input", str(pair_folders / "input"), "--target", str(pair_folders / "target")]


@pytest.fixture(scope="session")
def paired_run(tmp_path_factory, folders):
    """8 steps of a U-Net, a student of 12. Read only, but for what export and evaluation add."""
    run = tmp_path_factory.mktemp("runs") / "paired"
    assert (
        main([*TINY, *folders, "--run", str(run), "--steps", "8", "--student-steps", "12"]) is None
    )
    return run


def test_run_folder(paired_run):
    records = lines(paired_run / "metrics.jsonl")
    assert [record["step"] for record in records] == list(range(1, 9)), "a line each step"
    assert {"D_real", "D_fake", "G_GAN", "G_L1", "D"} <= set(records[-1])
    assert all(0 <= record[name] <= 1 for record in records for name in ("D_real", "D_fake"))
    config = json.loads((paired_run / "config.json").read_text())
    assert config["model"] == "pix2pix"
    assert config["options"]["generator"] == "unet64" and config["options"][
        "ema_half_life"
    ] == pytest.approx(1.6)
    assert config["data"]["counts"] == {"train_a": 12, "train_b": 12, "val_a": 2, "val_b": 2}
    assert config["data"]["paired_validation"] is True
    sample = Image.open(paired_run / "samples" / "step-000008.png")
    assert sample.size[0] > 3 * 64 and sample.size[1] > 2 * 64
    assert "distill_truth" in lines(paired_run / "student" / "ab" / "metrics.jsonl")[-1]


def test_restored_teacher_is_the_checkpoints_average(paired_run):
    import tensorflow as tf

    from tf_i2i.models.moving_average import MovingAverage
    from training.runs.finished_run import FinishedRun

    teacher = FinishedRun(paired_run).network("teacher", "ab")
    reader = tf.train.load_checkpoint(str(paired_run / "checkpoints"))
    for i, weight in enumerate(MovingAverage(teacher, 0, statistics=True).watched):
        stored = reader.get_tensor(f"model/average/averages/{i}/.ATTRIBUTES/VARIABLE_VALUE")
        np.testing.assert_array_equal(weight, stored, err_msg=weight.name)
    with pytest.raises(UserError, match=r"--direction ba.*trained on pairs"):
        FinishedRun(paired_run).network("teacher", "ba")


def test_pairs_have_no_augmented_copies(paired_run):
    from training.distill import main as distil

    with pytest.raises(UserError, match=r"--label-copies 1: not in a run on pairs"):
        distil(["--run", str(paired_run), "--label-copies", "1"])


def test_exported_files_hold(paired_run):
    from export.tflite import main as export

    # A student of 12 steps is no good in integers yet; that the file is made and measured is the
    # point here.
    assert (
        export(
            ["--run", str(paired_run), "--size", "64", "--int8", "--float16", "--min-psnr", "15"]
        )
        == 0
    )
    assert (
        export(
            [
                "--run",
                str(paired_run),
                "--size",
                "64",
                "--model",
                "teacher",
                "--float32",
                "--min-psnr",
                "60",
            ]
        )
        == 0
    )
    entries = {
        entry["file"]: entry
        for entry in json.loads((paired_run / "export" / "export.json").read_text())
    }
    assert entries["teacher-ab-64-float32.tflite"]["psnr_db"] >= 60
    assert (
        entries["ab-64-float16.tflite"]["psnr_db"] >= 40
        and entries["ab-64-int8.tflite"]["psnr_db"] >= 15
    )


def test_students_of_other_designs_are_compared(paired_run, tmp_path):
    """Scored at the size that the U-Net teacher was trained at."""
    from export.search import main as search

    run = tmp_path / "run"
    shutil.copytree(paired_run, run)
    with pytest.raises(UserError, match="--size 42: must be a multiple of 4"):
        search(["--run", str(run), "--only", "narrow", "drawing-2", "--size", "42"])
    assert (
        search(
            [
                "--run",
                str(run),
                "--only",
                "narrow",
                "drawing-2",
                "--steps",
                "2",
                "--size",
                "32",
                "--repeats",
                "3",
            ]
        )
        == 0
    )
    rows = json.loads((run / "search" / "search.json").read_text())["results"]
    assert {row["candidate"] for row in rows} == {"narrow", "drawing-2"}
    assert all(0 < row["ssim"] < 1 and row["parameters"] > 30_000 for row in rows)


def test_evaluation_holds_against_the_untouched_input(paired_run, pair_folders):
    from tf_i2i.data.pixels import centre_multiple
    from tf_i2i.metrics.image_metrics import l1
    from training.evaluate import main as evaluate
    from training.runs.finished_run import FinishedRun

    evaluate(["--run", str(paired_run)])
    scores = json.loads((paired_run / "evaluation.json").read_text())
    data = FinishedRun(paired_run).data()
    crops = [
        [centre_multiple(cache.image(i), 64, 64) for i in range(2)]
        for cache in (data.val_a, data.val_b)
    ]
    expected = np.mean([l1(a, b) for a, b in zip(*crops, strict=True)])
    for name in ("untouched", "teacher", "student"):
        split = next(iter(scores[name].values()))["ab"]
        assert {"l1", "psnr_db", "ssim"} <= set(split)
    untouched = next(iter(scores["untouched"].values()))["ab"]
    assert untouched["l1"] == pytest.approx(expected, abs=1e-4)


def test_report_shows_input_output_and_target(paired_run):
    from export.html_report.report_sections import write_report

    page = write_report(paired_run).read_text()
    for text in (
        "Pix2Pix",
        "<figcaption>input</figcaption>",
        "<figcaption>teacher</figcaption>",
        "<figcaption>student</figcaption>",
        "<figcaption>target</figcaption>",
        "D_real",
        "training.pix2pix --run",
    ):
        assert text in page, text


@pytest.mark.parametrize(("direction", "brighter"), [("ab", "input"), ("ba", "target")])
def test_side_by_side_directions(pair_folders, direction, brighter):
    options = parse(
        Pix2PixOptions, ["--pairs", str(pair_folders / "both"), "--direction", direction], "x", "x"
    )
    data = load_data(dataclasses.replace(options, load_size=72), lambda message: None)
    assert (data.train_a.image(0).mean() > data.train_b.image(0).mean()) == (brighter == "input")
    assert data.train_a.names == data.train_b.names
    assert data.descriptions["domain_a"].startswith(
        {"ab": "left halves of", "ba": "right halves of"}[direction]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "x"], "--target is missing"),
        (["--val-target", "x"], "--val-input is missing"),
        (["--pairs", "x", "--input", "y", "--target", "z"], "--pairs and --input"),
        (["--val-pairs", "x"], "--val-pairs needs --input or --pairs"),
        (["--crop-size", "100"], "--crop-size 100: a U-Net takes multiples of 64"),
        (["--generator", "unet256", "--crop-size", "128"], "multiple of 256 for unet256"),
        (["--crop-size", "256", "--load-size", "200"], "at most --load-size 200"),
        (["--input", "/nowhere", "--target", "/nowhere"], "--input /nowhere"),
        (["--resume"], "--run"),
    ],
)
def test_wrong_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        main(arguments)


def test_dry_run_tells_the_references_parameters(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["--dry-run", *folders])
    shown = capsys.readouterr().out
    assert "discriminator: 2,768,705 parameters" in shown
    assert "generator: 54,42" in shown, "with the moving statistics"
    assert not list(tmp_path.iterdir())
