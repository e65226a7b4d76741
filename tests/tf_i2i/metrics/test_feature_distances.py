"""FID and KID: against closed forms, and that they rise as pictures get worse in the features that
work offline.
"""

import math
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tf_i2i.data.demo_data import demo_images
from tf_i2i.errors import UserError
from tf_i2i.metrics.feature_networks import (
    DIMENSIONS,
    WEIGHTS,
    OfflineFeatures,
    offline_features,
    open_features,
)
from tf_i2i.metrics.fid_kid import frechet_distance, kernel_distance, squared_mmd


def gaussian(count: int, mean, deviations, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, deviations, (count, len(deviations)))


def root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def frechet_of_gaussians(mean_a, cov_a, mean_b, cov_b) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982, equation 16)."""
    mixed = np.linalg.svd(root(cov_a) @ root(cov_b), compute_uv=False).sum()
    return np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * mixed


def test_frechet_distance_of_gaussians_in_closed_form():
    # Commuting covariances: squared differences of the means and of the standard deviations.
    assert frechet_of_gaussians(
        np.zeros(1), np.eye(1) * 4, np.ones(1) * 3, np.eye(1) * 25
    ) == pytest.approx(9 + 9)
    found = frechet_of_gaussians(
        np.array([1.0, 2]), np.diag([1.0, 9]), np.array([4.0, 6]), np.diag([4.0, 4])
    )
    assert found == pytest.approx(9 + 16 + 1 + 1)
    # Not commuting, in 2-D: the trace of the root of M is sqrt(tr M + 2 sqrt(det M)).
    a, b = np.array([[2.0, 0.8], [0.8, 1]]), np.array([[1.0, -0.5], [-0.5, 3]])
    mixed = math.sqrt(np.trace(a @ b) + 2 * math.sqrt(np.linalg.det(a @ b)))
    assert frechet_of_gaussians(np.zeros(2), a, np.zeros(2), b) == pytest.approx(3 + 4 - 2 * mixed)


def test_frechet_distance_of_samples():
    a, b = gaussian(4000, 0, [1, 3], 1), gaussian(4000, [2, 0], [2, 3], 2)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(4 + 1, rel=0.06)
    assert frechet_distance(a, a + [3, 4]) == pytest.approx(25, abs=1e-6)
    # The same number by covariance matrices, also where the pictures are fewer than the features.
    few, more = gaussian(7, 0, [1] * 12, 3), gaussian(9, 1, [2] * 12, 4)
    by_matrices = frechet_of_gaussians(few.mean(0), np.cov(few.T), more.mean(0), np.cov(more.T))
    assert frechet_distance(few, more) == pytest.approx(by_matrices, rel=1e-6)


def test_squared_mmd_by_hand():
    # k(x, y) = (x y + 1)^3 in one dimension. Within {0, 1}: 1; within {2, 3}: 343; across: 1, 1,
    # 27, 64, mean 93/4.
    assert squared_mmd(np.array([[0.0], [1]]), np.array([[2.0], [3]])) == pytest.approx(
        1 + 343 - 2 * 93 / 4
    )


def test_kernel_distance_of_gaussians_is_that_of_their_moments():
    # The kernel sees moments up to the third: k = 1 + 3xy + 3(xy)^2 + (xy)^3, so MMD^2 = 3 d1^2 + 3
    # d2^2 + d3^2, where dn is the difference of the n-th moments. N(0, 1): 0, 1, 0; N(m, 1): m, m^2
    # + 1, m^3 + 3m.
    m = 0.5
    exact = 3 * m**2 + 3 * m**4 + (m**3 + 3 * m) ** 2
    found = kernel_distance(gaussian(4000, 0, [1], 1), gaussian(4000, m, [1], 2))
    assert abs(found.value - exact) < 4 * found.error / math.sqrt(4) and found.error < exact / 2


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 1.4, 3.0), (1.0, 0.6, 1.6)])
def test_estimate_is_unbiased_and_its_error_is_true_to_size(shift, low, high):
    def one(i: int, count: int):
        return kernel_distance(
            gaussian(count, 0, [1] * 5, 2 * i), gaussian(count, shift, [1] * 5, 2 * i + 1), 60
        )

    values, errors = np.array([one(i, 40) for i in range(60)]).T
    large = one(99, 4000)
    assert abs(values.mean() - large.value) < 3 * values.std() / math.sqrt(60) + 3 * large.error
    assert low < errors.mean() / values.std() < high
    assert one(0, 40) == (values[0], errors[0]), "the same subsets each time"


def test_unusable_features():
    with pytest.raises(ValueError, match="at least 4"):
        kernel_distance(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="must be"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    data = demo_images(64)
    return [cache.image(i) for cache in (data.domain_a, data.val_a) for i in range(len(cache))]


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma)


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(int(image.sum())).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def tinted(image: np.ndarray, levels: float) -> np.ndarray:
    return np.clip(image + np.array([levels, 0, -levels]), 0, 255).astype(np.uint8)


def test_two_halves_of_one_set_are_alike(photos):
    features = open_features("offline")(photos)
    assert features.shape == (len(photos), DIMENSIONS) and np.isfinite(features).all()
    mixed = features[np.random.default_rng(0).permutation(len(photos))]
    found = kernel_distance(mixed[::2], mixed[1::2])
    assert abs(found.value) < 2 * found.error
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("worse", "levels"),
    [(blurred, (0.7, 1.0, 1.5, 2.5)), (noisy, (5, 10, 20, 40)), (tinted, (15, 30, 60, 90))],
)
def test_distances_rise_with_distortion(photos, worse, levels):
    features = OfflineFeatures()
    truth = features(photos)
    found = [features([worse(image, level) for image in photos]) for level in levels]
    kernel = [kernel_distance(truth, one) for one in found]
    frechet = [0.0, *(frechet_distance(truth, one) for one in found)]
    assert all(np.diff([one.value for one in kernel]) > 0) and all(np.diff(frechet) > 0)
    assert kernel[-1].value > 2 * kernel[-1].error


def test_features_tell_size_and_type():
    for image in (
        np.zeros((31, 64, 3), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((64, 64), np.uint8),
    ):
        with pytest.raises(ValueError, match="uint8"):
            offline_features(image)
    flat = offline_features(np.full((32, 32, 3), 128, np.uint8))
    assert np.isfinite(flat).all()


def test_a_name_says_which_features(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_features("auto").name == open_features("offline").name == "offline-bank-1"
    with pytest.raises(UserError, match=r"--features /nowhere\.h5: no such file"):
        open_features("/nowhere.h5")
    (tmp_path / "not.h5").write_bytes(b"not weights")
    with pytest.raises(UserError, match="not weights of Keras's InceptionV3"):
        open_features(str(tmp_path / "not.h5"))


def test_weights_that_cannot_be_fetched_are_told_in_one_line(tmp_path):
    # A machine without network: all that urllib asks for goes to a port where nobody listens.
    nobody = "http://127.0.0.1:9"
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "https_proxy": nobody,
        "http_proxy": nobody,
        "HTTPS_PROXY": nobody,
        "no_proxy": "",
        "NO_PROXY": "",
    }
    program = (
        "from tf_i2i.command_line import run_command; from tf_i2i.metrics.feature_networks import open_features;"
        "run_command(lambda: open_features('inception'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: --features inception: Keras can't get its weights")
    assert WEIGHTS in last and "--features offline" in last
    assert not list(tmp_path.rglob("*.h5"))


@pytest.mark.parametrize("top", [False, True])
def test_inception_from_a_file_gives_its_pooled_features(tmp_path, top):
    import keras
    from keras.applications import inception_v3
    from PIL import Image

    keras.utils.set_random_seed(5)
    whole = inception_v3.InceptionV3(weights=None, include_top=top, input_shape=(299, 299, 3))
    # Keras 3 reads the older format, too, and writes it no more.
    older = keras.__version__.startswith("2.")
    file = tmp_path / ("weights.h5" if older else "inception.weights.h5")
    whole.save_weights(file)
    features = open_features(str(file))
    image = np.random.default_rng(0).integers(0, 256, (299, 299, 3), np.uint8)
    small = np.asarray(Image.fromarray(image).resize((80, 60)))
    found = features([image, small])
    assert (
        found.shape == (2, 2048)
        and features.name.startswith("inception-v3-")
        and len(features.name) == 21
    )
    before = keras.Model(whole.input, whole.get_layer("mixed10").output)
    # preprocess_input writes into what it is given.
    expected = before(inception_v3.preprocess_input(image[None].astype(np.float32)), training=False)
    np.testing.assert_allclose(found[0], np.mean(expected, (0, 1, 2)), rtol=1e-3, atol=1e-5)
