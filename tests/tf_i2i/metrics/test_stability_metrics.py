from __future__ import annotations

import cv2
import numpy as np
import pytest
from exported_models import smooth_image

from tf_i2i.metrics.stability_metrics import (
    affine_flow,
    estimated_flow,
    noise_gain,
    warping_error,
)


def test_noise_gain_of_known_maps():
    frame = smooth_image(60, 80, seed=1).astype(np.float64)
    noisy = frame + np.random.default_rng(0).normal(0, 2, frame.shape)
    assert noise_gain(frame, noisy, frame, noisy) == pytest.approx(1)
    assert noise_gain(255 - frame / 2, 255 - noisy / 2, frame, noisy) == pytest.approx(0.5)
    assert noise_gain(frame, frame, frame, noisy) == 0
    # A mean of 9 independent values.
    blurred, blurred_noisy = (cv2.blur(image, (3, 3)) for image in (frame, noisy))
    assert noise_gain(blurred, blurred_noisy, frame, noisy) == pytest.approx(1 / 3, abs=0.02)


def test_a_moved_scene_has_no_error_and_a_brighter_one_its_brightness():
    scene = smooth_image(120, 160, seed=2)
    views = []
    for degrees, scale, x in ((0, 0.85, 20.0), (2, 0.9, 23.3)):
        c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
        views.append(np.array([[c, -s, x], [s, c, 15]]))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    before, after = (cv2.warpAffine(scene, view, (96, 72), flags=flags) for view in views)
    places, visible = affine_flow(72, 96, *views)
    error = warping_error(before, after, places, visible)
    assert error < 2 < 8 < warping_error(before, after, *affine_flow(72, 96, views[0], views[0]))
    # Where a corner of the second frame was in the first, by hand.
    x, y = views[1] @ [95, 0, 1]
    at = np.linalg.solve(views[0][:, :2], np.array([x, y]) - views[0][:, 2])
    assert places[0, 95] == pytest.approx(at, abs=1e-3)
    assert not visible[0, 95] and visible[30, 40] and 0.7 < visible.mean() < 1
    flat = np.full_like(before, 100)
    assert warping_error(flat, flat + 7, places, visible) == 7


def test_estimated_flow_finds_the_motion_and_what_it_covers():
    scene = smooth_image(120, 200, seed=3)
    before, after = scene[:, 10:170].copy(), scene[:, 13:173].copy()
    # A square that goes the other way covers some of it, and uncovers some.
    square = smooth_image(40, 40, seed=4)
    before[40:80, 60:100], after[40:80, 64:104] = square, square
    places, visible = estimated_flow(before, after)
    x, _ = np.meshgrid(np.arange(160), np.arange(120))
    shift = places[..., 0] - x
    assert np.median(shift[90:, 10:140]) == pytest.approx(3, abs=0.2)
    assert np.median(shift[50:70, 74:94]) == pytest.approx(-4, abs=0.5)
    assert visible[90:, 10:140].mean() > 0.95
    assert visible[45:75, 59:63].mean() < 0.5
    assert not visible[:, -1].any()
    everywhere = np.ones_like(visible)
    error = warping_error(before, after, places, visible)
    assert error < 0.8 * warping_error(before, after, places, everywhere)
