"""A whole run with both guidances: interrupted and continued to the same bits, distilled, exported
without a trace.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import TINY
from training_processes import finish, start, untimed_lines, weights_sum

keras = tf.keras


@pytest.fixture(scope="module")
def arguments(tmp_path_factory, picture_folders) -> list[str]:
    folder = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(3)
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(8, 5, strides=2, name="secret_face")(inputs)
    )
    keras.Model(inputs, x).save(folder / "face.keras")
    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same", name="secret_map")(inputs)).save(
        folder / "map.keras"
    )
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"lambda-face: 5\nface-model: '{folder / 'face.keras'}'\nlambda-segmentation: 1\n"
        f"segmentation-model: '{folder / 'map.keras'}'\n"
    )
    a, b = picture_folders
    steps = "--steps 16 --student-steps 2 --checkpoint-every 4"
    return [*TINY, *f"--domain-a {a} --domain-b {b} {steps} --options {recipe}".split()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, arguments):
    run = tmp_path_factory.mktemp("runs") / "whole"
    return run, finish(start([*arguments, "--run", str(run)]))


@pytest.mark.timeout(1200)
def test_it_reports_losses_and_cost(whole):
    run, said = whole
    for name in ("face", "segmentation"):
        assert f"is the {name} guidance" in said
    config = json.loads((run / "config.json").read_text())
    assert set(config["guidance_step_s"]) == {"face", "segmentation"}
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"face_A", "face_B", "segmentation_A", "segmentation_B"} <= set(last)
    assert last["face_share"] == pytest.approx(config["guidance_step_s"]["face"] / last["step_s"])


@pytest.mark.timeout(1200)
def test_interrupted_and_continued_to_the_same_bits(whole, tmp_path, arguments):
    run = tmp_path / "again"
    process = start([*arguments, "--run", str(run)])
    while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert max(int(path.stem[5:]) for path in (run / "checkpoints").glob("ckpt-*.json")) < 16
    finish(start(["--run", str(run), "--resume"]))
    assert untimed_lines(run / "metrics.jsonl") == untimed_lines(whole[0] / "metrics.jsonl")
    assert weights_sum(run) == weights_sum(whole[0])


@pytest.mark.timeout(1200)
def test_exported_without_a_trace(whole, tiny_run, arguments, tmp_path):
    """The networks are gone by then, and the file is as large as that of a run that had none."""
    from export.tflite import main

    run, _ = whole
    networks, away = Path(arguments[arguments.index("--options") + 1]).parent, tmp_path / "away"
    networks.rename(away)
    try:
        for one in (run, tiny_run):
            assert not main(f"--run {one} --size 32 --float32 --min-psnr 0 --no-gpu-check".split())
    finally:
        away.rename(networks)
    files = [one / "export" / "ab-32-float32.tflite" for one in (run, tiny_run)]
    guided, plain = (
        json.loads((one / "export" / "export.json").read_text())[0] for one in (run, tiny_run)
    )
    assert (guided["params"], guided["ops"]) == (plain["params"], plain["ops"])
    assert b"secret" not in files[0].read_bytes()
    assert all(b"secret" not in path.read_bytes() for path in (run / "checkpoints").iterdir())
