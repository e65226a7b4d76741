"""A CycleGAN with projected discriminators, and its student, which a discriminator of the style judges."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.errors import UserError
from training.cyclegan import main
from training.distill import main as distill

# The smallest crops: all losses must still work.
SIZES = ["--load-size", "40", "--crop-size", "32", "--generator", "shallow", "--ngf", "4"]
SIZES += ["--precision", "float32"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, picture_folders):
    """A whole run with defaults but for sizes. Read only."""
    run = tmp_path_factory.mktemp("runs") / "projected"
    folders = ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]
    steps = ["--steps", "4", "--checkpoint-every", "2", "--student-steps", "4"]
    assert main([*SIZES, *folders, *steps, "--run", str(run)]) is None
    return run


def weights(folder) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    names = [n for n in reader.get_variable_to_shape_map() if "VARIABLE_VALUE" in n]
    return {name: reader.get_tensor(name) for name in names}


def test_defaults(run):
    options = json.loads((run / "config.json").read_text())["options"]
    assert options["discriminator"] == "projected" and options["residual"] is True
    student = json.loads((run / "student/ab/config.json").read_text())["options"]
    assert student["objective"] == "style" and student["batch_size"] == 2
    last = json.loads((run / "student/ab/metrics.jsonl").read_text().splitlines()[-1])
    assert {"style", "content", "D_lead"} <= set(last)


def test_it_resumes_to_the_same_bits(run, tmp_path):
    """From the checkpoint in the middle; the student that is distilled anew is the same, too."""
    again = tmp_path / "again"
    shutil.copytree(run, again, ignore=shutil.ignore_patterns("ckpt-4*", "student"))
    assert main(["--run", str(again), "--resume"]) is None
    for part in (".", "student/ab"):
        whole, resumed = weights(run / part), weights(again / part)
        assert len(whole) > 50 and whole.keys() == resumed.keys()
        for name, value in whole.items():
            np.testing.assert_array_equal(value, resumed[name], err_msg=name)


def test_it_is_exported(run, tmp_path):
    from export.tflite import main as export

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    assert not export(["--run", str(copy), "--size", "64", "--int8", "--no-gpu-check"])
    (entry,) = json.loads((copy / "export" / "export.json").read_text())
    assert entry["psnr_db"] > 30 and entry["features"] == "efficientnet-lite0"


def test_objectives_that_a_run_can_not_have(tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    config = json.loads((run / "config.json").read_text())
    config["options"]["crop_size"] = 28
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"style needs crops of 32 pixels, .* have 28; use"):
        distill(["--run", str(run), "--objective", "style", "--steps", "1"])


@pytest.mark.parametrize(
    "words, reason",
    [
        (["--features", "efficientnet-lite0", "--discriminator", "patch"], "--features has no"),
        (["--crop-size", "100"], "--crop-size 100: with --discriminator projected"),
    ],
)
def test_options_without_effect_are_refused(words, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        main([*words, "--dry-run", "--run", str(tmp_path / "run")])
