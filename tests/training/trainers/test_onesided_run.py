"""training.onesided as a user runs it: from a folder and one painting to an int8 file."""

import json
import os
import re
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from training_processes import finish, start, untimed_lines

from tf_i2i.data.image_files import read_image
from tf_i2i.errors import UserError
from tf_i2i.files import sha256_of
from training.onesided import main

SIZES = ["--load-size", "80", "--crop-size", "64", "--batch-size", "4", "--precision", "float32"]
SIZES += ["--sample-every", "6", "--checkpoint-every", "6"]


@pytest.fixture(scope="module")
def sources(picture_folders):
    """Photos, and one picture of the style."""
    photos, paintings = picture_folders
    return ["--domain-a", str(photos), "--domain-b", str(sorted(paintings.iterdir())[0])]


@pytest.fixture(scope="module")
def run(tmp_path_factory, sources):
    """A whole run. Read only, but for what export and evaluation add."""
    run = tmp_path_factory.mktemp("runs") / "one sided"
    assert main([*SIZES, *sources, "--run", str(run), "--steps", "12"]) is None
    return run


def test_run_folder(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 6, 12]
    assert {"style", "content", "structure", "colour", "luminance", "D", "val_score"} <= set(
        records[-1]
    )
    config = json.loads((run / "config.json").read_text())
    assert config["model"] == "onesided"
    assert config["options"]["lambda_content"] > 0, "resolved from --look"
    assert config["data"]["counts"]["train_b"] == 1
    assert read_image(run / "samples" / "step-000012.png").shape[0] > 80
    assert (run / "student" / "ab" / "student.weights.h5").is_file()


def test_interrupted_and_resumed_is_the_same_run(run, sources, tmp_path):
    broken = tmp_path / "broken"

    def interrupt():
        log = broken / "metrics.jsonl"
        while not log.exists() or "step" not in log.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    status = main([*SIZES, *sources, "--run", str(broken), "--steps", "12"])
    thread.join()
    assert status == 130
    assert main(["--run", str(broken), "--resume"]) is None
    readers = [tf.train.load_checkpoint(str(r / "checkpoints")) for r in (run, broken)]
    names = [n for n in readers[0].get_variable_to_shape_map() if "VARIABLE_VALUE" in n]
    assert len(names) > 100
    for name in names:
        whole, resumed = (reader.get_tensor(name) for reader in readers)
        np.testing.assert_array_equal(whole, resumed, err_msg=name)


def test_a_run_of_before_antialiasing_goes_on_without(sources, tmp_path):
    old = tmp_path / "old"
    assert main([*SIZES, *sources, "--run", str(old), "--steps", "1", "--no-antialias"]) is None
    config = json.loads((old / "config.json").read_text())
    assert config["options"].pop("antialias") is False
    (old / "config.json").write_text(json.dumps(config))
    assert main(["--run", str(old), "--resume", "--steps", "2"]) is None
    network = json.loads((old / "student" / "ab" / "config.json").read_text())["network"]
    assert network["smoothing"] == 4 and network["antialias"] is False


@pytest.mark.timeout(600)
def test_two_workers_are_one(run, sources, tmp_path):
    """Both see one process's batches, share its batch statistics and leads: the first step agrees to
    float tolerance. Adam's first moves are the signs of the gradients, and a sign may differ where a
    gradient is nearly 0: later losses are only near, how near depends on the processor.
    """
    shared = tmp_path / "shared"
    command = ["--workers", "2", "training.onesided", *SIZES, *sources, "--run", str(shared)]
    finish(start([*command, "--steps", "12"], "training.launch"))
    ours, theirs = (untimed_lines(one / "metrics.jsonl") for one in (shared, run))
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4, abs=1e-5)


def test_a_checkpoint_is_the_network_of_its_step(run):
    """The last one is what was written at the end; the one before is another network."""
    from training.runs.finished_run import FinishedRun

    weights = {
        which: FinishedRun(run, which).network("student", "ab").get_weights()
        for which in ("newest", "12", "6")
    }
    for same, last in zip(weights["12"], weights["newest"], strict=True):
        np.testing.assert_allclose(same, last, atol=1e-6)
    pairs = zip(weights["6"], weights["newest"], strict=True)
    assert max(np.abs(one - other).max() for one, other in pairs) > 1e-4
    with pytest.raises(UserError, match=r"--checkpoint 7: .* has those of steps 6, 12"):
        FinishedRun(run, "7").network("student", "ab")


def test_followers(run, capsys):
    """Export, evaluation and report take the network as they take a distilled one."""
    from export.report import main as report
    from export.tflite import main as export
    from training.distill import main as distill
    from training.evaluate import main as evaluate

    assert not export(["--run", str(run), "--size", "64", "--int8", "--float32"])
    entries = {e["variant"]: e for e in json.loads((run / "export" / "export.json").read_text())}
    assert entries["int8"]["model"] == "student" and entries["int8"]["psnr_db"] > 30
    assert entries["int8"]["features"] == "efficientnet-lite0"
    weights = sha256_of(run / "student" / "ab" / "student.weights.h5")
    assert {entry["weights_sha256"] for entry in entries.values()} == {weights}
    assert not evaluate(["--run", str(run), "--model", str(run / "export" / "ab-64-int8.tflite")])
    assert '"student"' in (run / "evaluation.json").read_text()
    assert not report(["--run", str(run)])
    with pytest.raises(UserError, match="without a teacher"):
        distill(["--run", str(run), "--steps", "1"])
    with pytest.raises(UserError, match="ab alone"):
        export(["--run", str(run), "--direction", "ba", "--int8"])
    assert "network for phones" in (run / "report.html").read_text().lower()


def test_minutes(sources, tmp_path, capsys):
    """The number of steps is found before the first one, and kept when the run is resumed."""
    run = tmp_path / "timed"
    assert main([*SIZES, *sources, "--run", str(run), "--minutes", "0.1"]) is None
    config = json.loads((run / "config.json").read_text())
    (announced,) = re.findall(r"ms per step: (\d+) steps in 0.1 minutes", capsys.readouterr().err)
    assert config["options"]["steps"] == int(announced)
    assert main(["--run", str(run), "--resume"]) is None
    assert (
        json.loads((run / "config.json").read_text())["options"]["steps"]
        == config["options"]["steps"]
    )


def test_two_lengths():
    with pytest.raises(UserError, match="--steps and --minutes"):
        main(["--steps", "1", "--minutes", "1"])


def test_wrong_sizes():
    with pytest.raises(UserError, match="multiple of 32"):
        main(["--crop-size", "72", "--steps", "1"])
