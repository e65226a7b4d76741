from __future__ import annotations

import numpy as np
import pytest

from tf_i2i.data.cartoon_styles import cartoon


def scene() -> np.ndarray:
    """uint8 [96, 96, 3]: a dark disc on a slope of colours."""
    y, x = np.mgrid[0:96, 0:96]
    image = np.stack([60 + x * 2, 255 - y * 2, np.full_like(x, 120)], -1)
    image[(y - 48) ** 2 + (x - 48) ** 2 < 400] = (40, 30, 20)
    return image.clip(0, 255).astype(np.uint8)


def test_same_every_time_and_input_untouched():
    image = scene()
    first = cartoon(image)
    np.testing.assert_array_equal(cartoon(image), first)
    np.testing.assert_array_equal(image, scene())
    assert first.shape == image.shape and first.dtype == np.uint8


def test_only_level_middles_and_black():
    got = cartoon(scene())
    outline = (got == 0).all(-1)
    assert set(np.unique(got[~outline])) <= {16, 48, 80, 112, 144, 176, 208, 240}
    assert set(np.unique(cartoon(scene(), level_step=64))) <= {0, 32, 96, 160, 224}


def test_outlines_run_round_the_disc_and_nowhere_else():
    outline = (cartoon(scene()) == 0).all(-1)
    y, x = np.nonzero(outline)
    radius = np.hypot(y - 48, x - 48)
    assert radius.min() > 14.5 and radius.max() < 20.5
    sectors = np.floor(np.degrees(np.arctan2(y - 48, x - 48)) / 10) % 36
    assert len(np.unique(sectors)) == 36


def test_flat_areas_keep_their_colour_and_channel_order():
    got = cartoon(np.full((32, 32, 3), (250, 100, 5), np.uint8))
    assert (got == (240, 112, 16)).all()


def test_wrong_input():
    with pytest.raises(ValueError, match="float32"):
        cartoon(np.zeros((8, 8, 3), np.float32))
    assert cartoon(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
