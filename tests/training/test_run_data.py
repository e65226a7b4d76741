"""Which pictures a run trains on, holds out and takes for pairs. Nothing is trained here."""

import dataclasses
import json
import shutil

import pytest
from PIL import Image

from tf_i2i.errors import UserError
from training.options.trainer_options import CycleGANOptions
from training.runs.finished_run import FinishedRun
from training.runs.run_data import load_data


@pytest.mark.parametrize(
    "ours, theirs, paired",
    [
        (
            ["cafe.png", "caf\u00e9.png", "cafz.png"],
            ["cafe.jpg", "cafe\u0301.jpg", "cafz.jpg"],
            True,
        ),
        (["IMG_1.JPG", "IMG_2.JPG"], ["img_1.png", "img_2.png"], False),
    ],
)
def test_validation_pairs_by_name(picture_folders, tmp_path, ours, theirs, paired):
    """Each true translation is the one of its photo; names that differ in case are told."""
    named = dict(zip(("domain_a", "domain_b"), map(str, picture_folders), strict=True))
    for side, names in (("val_a", ours), ("val_b", theirs)):
        (tmp_path / side).mkdir()
        named[side] = str(tmp_path / side)
        for value, name in enumerate(names):
            Image.new("RGB", (48, 48), (60 * value,) * 3).save(tmp_path / side / name)
    said = []
    data = load_data(CycleGANOptions(**named, load_size=40), said.append)
    assert data.paired is paired
    if paired:
        for i in range(len(ours)):
            assert abs(int(data.val_a.image(i).mean()) - int(data.val_b.image(i).mean())) < 3
    else:
        assert "2 names differ in case alone, such as IMG_1.JPG and img_1.png" in said[-1]


def test_what_was_held_out_stays_held_out(picture_folders, tmp_path, capsys):
    """No picture of the training takes the place of one that is gone, or gets its name; what comes
    later is not held out, and with none left there is nothing to score.
    """
    photos = shutil.copytree(picture_folders[0], tmp_path / "photos")
    options = CycleGANOptions(
        domain_a=str(photos), domain_b=str(picture_folders[1]), load_size=40, crop_size=32
    )
    before = load_data(options, print)
    held_out, trained = before.val_a.names, before.train_a.names
    assert len(held_out) == 2
    config = {"model": "cyclegan", "options": dataclasses.asdict(options), "data": before.facts()}
    (tmp_path / "config.json").write_text(json.dumps(config))
    shutil.copy(photos / trained[0], photos / "99.png")
    (photos / held_out[0]).unlink()
    data = FinishedRun(tmp_path).data()
    assert data.val_a.names == held_out[1:] and data.train_a.names == [*trained, "99.png"]
    said = f"1 of the 2 pictures that were held out of the training are missing or changed: {held_out[0]}"
    assert said in capsys.readouterr().err
    (photos / trained[1]).rename(photos / held_out[0])
    data = FinishedRun(tmp_path).data()
    assert data.val_a.names == held_out[1:] and held_out[0] not in data.train_a.names
    (photos / held_out[1]).unlink()
    with pytest.raises(UserError, match=r"2 of the 2 pictures .* are missing or changed"):
        FinishedRun(tmp_path).data()
