"""What training.evaluate measures beside the truth: known values, and both directions of a run with
a split.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_pictures
from PIL import Image
from random_runs import make_run

from tf_i2i.errors import UserError
from tf_i2i.metrics import image_metrics as metrics
from tf_i2i.metrics.identity_metrics import verify
from tf_i2i.metrics.mask_metrics import class_changes
from training import evaluate


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def ssim_by_hand(a: np.ndarray, b: np.ndarray, value_range: float) -> float:
    """Wang et al. 2004, equation 13, over every 7x7 window that lies in the picture, with sample
    covariances.
    """
    windows = (
        np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (7, 7), axis=(0, 1))
        for x in (a, b)
    )
    x, y = (window.reshape(*window.shape[:3], 49) for window in windows)
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    var_x, var_y = x.var(-1, ddof=1), y.var(-1, ddof=1)
    covariance = ((x - mean_x[..., None]) * (y - mean_y[..., None])).sum(-1) / 48
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    ratio = (
        (2 * mean_x * mean_y + c1)
        * (2 * covariance + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    )
    return float(ratio.mean())


@pytest.mark.parametrize("shape", [(7, 7), (40, 61), (64, 64)])
def test_ssim_is_that_of_the_paper_and_of_scikit_image(shape):
    from skimage.metrics import structural_similarity

    a, b = photo(*shape, 1), photo(*shape, 2)
    assert metrics.ssim(a, b) == pytest.approx(ssim_by_hand(a, b, 255), abs=1e-9)
    theirs = structural_similarity(
        a.astype(np.float64), b.astype(np.float64), channel_axis=2, data_range=255
    )
    assert metrics.ssim(a, b) == pytest.approx(theirs, abs=1e-12)


def test_verification_at_known_values():
    photos = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    moved = photos + [[0.0, 0.5], [0.0, 0.7], [0.0, 9.0]]
    found = verify(photos, moved, ["Ann", "Ben", "Cem"], threshold=0.6)
    assert found.distance == pytest.approx((0.5 + 0.7 + 9) / 3)
    assert found.same == pytest.approx(1 / 3) and found.impostors == 6
    assert found.accuracy == pytest.approx((1 / 3 + 1) / 2), "all impostors are far apart"
    assert found.auc == pytest.approx(1)
    # Pictures of one person are no impostors of each other.
    found = verify(photos, moved, ["Ann", "Ann", "Ben"], threshold=10.01)
    assert found.impostors == 4 and found.same == 1
    impostors = [np.hypot(20, 9), np.hypot(10, 9), np.hypot(20, 0.5), np.hypot(10, 0.7)]
    assert found.impostor_distance == pytest.approx(np.mean(impostors))
    assert found.accuracy == pytest.approx((1 + 1) / 2)
    assert verify(photos, moved, ["Ann"] * 3, 0.6).accuracy is None
    assert verify(photos, moved, ["Ann", "Ben", "Cem"], None).same is None


def test_class_changes_at_known_values():
    before = [np.array([[0, 0, 1, 1]]), np.array([[0, 0, 0, 0]])]
    after = [np.array([[0, 1, 1, 1]]), np.array([[0, 0, 0, 2]])]
    found = class_changes(before, after)
    assert list(found) == ["0", "1", "2"]
    assert found["0"] == {"photo": 0.75, "translation": 0.5, "iou": pytest.approx(4 / 6, abs=1e-5)}
    assert found["1"] == {
        "photo": 0.25,
        "translation": 0.375,
        "iou": pytest.approx(2 / 3, abs=1e-5),
    }
    assert found["2"] == {"photo": 0.0, "translation": 0.125, "iou": 0.0}


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, Path]:
    """A face network (the mean colours of 4 quarters, threshold 0.3) and a segmentation network
    (bright or dark).
    """
    import keras

    root = tmp_path_factory.mktemp("networks")
    face = keras.Sequential(
        [
            keras.layers.InputLayer((48, 48, 3)),
            keras.layers.AveragePooling2D(24),
            keras.layers.Flatten(),
        ]
    )
    face.save(root / "face.keras")
    (root / "face.keras.json").write_text(
        json.dumps({"threshold": 0.3, "crop": {"share": 1.0, "shift": 0.0}})
    )
    layer = keras.layers.Conv2D(1, 1)
    bright = keras.Sequential([keras.layers.InputLayer((32, 32, 3)), layer])
    layer.set_weights([np.full((1, 1, 3, 1), 20, np.float32), np.array([-30], np.float32)])
    bright.save(root / "bright.keras")
    return {"face": root / "face.keras", "segmentation": root / "bright.keras"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Two domains of 5 people with 3 pictures, split by person."""
    root = tmp_path_factory.mktemp("faces")
    for domain in ("a", "b"):
        for person in range(5):
            draw_pictures(
                root / domain / f"person-{domain}{person}", 3, seed=10 * person + (domain == "b")
            )
    return make_run(
        root / "run",
        student=False,
        domain_a=str(root / "a"),
        domain_b=str(root / "b"),
        load_size=48,
        crop_size=48,
        split="3/6/6",
        split_by="folder",
    )


@pytest.fixture(scope="module")
def evaluated(run, networks):
    """evaluation.json of both directions on test data, and what was printed."""
    import contextlib
    import io

    arguments = (
        f"--run {run} --split test --direction both --features offline "
        f"--judge-model {networks['face']} --segmentation-model {networks['segmentation']}"
    )
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        evaluate.main(arguments.split())
    return json.loads((run / "evaluation.json").read_text()), shown.getvalue()


def test_scores_are_those_of_the_networks(run, evaluated):
    """By the second path: generators, networks and metrics one by one."""
    from tf_i2i.data.pixels import to_float, to_uint8
    from training.runs.finished_run import FinishedRun

    forth, back = (
        FinishedRun(run).network("teacher", "ab"),
        FinishedRun(run).network("teacher", "ba"),
    )
    data = FinishedRun(run).data()
    for direction, cache, there, again in (
        ("ab", data.test_a, forth, back),
        ("ba", data.test_b, back, forth),
    ):
        found = evaluated[0]["teacher"]["test"][direction]
        photos = [cache.image(i)[:48, :64] for i in range(6)]
        outputs = [there(to_float(one[None]), training=False) for one in photos]
        pictures = [to_uint8(one)[0] for one in outputs]
        assert found["images"] == 6
        cycles = [to_uint8(again(one, training=False))[0] for one in outputs]
        assert found["cycle_l1"] == pytest.approx(
            np.mean([metrics.l1(c, p) for c, p in zip(cycles, photos, strict=True)]), abs=1e-4
        )
        ssim = [metrics.ssim(o, p) for o, p in zip(pictures, photos, strict=True)]
        assert found["photo_ssim"] == pytest.approx(np.mean(ssim), abs=1e-4)

        # The face network sees the middle square of 48, in which pixel blocks of 24 make up a
        # quarter.
        quarters = [[quarter_means(one) for one in of] for of in (photos, pictures)]
        people = [name.split("/")[0] for name in cache.names]
        distance, told = [], []
        for i in range(6):
            for j in range(6):
                far = np.linalg.norm(quarters[0][i] - quarters[1][j])
                if i == j:
                    distance.append(far)
                elif people[i] != people[j]:
                    told.append(far >= 0.3)
        assert found["identity_distance"] == pytest.approx(np.mean(distance), abs=1e-4)
        assert found["impostor_pairs"] == len(told) == 18 and found["faces"] == 6
        accuracy = (np.mean(np.array(distance) < 0.3) + np.mean(told)) / 2
        assert found["identity_accuracy"] == pytest.approx(accuracy, abs=1e-4)
        assert 0 <= found["mask_iou"] <= 1
        assert sum(one["photo"] for one in found["classes"].values()) == pytest.approx(1, abs=1e-4)
        assert found["kid_error"] > 0 and found["fid"] >= 0


def quarter_means(image: np.ndarray) -> np.ndarray:
    left = (image.shape[1] - 48) // 2
    square = image[:, left : left + 48].astype(np.float64) / 127.5 - 1
    return square.reshape(2, 24, 2, 24, 3).mean((1, 3)).ravel()


def test_table_sheet_and_worst_cases(run, evaluated):
    found, shown = evaluated
    for head in ("cycle L1", "KID", "identity", "verified", "mask IoU"):
        assert head in shown
    assert "faces: face.keras" in shown and "features of KID and FID: offline-bank-1" in shown
    for direction in ("ab", "ba"):
        sheet = Image.open(run / f"evaluation-test-{direction}.png")
        worst = found["teacher"]["test"][direction]["worst"]
        assert set(worst) == {"identity_distance", "mask_iou", "cycle_l1", "photo_ssim"}
        assert sheet.height > 192 * sum(map(len, worst.values())) and sheet.width > 3 * 192
        assert worst["cycle_l1"][0]["value"] >= worst["cycle_l1"][1]["value"]
        assert worst["photo_ssim"][0]["value"] <= found["teacher"]["test"][direction]["photo_ssim"]
    baseline = found["untouched"]["test"]["ab"]
    assert "kid" in baseline and "identity_distance" not in baseline


def test_the_networks_of_the_training(run, networks, capsys):
    """They are asked where none is named: a lenient judge, and one that may be missing on this
    machine.
    """
    config = json.loads((run / "config.json").read_text())
    guided = {
        "face_model": str(networks["face"]),
        "lambda_face": 5.0,
        "segmentation_model": "/elsewhere/map.keras",
    }
    (run / "config.json").write_text(
        json.dumps({**config, "options": {**config["options"], **guided}})
    )
    try:
        evaluate.main(["--run", str(run), "--features", "offline"])
    finally:
        (run / "config.json").write_text(json.dumps(config))
    shown = capsys.readouterr().out
    assert "so it is a lenient judge" in shown
    assert (
        "the network that the run was trained with is missing: --segmentation-model /elsewhere/map.keras"
        in shown
    )
    scores = json.loads((run / "evaluation.json").read_text())["teacher"]["validation"]["ab"]
    assert scores["faces"] == 6 and "mask_iou" not in scores


def test_truths_of_the_runs_own_pictures(run, tmp_path):
    from training.runs.finished_run import FinishedRun

    cache = FinishedRun(run).data().val_a
    for i, name in enumerate(cache.names[:4]):
        path = tmp_path / "truths" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cache.image(i)).save(path)
    evaluate.main(
        ["--run", str(run), "--features", "offline", "--target", str(tmp_path / "truths")]
    )
    found = json.loads((run / "evaluation.json").read_text())
    assert found["untouched"]["validation"]["ab"]["images"] == 4
    assert found["untouched"]["validation"]["ab"]["ssim"] == pytest.approx(1)


def test_wrong_use(run, tmp_path_factory):
    whole = make_run(tmp_path_factory.mktemp("runs") / "whole", student=False)
    cases = {
        "has no test pictures; train with --split": ["--run", str(whole), "--split", "test"],
        "--split test uses the run's own pictures": f"--run {run} --split test --domain-a x".split(),
        "--input is of one direction": f"--run {run} --direction both --input x --target y".split(),
        "--judge-model /none: no such file": ["--run", str(run), "--judge-model", "/none"],
    }
    for message, arguments in cases.items():
        with pytest.raises(UserError, match=message) as error:
            evaluate.main(arguments)
        assert "\n" not in str(error.value)
