"""training.evaluate --robustness on a tiny run of the bundled demo pairs, as a user calls it."""

import json

import numpy as np
import pytest
from conftest import PAIRED_TINY, draw_pictures
from PIL import Image

from tf_i2i.data.cartoon_styles import STYLES
from tf_i2i.data.demo_data import demo_pairs
from tf_i2i.data.pixels import centre_square
from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from tf_i2i.metrics.fid_kid import distribution_scores
from training.evaluate import main as evaluate
from training.evaluation.robustness import kind_of, means, trained_style
from training.reporting.image_grid import labelled_grid
from training.runs.finished_run import FinishedRun

METRICS = {
    "l1",
    "psnr_db",
    "ssim",
    "sift_inliers",
    "sift_share",
    "verdict",
    "verdict_of_truth",
    "kid",
    "kid_error",
    "fid",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from training.pix2pix import main

    root = tmp_path_factory.mktemp("runs") / "demo"
    assert main([*PAIRED_TINY, "--run", str(root), "--steps", "4", "--student", "none"]) is None
    return root


@pytest.fixture(scope="module")
def sketches(tmp_path_factory):
    """Five drawings and, under equal names, what they stand for."""
    root = tmp_path_factory.mktemp("sketches")
    draw_pictures(root / "target", 5, seed=3, size=(100, 80))
    (root / "input").mkdir()
    for path in (root / "target").iterdir():
        grey = Image.open(path).convert("L").convert("RGB")
        grey.save(root / "input" / path.name)
    return root


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    import keras

    layer = keras.layers.Conv2D(1, 1, activation="sigmoid")
    network = keras.Sequential([keras.layers.InputLayer((32, 32, 3)), layer])
    layer.set_weights([np.full((1, 1, 3, 1), 20, np.float32), np.array([-30], np.float32)])
    path = tmp_path_factory.mktemp("network") / "bright.keras"
    network.save(path)
    return path


@pytest.fixture(scope="module")
def evaluated(run, sketches, segmenter):
    """robustness.json and what was printed, with a user's sketches and a network for masks."""
    import contextlib
    import io

    arguments = (
        f"--run {run} --robustness --features offline --segmentation-model {segmenter} "
        f"--input {sketches / 'input'} --target {sketches / 'target'} --most-pictures 6"
    )
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        evaluate(arguments.split())
    return json.loads((run / "robustness.json").read_text()), shown.getvalue()


def test_table_has_all_styles_and_names_its_features(evaluated, sketches):
    found, shown = evaluated
    assert list(found["sets"]) == [*STYLES, str(sketches / "input")]
    assert (
        found["features"] == "offline-bank-1" and "features of KID and FID: offline-bank-1" in shown
    )
    assert [name for name, scores in found["sets"].items() if scores["trained_on"]] == ["cartoon"]
    for name, scores in found["sets"].items():
        assert scores.keys() >= METRICS | {"mask_iou"}, name
        assert (
            0 <= scores["verdict"] <= 1
            and 0 <= scores["mask_iou"] <= 1
            and 0 <= scores["sift_share"] <= 1
        )
        assert scores["images"] == (5 if name == str(sketches / "input") else 6)
        assert scores["kid_error"] > 0
    lines = shown.splitlines()
    heads = (
        "images L1 PSNR dB SSIM SIFT SIFT share discriminator score of truth mask IoU KID +- FID"
    )
    assert " ".join(lines[0].split()) == heads
    assert any(line.startswith("cartoon (trained on)") for line in lines)


def test_scores_are_those_of_the_pictures(run, evaluated):
    """By the second path: the demo's photographs redrawn here, the network and the metrics called
    one by one.
    """
    from training.evaluation.scoring import keras_translator

    data, style = demo_pairs(72), STYLES["pencil"]
    chosen = np.linspace(0, len(data.val_b) - 1, 6).round().astype(int)
    truths = [centre_square(data.val_b.image(i), 64) for i in chosen]
    drawn = [centre_square(style(data.val_b.image(i)), 64) for i in chosen]
    translate = keras_translator(FinishedRun(run).network("teacher", "ab"))
    outputs = [translate(one) for one in drawn]
    scores = evaluated[0]["sets"]["pencil"]
    assert scores["l1"] == pytest.approx(
        np.mean([metrics.l1(a, b) for a, b in zip(outputs, truths, strict=True)]), abs=1e-4
    )
    discriminator = FinishedRun(run).discriminator()
    pairs = np.concatenate([np.stack(drawn), np.stack(outputs)], -1).astype(np.float32) / 127.5 - 1
    logits = np.asarray(discriminator(pairs))
    assert scores["verdict"] == pytest.approx(float(np.mean(1 / (1 + np.exp(-logits)))), abs=1e-4)
    rows = [row for row in evaluated[0]["pictures"] if row["set"] == "pencil"]
    assert [row["name"] for row in rows] == [data.val_b.names[i] for i in chosen]


def test_kinds_of_photos_are_told_apart(evaluated, sketches):
    found = evaluated[0]
    for name, scores in found["sets"].items():
        rows = [row for row in found["pictures"] if row["set"] == name]
        for group, of_group in scores["groups"].items():
            members = [row["l1"] for row in rows if group in row["groups"]]
            assert of_group["images"] == len(members) and of_group["l1"] == pytest.approx(
                np.mean(members), abs=1e-4
            )
    assert all(len(row["groups"]) == 2 for row in found["pictures"])
    photo = np.asarray(Image.fromarray(astronaut()))
    grey = np.repeat(photo.mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    assert kind_of(photo)["groups"][0] == "colour" and kind_of(grey)["groups"][0] == "grey"
    assert kind_of(photo)["groups"][1] in ("small face", "large face"), (
        "the astronaut looks at the camera"
    )


def astronaut() -> np.ndarray:
    from tf_i2i.data.demo_data import bundled_photographs
    from tf_i2i.data.image_files import resize_short_side

    return resize_short_side(bundled_photographs().read(0), 192)


def test_the_sheet_has_the_cases(run, evaluated):
    sheet = Image.open(run / "robustness.png")
    assert sheet.size[0] > 9 * 64 and sheet.size[1] > 6 * 64
    assert not (run / "robustness.html").exists()
    assert f"written: {run / 'robustness.json'}, {run / 'robustness.png'}" in evaluated[1]


def test_the_report_has_a_chart_per_score(run, evaluated):
    from export.html_report.report_record import read_record
    from export.html_report.report_sections import robustness

    found = robustness(read_record(run))
    scores = [
        "L1",
        "PSNR dB",
        "SSIM",
        "SIFT",
        "SIFT share",
        "discriminator score",
        "mask IoU",
        "KID",
    ]
    assert list(found["charts"]) == scores
    for chart in found["charts"].values():
        assert all(f">{style}<" in chart for style in STYLES)
    assert found["sheet"].shape[1] > 9 * 64 and "offline-bank-1" in found["notes"][0]


def test_without_network_or_sketches_and_with_few_pictures(run, capsys):
    evaluate(["--run", str(run), "--robustness", "--features", "offline", "--most-pictures", "2"])
    shown, found = capsys.readouterr().out, json.loads((run / "robustness.json").read_text())
    assert list(found["sets"]) == list(STYLES)
    assert all(
        scores["kid"] is None and "mask_iou" not in scores for scores in found["sets"].values()
    )
    assert (
        "mask IoU" not in shown
        and "--segmentation-model" in shown
        and "too few pictures for KID" in shown
    )


def test_wrong_use(run, tiny_run, tmp_path):
    cases = {
        "was not trained on pairs": ["--run", str(tiny_run), "--robustness"],
        "name --input and --target": ["--run", str(run), "--robustness", "--domain-a", "x"],
        "--robustness takes one direction": f"--run {run} --robustness --judge-model face-api".split(),
        "--segmentation-model .*no such file": f"--run {run} --robustness --segmentation-model /none".split(),
        "--features .*no such file": ["--run", str(run), "--robustness", "--features", "/none.h5"],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message):
            evaluate(arguments)


def test_style_of_a_run_comes_from_its_pairs_record(tmp_path):
    from training.cartoonize import main as cartoonize

    photos = draw_pictures(tmp_path / "photos", 2, seed=1, size=(80, 80))
    out = tmp_path / "pairs"
    cartoonize([str(photos), "--out", str(out), "--style", "poster", "--workers", "1"])
    run = tmp_path / "run"
    run.mkdir()

    def trained(**options):
        (run / "config.json").write_text(json.dumps({"model": "pix2pix", "options": options}))
        return trained_style(FinishedRun(run))

    assert trained(input=str(out / "cartoon"), target=str(out / "photo")) == "poster"
    assert trained(pairs=str(out / "pairs"), direction="ab", input=None) == "poster"
    assert trained(input=None, pairs=None) == "cartoon"
    assert trained(input=str(photos), target=str(photos)) is None
    for options in (
        {"input": str(out / "photo")},
        {"input": None, "pairs": str(out / "pairs"), "direction": "ba"},
    ):
        with pytest.raises(UserError, match="trained to draw photos"):
            trained(**options)


def test_means_leave_out_what_is_not_there():
    rows = [
        {"set": "x", "groups": [], "l1": 1.0, "sift_share": None},
        {"set": "x", "groups": [], "l1": 3.0, "sift_share": 0.5},
    ]
    assert means(rows) == {"images": 2, "l1": 2.0, "sift_share": 0.5}
    assert means(rows[:1])["sift_share"] is None
    features = np.random.default_rng(0).normal(size=(8, 3))
    assert distribution_scores(features[:3], features) == {
        "kid": None,
        "kid_error": None,
        "fid": None,
    }
    assert distribution_scores(features, features)["fid"] == pytest.approx(0, abs=1e-6)


def test_sheet_rows_have_names():
    pictures = np.zeros((2, 20, 20, 3), np.uint8)
    plain, named = labelled_grid({"a": pictures}), labelled_grid({"a": pictures}, ["one", "two"])
    margin = named.shape[1] - plain.shape[1]
    assert named.shape[0] == plain.shape[0]
    np.testing.assert_array_equal(named[:, margin:][20:], plain[20:])
    assert (named[20:, :margin] < 128).any(), "the names stand in the margin"


def test_labels_grow_with_the_pictures():
    headers = [
        len(labelled_grid({"a": np.zeros((1, side, side, 3), np.uint8)})) - side
        for side in (256, 512)
    ]
    assert headers[1] > 1.5 * headers[0]
