"""benchmarks.guidance: who is trained on and who judged, what its claims are, and its scores of known pictures."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from test_embedder import draw_people

from benchmarks.guidance import GuidanceOptions, claims, make_data, scores_of
from tf_i2i.errors import UserError
from tf_i2i.face_networks import FaceNetwork


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
    none = {"distance": 0.8, "mask_iou": 0.7, "outline_f1": 0.5}
    face, segmentation = {**none, "distance": 0.5}, {**none, "mask_iou": 0.8, "outline_f1": 0.4}
    found = claims({"none": none, "face": face, "segmentation": segmentation, "true cartoon": none})
    assert [(round(one.value, 3), one.met) for one in found] == [(0.375, True), (1, True), (0.1, True), (0.8, False)]


def test_scores_of_known_pictures():
    """A face network that sees the mean colour alone, a segmenter that cuts at half."""
    face = FaceNetwork("mean", lambda crops: tf.reduce_mean(crops, [1, 2]), (8, 8), 0.6)
    photos = [np.full((32, 32, 3), value, np.uint8) for value in (0, 255)]
    fakes = [np.full((32, 32, 3), value, np.uint8) for value in (51, 255)]
    scores = scores_of(photos, fakes, fakes, ["a", "b"], face, lambda image: (image[..., 0] > 127).astype(int))
    assert scores["distance"] == pytest.approx(0.5 * 0.4 * 3**0.5, rel=1e-4)  # 51 of 255 is 0.4 of -1 to 1
    assert (scores["same_person"], scores["impostors"], scores["mask_iou"], scores["ssim"]) == (0.5, 0, 1, 1)
