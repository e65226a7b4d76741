"""Sources mean the same from wherever a later command runs; folders are not called like files."""

import os

import pytest

from tf_i2i.command_line import absolute, parse
from training.options.trainer_options import CycleGANOptions


def test_sources_are_recorded_from_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "selfie", "data"):
        os.mkdir(name)
    (tmp_path / "w.h5").touch()
    (tmp_path / "more.yaml").write_text("domain-a: photos\nrun: here\n")
    options = parse(CycleGANOptions, ["--options", "more.yaml", "--domain-b", "gone"], "x", "")
    assert options.domain_a == str(tmp_path / "photos")
    assert (options.domain_b, options.run) == ("gone", "here")
    assert options.options == str(tmp_path / "more.yaml")
    for source, recorded in {
        "tfds:./data:train[:5]:image": f"tfds:{tmp_path}/data:train[:5]:image",
        "tfds:data:train": "tfds:data:train",
        "keras-cv:w.h5": f"keras-cv:{tmp_path}/w.h5",
        f"file://{tmp_path}/w.h5": f"file://{tmp_path}/w.h5",
        "selfie": "selfie",
        "efficientnet-lite0": "efficientnet-lite0",
    }.items():
        assert absolute(source) == recorded


def test_a_folder_that_is_called_like_a_file(tmp_path, capsys):
    (tmp_path / "old.zip").mkdir()
    assert parse(CycleGANOptions, ["--run", str(tmp_path / "old.zip")], "x", "").run
    assert parse(CycleGANOptions, ["--run", "runs/v1.5"], "x", "").run == "runs/v1.5"
    with pytest.raises(SystemExit):
        parse(CycleGANOptions, ["--run", "model.tflite"], "x", "")
    assert "--run model.tflite: this is a file's name; name a folder" in capsys.readouterr().err
