from __future__ import annotations

import math

import numpy as np
import pytest

from tf_i2i.metrics import image_metrics as metrics


def flat(*colour: int, size: tuple[int, int] = (32, 40)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (*size, 3)).copy()


def structured() -> tuple[np.ndarray, np.ndarray]:
    """Two alike uint8 [60, 83, 3] pictures with slopes of colour and dark diagonal strokes."""
    y, x = np.mgrid[0:60, 0:83]
    image = np.stack([x * 3 % 256, y * 4 % 256, (x * y) // 7 % 256], -1).astype(np.uint8)
    truth = np.stack([(x * 3 + 20) % 256, y * 4 % 256, (x * y) // 9 % 256], -1).astype(np.uint8)
    image[(x + y) % 16 < 3], truth[(x + y) % 16 < 2] = 10, 30
    return image, truth


def test_numbers_are_those_of_the_yardstick():
    # Made by saving structured() as PNG files and running the yardstick's score.py (OpenCV 4.10,
    # scikit-image 0.26) with its means printed in full; the other picture there was the truth
    # upside down.
    image, truth = structured()
    want = {
        "psnr_db": 12.773937630995098,
        "ssim": 0.66245665862337,
        "outline_f1": 0.8259958071278826,
        "colour_error": 16.093503952026367,
        "grid": 183.2822540197786,
        "grid_truth": 217.01940645711684,
    }
    found = metrics.against_truth(image, truth)
    assert found.pop("l1") == pytest.approx(np.abs(image - truth.astype(float)).mean()), (
        "not one of the yardstick's"
    )
    assert found == pytest.approx(want, rel=1e-5)
    upside_down = metrics.against_truth(truth[::-1], truth)
    want = {
        "psnr_db": 8.11315894815803,
        "ssim": 0.08062511057888452,
        "outline_f1": 0.17424975798644723,
        "colour_error": 58.24229431152344,
        "grid": 217.05474928539965,
        "grid_truth": 217.01940645711684,
    }
    assert {name: upside_down[name] for name in want} == pytest.approx(want, rel=1e-5)


def test_psnr_of_constant_differences():
    assert metrics.psnr(flat(100, 100, 100), flat(100, 100, 100)) == math.inf
    assert metrics.psnr(flat(0, 0, 0), flat(255, 255, 255)) == pytest.approx(0)
    assert metrics.psnr(flat(90, 90, 90), flat(100, 100, 100)) == pytest.approx(
        20 * math.log10(25.5)
    )
    # A third of the squared error when one channel of three differs; unsigned bytes must not wrap
    # round.
    assert metrics.psnr(flat(100, 0, 0), flat(90, 0, 0)) == pytest.approx(
        20 * math.log10(25.5) + 10 * math.log10(3)
    )


def test_ssim_of_flat_pictures_is_its_luminance_term():
    constant = (0.01 * 255) ** 2
    for a, b in ((50, 200), (0, 255), (120, 121)):
        want = (2 * a * b + constant) / (a**2 + b**2 + constant)
        assert metrics.ssim(flat(a, a, a), flat(b, b, b)) == pytest.approx(want, abs=1e-9)
    image, _ = structured()
    assert metrics.ssim(image, image) == pytest.approx(1)


def test_outline_f1_counts_pixels_darker_than_48():
    image, truth = flat(255, 255, 255), flat(255, 255, 255)
    assert metrics.outline_f1(image, truth) == 0
    image[4:8, :10], truth[4:8, 5:15] = 47, 0
    assert metrics.outline_f1(image, truth) == pytest.approx(
        0.5
    )  # half of each covers half of the other
    image[4:8, :10] = 48
    assert metrics.outline_f1(image, truth) == 0
    truth[:] = 255
    image[:], truth[0, :3] = 0, 0
    assert metrics.outline_f1(image, truth) == pytest.approx(2 * 3 / (32 * 40 + 3))


def test_luma_weighs_the_channels_as_rgb():
    black = flat(0, 0, 0)
    assert metrics.outline_f1(flat(0, 160, 0), black) == 0
    assert metrics.outline_f1(flat(0, 0, 160), black) == 1
    assert metrics.outline_f1(flat(90, 0, 0), black) == 1
    assert metrics.outline_f1(flat(0, 90, 0), black) == 0


def test_colour_error_of_known_colours():
    black = flat(0, 0, 0)
    assert metrics.colour_error(black, flat(255, 255, 255)) == pytest.approx(100, abs=0.1)
    # CIE L*a*b* of sRGB red is (53.24, 80.09, 67.20), of blue (32.30, 79.19, -107.86).
    assert metrics.colour_error(flat(255, 0, 0), black) == pytest.approx(
        math.hypot(53.24, 80.09, 67.20), abs=0.3
    )
    assert metrics.colour_error(flat(0, 0, 255), black) == pytest.approx(
        math.hypot(32.30, 79.19, 107.86), abs=0.3
    )


def test_colour_error_forgives_where_a_stroke_lies_but_not_a_cast():
    image, moved = flat(200, 180, 160, size=(64, 64)), flat(200, 180, 160, size=(64, 64))
    image[:, 30:32], moved[:, 33:35] = 0, 0
    assert metrics.colour_error(image, moved) < 3
    assert metrics.colour_error(image, np.roll(image, 60, axis=2)[..., [1, 0, 2]]) > 5


def test_grid_energy_of_periodic_pictures():
    def stripes(period: int) -> np.ndarray:
        image = flat(200, 200, 200, size=(64, 64))
        image[:, np.arange(64) % period < period // 2] = 60
        return image

    y, x = np.mgrid[0:64, 0:64]
    checkerboard = np.repeat(((x + y) % 2 * 100 + 50).astype(np.uint8)[..., None], 3, 2)
    for image in (checkerboard, stripes(2), stripes(4), stripes(4).transpose(1, 0, 2)):
        assert metrics.grid_energy(image) == pytest.approx(1e4, rel=1e-6)
    # Period 8 of equal halves has odd harmonics only: neither period 4 nor 2.
    assert metrics.grid_energy(stripes(8)) == pytest.approx(0, abs=1e-6)
    assert metrics.grid_energy(stripes(64)) == pytest.approx(0, abs=1e-6)
    assert metrics.grid_energy(flat(77, 77, 77)) == 0


def test_grid_energy_of_noise_is_its_share_of_the_spectrum():
    # 3 lines of 3 bins along each axis and 9 where they cross, of 64 x 64 that hold alike.
    rng = np.random.default_rng(5)
    found = [
        metrics.grid_energy(np.repeat(rng.integers(0, 256, (64, 64, 1), np.uint8), 3, 2))
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(1e4 * 27 / 64**2, rel=0.05)


@pytest.mark.parametrize(
    "metric", [metrics.psnr, metrics.ssim, metrics.outline_f1, metrics.colour_error]
)
def test_wrong_pictures(metric):
    with pytest.raises(ValueError, match="differ in size"):
        metric(flat(1, 1, 1), flat(1, 1, 1, size=(32, 41)))
    with pytest.raises(ValueError, match="float32"):
        metric(flat(1, 1, 1).astype(np.float32), flat(1, 1, 1))
    with pytest.raises(ValueError, match="12 pixels per side"):
        metrics.grid_energy(flat(1, 1, 1, size=(11, 40)))


def test_means_name_the_count_and_keep_json_valid():
    got = metrics.mean_scores(
        [{"ssim": 0.25, "psnr_db": 10.0}, {"ssim": 0.75, "psnr_db": math.inf}]
    )
    assert got == {"images": 2, "ssim": 0.5, "psnr_db": None}
    with pytest.raises(ValueError, match="no scores"):
        metrics.mean_scores([])
