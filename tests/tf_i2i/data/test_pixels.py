"""Pixel values and crops."""

import numpy as np
import pytest
from PIL import Image

from tf_i2i.data import pixels
from tf_i2i.errors import UserError


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_uint8_round_trip():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels.to_uint8(pixels.to_float(values)), values)
    np.testing.assert_array_equal(pixels.to_uint8(np.array([-1.2, 1.2])), [0, 255])


def test_centre_squares():
    image = noise(30, 41)
    np.testing.assert_array_equal(pixels.centre_square(image), image[:, 5:35])
    np.testing.assert_array_equal(pixels.centre_square(image, 20), image[5:25, 10:30])
    square = pixels.centre_square(image)
    assert pixels.resize_square(square, 30) is square
    expected = Image.fromarray(image[:, 5:35]).resize((12, 12), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(pixels.resize_square(square, 12), expected)


def test_centre_multiple():
    image = noise(30, 41)
    np.testing.assert_array_equal(pixels.centre_multiple(image, 4), image[1:29, :40])
    np.testing.assert_array_equal(pixels.centre_multiple(image, 4, 16), image[7:23, 12:28])
    with pytest.raises(UserError, match="41x30 pixels: this generator needs at least 256 per side"):
        pixels.centre_multiple(image, 256)


def test_the_most_detailed_window_is_the_noisy_corner():
    image = np.full((50, 60, 3), 90, np.uint8)
    image[30:46, 40:56] = noise(16, 16)
    _, top, left = pixels.most_detailed_window(image, 18)
    assert abs(top - 29) <= 1 and abs(left - 39) <= 1
    assert pixels.most_detailed_window(image[:18, :18], 18)[1:] == (0, 0)
