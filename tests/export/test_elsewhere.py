"""A run on a machine that has not its pictures: some travel in its folder, others can be named."""

import json
import shutil
from pathlib import Path

import pytest

from export.report import main as report
from export.tflite import main as tflite
from tf_i2i.errors import UserError
from tf_i2i.litert.model_file import read_bytes, read_facts
from training.distill import main as distill
from training.evaluate import main as evaluate

EXPORT = ["--int8", "--size", "64", "--min-psnr", "0", "--no-gpu-check"]


@pytest.fixture
def moved(tiny_run, tmp_path) -> Path:
    """A copy whose sources are not there."""
    run = tmp_path / "moved"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("export", "evaluation*"))
    config = json.loads((run / "config.json").read_text())
    assert config["options"]["run"] == str(tiny_run)
    for letter in "ab":
        config["options"][f"domain_{letter}"] = f"/elsewhere/{letter}"
    (run / "config.json").write_text(json.dumps(config))
    return run


def test_it_is_exported_scored_and_reported(moved, tiny_run, tmp_path, capsys):
    assert tflite(["--run", str(moved), *EXPORT]) == 0
    said = capsys.readouterr().err
    assert "its pictures are not here (--domain-a /elsewhere/a" in said
    assert "those in pictures.zip are used: 12 for training and 2 for validation" in said
    facts = read_facts(read_bytes(moved / "export" / "ab-64-int8.tflite"))
    config = json.loads((tiny_run / "config.json").read_text())
    assert facts["training_data"].startswith("12 pictures of domain A")
    assert facts["training_fingerprint"] == config["data"]["fingerprint"]["train_a"]
    # As all held-out pictures are kept, the scores are the same.
    home = tmp_path / "home"
    shutil.copytree(tiny_run, home, ignore=shutil.ignore_patterns("evaluation*"))
    for run in (moved, home):
        assert not evaluate(["--run", str(run), "--features", "offline"])
    ours, theirs = (json.loads((run / "evaluation.json").read_text()) for run in (moved, home))
    assert ours["student"] == theirs["student"] and ours["student"]["validation"]
    assert not report(["--run", str(moved)])
    page = (moved / "report.html").read_text()
    assert "can't be shown" not in page and "<figcaption>student</figcaption>" in page
    with pytest.raises(UserError, match="--domain-a /elsewhere/a"):
        distill(["--run", str(moved), "--steps", "1"])


def test_others_are_named(moved, picture_folders):
    """Of an older run, which keeps none."""
    (moved / "pictures.zip").unlink()
    with pytest.raises(UserError, match=r"not here .*/elsewhere/a.* export\.tflite --pictures"):
        tflite(["--run", str(moved), *EXPORT])
    assert tflite(["--run", str(moved), *EXPORT, "--pictures", str(picture_folders[0])]) == 0
    (entry,) = json.loads((moved / "export" / "export.json").read_text())
    assert entry["held_out_images"] == 2
