"""benchmarks.guidance: who is trained on and who judged, what its claims are, and its scores of
known pictures.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from drawn_people import draw_people
from PIL import Image

from benchmarks.guidance import (
    GuidanceOptions,
    claims,
    crops,
    make_data,
    mask_iou,
    scores_of,
    show,
)
from tf_i2i.errors import UserError
from tf_i2i.pretrained.face_networks import FaceNetwork


def test_no_person_is_in_two_parts(tmp_path):
    faces = draw_people(tmp_path / "faces", 9, 2)
    options = GuidanceOptions(faces=str(faces), load_size=48)
    people = make_data(options, tmp_path)
    assert [len(people[part]) for part in ("held_out", "photos", "cartoons")] == [2, 5, 2]
    assert len({name for names in people.values() for name in names}) == 9
    for part, folder in (
        ("held_out", "held_out"),
        ("held_out", "truth"),
        ("photos", "photos"),
        ("cartoons", "cartoons"),
    ):
        assert {path.name for path in (tmp_path / folder).iterdir()} == set(people[part])
        assert len(list((tmp_path / folder).rglob("*.png"))) == 2 * len(people[part])
    assert make_data(options, tmp_path) == people
    with pytest.raises(UserError, match="3 people, at least 8"):
        make_data(GuidanceOptions(faces=str(draw_people(tmp_path / "few", 3, 2))), tmp_path / "out")


def test_claims():
    none = {"distance": 0.8, "mask_iou": 0.7, "mask_iou_crops": 0.6, "outline_f1": 0.5}
    face, segmentation = (
        {**none, "distance": 0.5},
        {**none, "mask_iou": 0.8, "mask_iou_crops": 0.5, "outline_f1": 0.4},
    )
    targets = claims({"none": none, "face": face, "segmentation": segmentation})
    assert [(round(target.value, 3), target.met) for target in targets] == [
        (0.375, True),
        (1, True),
        (0.1, True),
        (-0.1, False),
        (0.8, False),
    ]


def test_scores_of_known_pictures():
    """A face network that sees the mean colour alone, a segmenter that cuts at half."""
    face = FaceNetwork("mean", lambda crops: tf.reduce_mean(crops, [1, 2]), (8, 8), 0.6)
    photos = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    fakes = [np.full((32, 32, 3), value, np.uint8) for value in (51, 255)]
    scores = scores_of(
        photos, fakes, fakes, ["a", "b"], face, lambda image: (image[..., 0] > 127).astype(int)
    )
    assert scores["distance"] == pytest.approx(
        0.5 * 0.4 * 3**0.5, rel=1e-4
    )  # 51 of 255 is 0.4 of -1 to 1
    assert (scores["same_person"], scores["impostors"], scores["mask_iou"], scores["ssim"]) == (
        0.5,
        0,
        1,
        1,
    )


def test_masks_of_crops():
    image = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    views = crops(image, 8)
    assert len(views) == 10 and all(view.shape == (8, 8, 3) for view in views)
    np.testing.assert_array_equal(views[6], image[2:, 4:])
    np.testing.assert_array_equal(views[9], image[1:9, 2:10][:, ::-1])
    assert len({view.tobytes() for view in views}) == 10

    def segment(view):
        return (view[..., 0] > 127).astype(int)

    half = np.zeros((8, 8, 3), np.uint8)
    half[:, :4] = 255
    other = half[::-1].copy()
    other[:4] = 0  # of 32 pixels 16 are left: 16 of 32, and 32 of 48 of the rest
    assert mask_iou([half, half], [half, other], segment) == pytest.approx(
        (1 + (1 / 2 + 2 / 3) / 2) / 2
    )


def test_shown_photos_are_translated_by_each_run(tiny_run, tmp_path):
    Image.effect_noise((70, 50), 60).convert("RGB").save(tmp_path / "photo.png")
    options = GuidanceOptions(load_size=40, show=(str(tmp_path / "photo.png"),) * 2)
    show(options, {"one": tiny_run, "two": tiny_run}, tmp_path / "shown.png")
    shown = np.asarray(Image.open(tmp_path / "shown.png").convert("RGB")).astype(int)
    # photo, one, two, true cartoon, four pixels apart under a line of names; two rows.
    assert shown.shape[1] == 4 + 4 * 44 and shown.shape[0] > 2 * 44
    photo, one, two, truth = (shown[-44:-4, 4 + 44 * i : 44 + 44 * i] for i in range(4))
    np.testing.assert_array_equal(one, two)
    assert (one != photo).any() and (truth != photo).any() and (one != truth).any()
    assert photo.std() > 30, "the middle of the photo"
