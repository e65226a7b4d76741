"""Brushstrokes of enlarged translations: what export.photos.brushstrokes does to them, and
export.stylize --strokes.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from exported_models import SIZE, converted, described, smooth_image, student
from PIL import Image

from export.photos.brushstrokes import (
    CANVAS,
    broad_sizes,
    canvas_sizes,
    refined,
    sharpen_strokes,
)
from export.stylize import main
from tf_i2i.metrics.image_metrics import ssim

RECORDED = 64


def sharpened(picture: np.ndarray, threads: int = 2, photo: np.ndarray | None = None) -> np.ndarray:
    """photo: an even one, whose details are nowhere in the way, if None."""
    result = picture.copy()
    sharpen_strokes(result, np.zeros_like(picture) if photo is None else photo, threads)
    return result


def grain(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(128, 25, (height, width, 3))
    return cv2.GaussianBlur(noise, (0, 0), 1).clip(0, 255).astype(np.uint8)


def stripes(angle: float) -> np.ndarray:
    """float [120, 160] in [-1, 1]: soft stripes across a direction in degrees."""
    down, right = np.mgrid[:120, :160].astype(np.float32)
    across = right * np.cos(np.radians(angle)) + down * np.sin(np.radians(angle))
    return np.sin(across * 2 * np.pi / 24)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 117])
def test_strokes_get_edges_across_them_and_become_smooth_along_them(angle):
    wanted = 128 + 60 * stripes(angle)
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 20, wanted.shape), (0, 0), 1)
    before = np.repeat((wanted + noise).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    after, inner = sharpened(before), np.s_[20:-20, 20:-20]
    slopes = [
        np.percentile(np.hypot(*np.gradient(picture[..., 0].astype(float)))[inner], 95)
        for picture in (wanted[..., None], after)
    ]
    assert slopes[1] > 1.4 * slopes[0]
    # The middle of each stroke.
    middle = np.abs(stripes(angle)[inner]) > 0.97
    grain = [(picture[..., 0] - wanted)[inner][middle].std() for picture in (before, after)]
    assert grain[1] < 0.85 * grain[0]


def test_nothing_is_invented():
    """No value beyond those around it: no halo, and nothing in even areas."""
    even = np.full((50, 70, 3), (200, 30, 90), np.uint8)
    assert np.array_equal(sharpened(even), even)
    edge = np.full((90, 120, 3), 60, np.uint8)
    edge[:, 60:] = 190
    edge = cv2.GaussianBlur(edge, (0, 0), 3)
    result = sharpened(edge)
    assert result.min() >= edge.min() and result.max() <= edge.max()
    slopes = [np.diff(x[40, :, 0].astype(int)).max() for x in (edge, result)]
    assert slopes[1] > 1.4 * slopes[0]


def test_the_photo_s_own_details_stay():
    photo = np.full((90, 120, 3), 128, np.uint8)
    cv2.putText(photo, "eyes", (10, 60), 0, 1.5, (10,) * 3, 3, cv2.LINE_AA)
    picture = (photo // 2 + grain(90, 120) // 2).astype(np.uint8)
    lettering = cv2.GaussianBlur(np.abs(photo.astype(np.float32) - 128), (0, 0), 2).max(2) > 30
    changes = [np.abs(sharpened(picture, photo=p).astype(int) - picture) for p in (photo, None)]
    assert changes[0][lettering].mean() < 0.4 * changes[1][lettering].mean()
    ground = cv2.GaussianBlur(lettering.astype(np.float32), (0, 0), 4) < 0.01
    assert changes[0][ground].mean() > 0.9 * changes[1][ground].mean() > 1


def test_grain_is_no_stroke():
    before = grain(120, 160).astype(float)
    after = sharpened(grain(120, 160)).astype(float)
    assert after.std() < before.std()


def test_a_turned_or_mirrored_picture_gives_the_turned_or_mirrored_strokes():
    picture = smooth_image(90, 130, seed=3)
    result = sharpened(picture).astype(int)
    for change in (np.rot90, np.flipud, np.fliplr):
        other = sharpened(np.ascontiguousarray(change(picture)))
        assert np.abs(other.astype(int) - change(result)).max() <= 1


def test_threads_leave_no_seam():
    picture = grain(400, 60)
    results = [sharpened(picture, threads).astype(int) for threads in (1, 2, 5)]
    assert max(np.abs(results[0] - result).max() for result in results) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2), (40, 1)])
def test_the_smallest_pictures(size):
    picture = np.random.default_rng(2).integers(0, 256, (*size, 3), np.uint8)
    assert sharpened(picture).shape == picture.shape


def test_canvases_grow_to_the_last_in_steps_that_strokes_can_follow():
    for enlargement in (1.0, 1.02, 1.5, 3.0, 6.0, 12.0, 40.0):
        sizes = canvas_sizes(75, 100, enlargement)
        widths = [100, *(width for _, width in sizes)]
        assert all(1 < b / a < 2.2 for a, b in pairwise(widths))
        assert not sizes or sizes[-1] == (round(75 * enlargement), round(100 * enlargement))
        assert bool(sizes) == (enlargement >= 1.1)


def test_broad_strokes_are_of_smaller_pictures_while_these_have_pixels():
    for size in ((341, 256), (85, 64), (85, 20), (3, 1)):
        sizes = broad_sizes(*size)
        assert all(a < b for a, b in pairwise([height for height, _ in [*sizes, size]]))
        assert all(abs(w / h - size[1] / size[0]) < 0.02 and min(h, w) >= 32 for h, w in sizes)
    assert len(broad_sizes(341, 256)) == 2 and not broad_sizes(85, 20)


def test_fine_strokes_are_where_the_photo_has_detail():
    photo = np.full((90, 120, 3), 128, np.uint8)
    photo[:, 60:] = np.random.default_rng(4).integers(0, 2, (90, 60, 1)) * 160 + 40
    broad, fine = (np.full_like(photo, level) for level in (50, 200))
    result = refined(broad, fine, photo)
    assert (result[:, :40] == 50).all() and (result[:, 80:] == 200).all()
    assert (np.diff(result[45, :, 0].astype(int)) >= 0).all()


def test_fine_strokes_reach_further_beside_strong_edges():
    """Broad strokes leave rims there."""
    reach = []
    for contrast in (30, 200):
        photo = np.full((60, 120, 3), 20, np.uint8)
        photo[:, 60:] += contrast
        result = refined(np.zeros_like(photo), np.full_like(photo, 255), photo)
        reach.append(np.count_nonzero(result[30, :, 0] > 127))
    assert 0 < reach[0] < 12 and 2 * reach[0] < reach[1] < 40


@pytest.fixture(scope="module")
def stylized(tmp_path_factory):
    """A photo through the command."""
    folder = tmp_path_factory.mktemp("strokes")

    def run(photo: np.ndarray, *options: str, **facts: object) -> np.ndarray:
        data = described(
            converted("int8"), student(), SIZE, "int8", working_size_px=RECORDED, **facts
        )
        (folder / "model.tflite").write_bytes(data)
        Image.fromarray(photo).save(folder / "photo.png")
        paths = [str(folder / name) for name in ("model.tflite", "photo.png", "out")]
        assert main([*paths[:2], "--out", paths[2], *options]) == 0
        return np.asarray(Image.open(folder / "out" / "photo.png"))

    return run


def test_a_model_that_paints_does_so_by_its_record(stylized):
    photo = smooth_image(150, 200, seed=8)
    plain, painted = stylized(photo), stylized(photo, brushstrokes=True)
    assert np.abs(painted.astype(int) - plain).mean() > 1
    assert np.array_equal(stylized(photo, "--strokes"), painted)
    assert np.array_equal(stylized(photo, "--no-strokes", brushstrokes=True), plain)
    assert np.array_equal(stylized(photo, brushstrokes=False), plain)
    middle = (photo.astype(float) + painted) / 2
    blended = stylized(photo, "--strength", "0.5", brushstrokes=True)
    assert np.abs(blended - middle).max() <= 1


def test_at_the_working_size_strokes_are_as_the_network_draws_them(stylized):
    photo = smooth_image(48, RECORDED, seed=8)
    assert np.array_equal(stylized(photo, brushstrokes=True), stylized(photo))


def test_photos_of_all_sizes_of_a_scene_are_painted_alike(stylized):
    scene, results = smooth_image(960, 1280, seed=5), []
    for width in (1280, 640, 320):
        photo = cv2.resize(scene, (width, width * 3 // 4), interpolation=cv2.INTER_AREA)
        results.append(stylized(photo, brushstrokes=True))
        results[-1] = cv2.resize(results[-1], (320, 240), interpolation=cv2.INTER_AREA)
    assert CANVAS < 1280
    assert min(ssim(results[0], results[1]), ssim(results[0], results[2])) >= 0.9
