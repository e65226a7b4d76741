from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from random_runs import make_run

from tf_i2i.data.paired_images import matching
from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from training import evaluate
from training.evaluation.evaluate_job import merged
from training.evaluation.evaluated_pictures import Pictures, cropped, named_pairs
from training.evaluation.score_table import score_table
from training.evaluation.scoring import score
from training.options.evaluate_options import EvaluateOptions


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "tiny")


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_validation_scores_of_teacher_and_student(run, capsys):
    evaluate.main(["--run", str(run)])
    scores = json.loads((run / "evaluation.json").read_text())
    assert list(scores) == ["untouched", "teacher", "student"]
    untouched = scores["untouched"]["validation"]["ab"]
    assert untouched["images"] == 14
    # The second path: straight from the demo data, by the metrics themselves.
    from tf_i2i.data.demo_data import demo_images

    data = demo_images(64)
    pairs = [(data.val_a.image(i), data.val_b.image(i)) for i in range(14)]
    assert untouched["psnr_db"] == pytest.approx(
        np.mean([metrics.psnr(a, b) for a, b in pairs]), abs=1e-4
    )
    assert untouched["outline_f1"] == pytest.approx(
        np.mean([metrics.outline_f1(a, b) for a, b in pairs]), abs=1e-4
    )
    assert "to_teacher_psnr_db" in scores["student"]["validation"]["ab"]
    assert "to_teacher_psnr_db" not in scores["teacher"]["validation"]["ab"]
    assert "untouched" in capsys.readouterr().out


def test_named_pairs_and_unpaired_pictures_are_added_to_what_is_there(run, tmp_path):
    for folder, seeds in (("in", (1, 2, 3)), ("out", (2, 3, 4))):
        (tmp_path / folder).mkdir()
        for seed in seeds:
            suffix = "png" if folder == "in" else "bmp"
            Image.fromarray(photo(70, 90, seed)).save(tmp_path / folder / f"{seed}.{suffix}")
    source, target = str(tmp_path / "in"), str(tmp_path / "out")
    before = merged(run / "evaluation.json", {}, "", "")
    evaluate.main(["--run", str(run), "--input", source, "--target", target])
    evaluate.main(["--run", str(run), "--direction", "ba", "--domain-b", target])
    scores = json.loads((run / "evaluation.json").read_text())
    assert scores["untouched"][source]["ab"]["images"] == 2
    assert scores["untouched"][source]["ab"]["psnr_db"] is None  # the same pictures: infinite
    ba = scores["teacher"][target]["ba"]
    assert ba.keys() == {
        "images",
        "grid",
        "photo_psnr_db",
        "photo_ssim",
        "cycle_l1",
        "cycle_psnr_db",
        "cycle_ssim",
        "worst",
    }
    for model, splits in before.items():
        assert splits.items() <= scores[model].items()


def test_truths_of_another_shape_are_left_out(tmp_path, capsys):
    """As in training on pairs: none is squeezed."""
    for folder, shapes in {"in": [(70, 90)] * 3, "out": [(35, 45), (70, 70), (71, 90)]}.items():
        (tmp_path / folder).mkdir()
        for number, shape in enumerate(shapes):
            Image.fromarray(photo(*shape)).save(tmp_path / folder / f"{number}.png")
    options = EvaluateOptions(input=str(tmp_path / "in"), target=str(tmp_path / "out"))
    assert named_pairs(options, 64).names == ["0.png", "2.png"]
    said = capsys.readouterr().out
    assert "--target: left out 1.png: its target has another shape (82x64 and 64x64" in said
    for number in (0, 2):
        (tmp_path / "out" / f"{number}.png").unlink()
    shutil.copy(tmp_path / "out" / "1.png", tmp_path / "out" / "2.png")
    with pytest.raises(UserError, match="none of its pictures has the shape"):
        named_pairs(options, 64)


def test_wrong_use_is_told_in_one_line(run, tmp_path):
    cases = {
        "--target is missing": ["--input", "x"],
        "not both": ["--input", "x", "--target", "y", "--domain-a", "z"],
        "name --domain-a": ["--domain-b", "x"],
        "these are the pictures of --input": ["--input", str(tmp_path), "--target", str(tmp_path)],
        "no such file": ["--model", str(tmp_path / "none.tflite")],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as error:
            evaluate.main(["--run", str(run), *arguments])
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="no run there"):
        evaluate.main(["--run", str(tmp_path)])


def test_file_is_scored_like_the_network_it_was_made_from(run):
    from export import tflite

    arguments = ["--run", str(run), "--float32", "--size", "48", "--min-psnr", "0"]
    assert not tflite.main(arguments) and not tflite.main([*arguments, "--model", "teacher"])
    evaluate.main(["--run", str(run), "--model", str(run / "export" / "ab-48-float32.tflite")])
    evaluate.main(
        ["--run", str(run), "--model", str(run / "export" / "teacher-ab-48-float32.tflite")]
    )
    scores = json.loads((run / "evaluation.json").read_text())
    # A student's file made for 48 px runs on the whole 64 px; rounding to uint8 may fall on either
    # side.
    student = scores["export/ab-48-float32.tflite"]["validation"]["ab"]
    assert student["to_student_psnr_db"] is None or student["to_student_psnr_db"] > 60
    # An instance-norm network depends on its size, so pictures are cut to the file's, and the name
    # says so.
    teacher = scores["export/teacher-ab-48-float32.tflite"]["validation, centre 48 px"]["ab"]
    assert teacher["to_teacher_psnr_db"] is None or teacher["to_teacher_psnr_db"] > 60


def test_score_means_over_pictures():
    photos = [np.full((16, 16, 3), 100, np.uint8)] * 2
    truths = [np.full((16, 16, 3), 110, np.uint8), np.full((16, 16, 3), 101, np.uint8)]
    models = {
        "teacher": lambda image: image + np.uint8(1),
        "student": lambda image: image + np.uint8(6),
    }
    scores = score(models, Pictures("x", ["1", "2"], photos, truths))
    decibels = lambda difference: 20 * np.log10(255 / difference)  # noqa: E731
    assert scores["untouched"]["psnr_db"] == pytest.approx(
        (decibels(10) + decibels(1)) / 2, abs=1e-4
    )
    assert scores["teacher"]["psnr_db"] is None  # 101 is 101 in the second
    assert scores["student"]["psnr_db"] == pytest.approx((decibels(4) + decibels(5)) / 2, abs=1e-4)
    assert scores["student"]["to_teacher_psnr_db"] == pytest.approx(decibels(5), abs=1e-4)
    lines = score_table(scores).splitlines()
    assert len(lines) == 4 and len(lines[0]) == len(lines[3]) and "inf" in lines[2]


def test_cropping_names_the_split_only_when_it_cuts():
    pictures = Pictures("validation", ["1"], [photo(64, 66)], [photo(64, 64)])
    whole = cropped(pictures, 4, 64)
    assert whole.split == "validation" and whole.photos[0].shape == whole.truths[0].shape == (
        64,
        64,
        3,
    )
    assert cropped(pictures, 4, 48).split == "validation, centre 48 px"


def test_matching_takes_folders_into_account_where_it_can():
    assert matching(["a/1.png", "b/1.png"], ["b/1.jpg", "a/1.jpg"]) == [(0, 1), (1, 0)]
    assert matching(["/x/1.png", "/x/2.png"], ["/y/2.jpg"]) == [(1, 0)]
    assert matching(["1.png"], ["2.png"]) == []


def test_merging_keeps_others_and_survives_damage(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text('{"teacher": {"validation": {"ab": {"ssim": 1}}}}')
    got = merged(path, {"teacher": {"ssim": 2}}, "validation", "ba")
    assert got == {"teacher": {"validation": {"ab": {"ssim": 1}, "ba": {"ssim": 2}}}}
    path.write_text("{")
    assert merged(path, {"teacher": {"ssim": 2}}, "s", "ab") == {
        "teacher": {"s": {"ab": {"ssim": 2}}}
    }
