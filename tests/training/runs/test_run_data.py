"""Which pictures a run trains on, holds out and takes for pairs. Nothing is trained here."""

import dataclasses
import json
import shutil

import pytest
from PIL import Image

from tf_i2i.errors import UserError
from training.options.trainer_options import CycleGANOptions, OneSidedOptions, Pix2PixOptions
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


@pytest.mark.parametrize("misfits, names", [(1, ["1.png", "2.png", "3.png"]), (2, None)])
def test_validation_pairs_of_other_shapes(picture_folders, tmp_path, misfits, names):
    """Left out as in training on pairs; where half differ, equal names are chance and all stay."""
    named = dict(zip(("domain_a", "domain_b"), map(str, picture_folders), strict=True))
    for side in ("val_a", "val_b"):
        (tmp_path / side).mkdir()
        named[side] = str(tmp_path / side)
        for i in range(4):
            size = (64, 48) if side == "val_b" and i < misfits else (48, 48)
            Image.new("RGB", size).save(tmp_path / side / f"{i}.png")
    data = load_data(CycleGANOptions(**named, load_size=40), print)
    assert data.paired is (names is not None)
    assert data.val_a.names == data.val_b.names == (names or [f"{i}.png" for i in range(4)])


def test_one_folder_is_not_two_domains(picture_folders, tmp_path):
    photos = shutil.copytree(picture_folders[0], tmp_path / "photos")
    shutil.copytree(picture_folders[1], photos / "paintings")
    (tmp_path / "link").symlink_to(photos)
    for other in (photos, tmp_path / "link", photos / "paintings", photos / "00.png", tmp_path):
        options = {"domain_a": str(photos), "domain_b": str(other)}
        with pytest.raises(UserError, match=r"^--domain-b .*--domain-a"):
            load_data(OneSidedOptions(**options, load_size=40), print)
    with pytest.raises(UserError, match="these are the pictures of --input"):
        load_data(Pix2PixOptions(input=str(photos), target=str(photos), load_size=40), print)


def test_what_pictures_lose_is_told_once(picture_folders, tmp_path):
    photos = shutil.copytree(picture_folders[0], tmp_path / "photos")
    for i in range(3):
        clear = Image.new("RGBA", (48, 48), (9, 9, 9, 100))
        clear.save(photos / f"clear {i}.png")
        frames = [Image.new("RGB", (48, 48), (90 * n, 0, 0)) for n in range(3)]
        frames[0].save(photos / f"moving {i}.gif", save_all=True, append_images=frames[1:])
    said = []
    options = CycleGANOptions(domain_a=str(photos), domain_b=str(picture_folders[1]), load_size=40)
    load_data(options, said.append)
    lost = [line for line in said if " pictures have " in line]
    assert lost == [
        "--domain-a: 3 of 20 pictures have several frames, only the first is used (such as moving 0.gif)",
        "--domain-a: 3 of 20 pictures have transparent parts, which become white (such as clear 0.png)",
    ]


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
