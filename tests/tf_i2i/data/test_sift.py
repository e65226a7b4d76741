"""The share of a picture's local detail that another has, and the agreement of masks."""

import numpy as np
import pytest

from tf_i2i.data.demo_data import bundled_photographs
from tf_i2i.data.image_files import resize_short_side
from tf_i2i.errors import UserError
from tf_i2i.metrics.image_metrics import sift_matches
from tf_i2i.metrics.mask_metrics import mean_iou
from tf_i2i.pretrained.segmentation_networks import labels_of, open_segmenter


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return resize_short_side(bundled_photographs().read(0), 160)


def noise(shape, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_one_against_itself_and_near_none_against_noise(photo):
    itself = sift_matches(photo, photo)
    assert itself.share == 1.0 and itself.inliers == itself.of_itself > 100
    assert max(sift_matches(noise(photo.shape, seed), photo).share for seed in range(5)) < 0.03
    assert max(sift_matches(photo, noise(photo.shape, seed)).share for seed in range(5)) < 0.03


def test_falls_with_damage_and_with_another_picture(photo):
    import cv2

    shares = [sift_matches(cv2.GaussianBlur(photo, (0, 0), s), photo).share for s in (0.5, 1, 2, 4)]
    assert all(np.diff(shares) < 0) and shares[0] > 0.5 and shares[-1] < 0.2
    other = resize_short_side(bundled_photographs().read(1), 160)[:, :160]
    assert sift_matches(np.ascontiguousarray(other), photo).share < 0.03


def test_pictures_without_detail(photo):
    flat = np.full_like(photo, 200)
    assert sift_matches(flat, photo) == (0, sift_matches(photo, photo).of_itself, 0.0)
    assert sift_matches(photo, flat) == (0, 0, None)
    with pytest.raises(ValueError, match="differ in size"):
        sift_matches(photo[:100], photo)
    with pytest.raises(ValueError, match="uint8"):
        sift_matches(photo.astype(np.float32), photo)


def test_intersection_over_union():
    labels = np.array([[0, 0, 1, 1], [2, 2, 1, 1]])
    assert mean_iou(labels, labels) == 1
    truth = np.array([[0, 0, 0, 1], [3, 3, 1, 1]])
    # Class 0: 2 of 3; class 1: 3 of 4; 2 and 3 are in one of the two only.
    assert mean_iou(labels, truth) == pytest.approx((2 / 3 + 3 / 4 + 0 + 0) / 4)
    with pytest.raises(ValueError, match="differ in size"):
        mean_iou(labels, labels[:1])


def test_what_networks_give_becomes_labels():
    np.testing.assert_array_equal(labels_of(np.array([[[0.4], [0.6]]])), [[0, 1]])
    np.testing.assert_array_equal(labels_of(np.array([[[-7.0], [0.4]]])), [[0, 1]])
    np.testing.assert_array_equal(labels_of(np.array([[[0.1, 0.7, 0.2], [3, 1, 2]]])), [[1, 0]])
    np.testing.assert_array_equal(labels_of(np.array([[4, 5]], np.int64)), [[4, 5]])


def brightness_network():
    """Foreground is what is brighter than the middle, in the green channel alone."""
    import keras

    layer = keras.layers.Conv2D(1, 1, activation="sigmoid")
    network = keras.Sequential([keras.layers.InputLayer((32, 48, 3)), layer])
    layer.set_weights(
        [np.array([0, 40, 0], np.float32).reshape(1, 1, 3, 1), np.array([-20], np.float32)]
    )
    return network


@pytest.mark.parametrize("kind", ["network.keras", "network.h5", "saved", "network.tflite"])
def test_networks_of_all_kinds_give_one_mask(tmp_path, kind):
    import tensorflow as tf

    network, path = brightness_network(), tmp_path / kind
    if kind == "saved":
        network.export(path)
    elif kind == "network.tflite":
        path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    else:
        network.save(path)
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :, 1], image[32:, :, 0] = 255, 255
    mask = open_segmenter(str(path))(image)
    assert mask.shape == (32, 48) and mask[:15].all() and not mask[17:].any()


def test_unusable_networks(tmp_path):
    (tmp_path / "bad.tflite").write_bytes(b"TFL3 nothing")
    (tmp_path / "bad.keras").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    cases = {
        "bad.tflite": "can't be run",
        "bad.keras": "can't be loaded",
        "empty": "can't be loaded",
        "none": "no such file",
    }
    for name, message in cases.items():
        with pytest.raises(UserError, match=f"--segmentation-model .*{message}") as error:
            open_segmenter(str(tmp_path / name))
        assert "\n" not in str(error.value)
