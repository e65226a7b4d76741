"""Scores of stylisations: what they are for the photo itself, for paintings, and for damage."""

import itertools

import cv2
import numpy as np
import pytest

from tf_i2i.data.demo_data import demo_images
from tf_i2i.metrics.feature_networks import OfflineFeatures
from tf_i2i.metrics.fid_kid import squared_mmd
from tf_i2i.metrics.style_metrics import detail, gap_closed, structure


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    cache = demo_images(96).domain_a
    return [np.ascontiguousarray(cache.image(i)[:96, :96]) for i in range(len(cache))]


def shuffled(image: np.ndarray, side: int = 16) -> np.ndarray:
    """The same tiles in another order."""
    rows = [np.split(row, 96 // side, axis=1) for row in np.split(image, 96 // side)]
    tiles = [tile for row in rows for tile in row]
    order = np.random.default_rng(0).permutation(len(tiles)).reshape(len(rows), -1)
    return np.concatenate([np.concatenate([tiles[i] for i in row], axis=1) for row in order])


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma)


def test_gap_from_photos_to_paintings(photos):
    # "Paintings": blurred and tinted, so that they differ in texture and in colour.
    painted = [blurred((image * [1.0, 0.8, 0.5]).astype(np.uint8), 2) for image in photos]
    halfway = [a // 2 + b // 2 for a, b in zip(photos, painted, strict=True)]
    order = np.random.default_rng(0).permutation(len(photos))
    before, middle, after, away = (
        OfflineFeatures()([images[i] for i in order])
        for images in (photos, halfway, painted, [255 - image for image in photos])
    )
    none = gap_closed(before, before, after)
    assert none.closed == 0 and 0 < none.error < 30
    others = gap_closed(after[::2], before[::2], after[1::2])
    assert abs(others.closed - 100) < min(20, 2 * others.error)
    assert 10 < gap_closed(middle, before, after).closed < 90
    assert gap_closed(away, before, after).closed < 0


def test_the_floor_is_zero():
    """The unbiased distance of two halves, averaged over all ways to halve a set."""
    found = np.random.default_rng(1).normal(1, 2, (6, 3))
    halves = [list(chosen) for chosen in itertools.combinations(range(6), 3)]
    rest = [[i for i in range(6) if i not in half] for half in halves]
    distances = [squared_mmd(found[a], found[b]) for a, b in zip(halves, rest, strict=True)]
    assert np.ptp(distances) > 1 and np.mean(distances) == pytest.approx(0, abs=1e-9)


def test_alike_sets_have_no_gap():
    found = np.random.default_rng(1).normal(0, 1, (40, 5))
    with pytest.raises(ValueError, match="do not differ"):
        gap_closed(found[:20], found[:20], found[20:])


def test_the_photo_keeps_everything(photos):
    for photo in photos:
        assert structure(photo, photo) == pytest.approx(1)
        assert detail(photo, photo) == pytest.approx(1, abs=1e-5)
    flat = np.full((40, 32, 3), 90, np.uint8)
    assert structure(flat, flat) == 1 and detail(flat, flat) == 1


def test_blur_takes_detail_and_leaves_structure(photos):
    for photo in photos:
        details = [detail(photo, blurred(photo, sigma)) for sigma in (1, 2, 4)]
        assert 1 > details[0] > details[1] > details[2] > 0
        assert details[2] < 0.5
    assert np.mean([structure(photo, blurred(photo, 1)) for photo in photos]) > 0.9


def test_strokes_take_no_detail_and_contrast_adds_none(photos):
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    across = ramp + np.tile((np.arange(64, dtype=np.uint8) % 8)[None, :, None], (64, 1, 3))
    assert detail(ramp, across) == pytest.approx(1, abs=1e-5), "strokes along the gradient's normal"
    assert detail(ramp, 2 * ramp) == pytest.approx(1, abs=1e-5)
    assert detail(2 * ramp, ramp) == pytest.approx(0.5, abs=1e-5)
    assert detail(ramp, 255 - ramp) == 0
    for photo in photos:
        assert detail(photo, 255 - photo) < 0.01


def test_a_shuffled_picture_loses_structure(photos):
    assert np.mean([structure(photo, shuffled(photo)) for photo in photos]) < 0.3
    assert np.mean([detail(photo, shuffled(photo)) for photo in photos]) < 0.5


def test_pictures_that_can_not_be_compared(photos):
    for other in (photos[0][:64], photos[0].astype(np.float32), photos[0][..., 0]):
        with pytest.raises(ValueError, match="one shape"):
            structure(photos[0], other)
    with pytest.raises(ValueError, match="32 pixels"):
        detail(photos[0][:16], photos[0][:16])
