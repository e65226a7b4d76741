"""The student: folding, halo, tiling."""

import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models.mobile_generator import MobileGenerator


@pytest.fixture(scope="module", params=[3, 4])
def student(request) -> MobileGenerator:
    tf.keras.utils.set_random_seed(5)
    network = MobileGenerator(down=request.param)
    for step in range(20):  # moves the batch statistics from their initial values
        network(tf.random.stateless_uniform([2, 64, 64, 3], [step, 1], -1, 1), training=True)
    for variable in network.trainable_variables:
        if "gamma" in variable.name or "beta" in variable.name:
            variable.assign_add(tf.random.stateless_normal(variable.shape, [1, 2], stddev=0.3))
    return network


def test_shape_and_size(student):
    assert student(tf.zeros([1, 48, 80, 3])).shape == (1, 48, 80, 3)
    wider_kernels = 32 * (16 - 9) if student.config["down"] == 4 else 0
    assert student.folded().count_params() == 64_059 + wider_kernels


def test_folded_equals_unfolded(student):
    image = tf.random.stateless_uniform([1, 96, 96, 3], [9, 9], -1, 1)
    folded = student.folded()
    assert not [v for v in folded.weights if "moving" in v.name or "gamma" in v.name]
    np.testing.assert_allclose(folded(image), student(image, training=False), atol=1e-4)
    assert np.std(folded(image)) > 0.1


@pytest.mark.parametrize("offset", [0, 1, 2, 3, 13])
def test_halo_bounds_what_a_pixel_sees(student, offset):
    """Gradient of one output pixel: nothing outside the halo; and the halo is not generous by more
    than a cell.
    """
    size, middle = 512, 256 + offset
    image = tf.Variable(tf.random.stateless_uniform([1, size, size, 3], [4, offset], -1, 1))
    with tf.GradientTape() as tape:
        pixel = tf.reduce_sum(student(image)[0, middle, middle])
    seen = np.abs(tape.gradient(pixel, image)[0]).sum(-1) > 0
    rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
    reach = max(middle - rows[0], rows[-1] - middle, middle - columns[0], columns[-1] - middle)
    assert reach <= student.halo
    assert reach >= student.halo - 3 * student.stride


def test_without_detail_path():
    network = MobileGenerator(stem=8, width=8, blocks=1, detail=0)
    assert network(tf.zeros([1, 16, 16, 3])).shape == (1, 16, 16, 3)
    assert MobileGenerator.from_config(network.get_config()).get_config() == network.get_config()


def test_config_of_an_older_student():
    """Students of earlier versions recorded the depth of a U that none of them had."""
    config = {**MobileGenerator().get_config(), "levels": 0}
    assert MobileGenerator(**config).get_config() == MobileGenerator().get_config()
    with pytest.raises(ValueError, match="levels"):
        MobileGenerator(**config | {"levels": 2})


def test_drawing_onto_the_smoothed_photo():
    """At first the photo in cells of 4 pixels, brought back to its size; never beyond the halo."""
    options = dict(stem=8, width=8, blocks=1, drawing=1)
    network = MobileGenerator(**options, residual=True, smoothing=4)
    flat = tf.fill([1, 32, 48, 3], 0.25)
    np.testing.assert_allclose(network(flat), flat, atol=1e-6)
    image = tf.random.stateless_uniform([1, 32, 48, 3], [1, 9], -1, 1)
    cells = tf.nn.avg_pool2d(network(image), 4, 4, "VALID")
    assert np.std(network(image)) < 0.5 * np.std(image)
    wanted = tf.nn.avg_pool2d(image, 4, 4, "VALID")
    assert np.corrcoef(np.ravel(cells), np.ravel(wanted))[0, 1] > 0.8
    assert network.halo == MobileGenerator(**options).halo


def test_what_it_draws_onto_moves_with_the_photo():
    """By one pixel, a quarter of a cell: much nearer to the same picture moved than without."""
    options = dict(stem=8, width=8, blocks=1, residual=True, smoothing=4)
    image = tf.random.stateless_uniform([1, 64, 64, 3], [1, 9], -1, 1)
    image = tf.nn.avg_pool2d(image, 3, 1, "SAME")
    errors = {}
    for antialias in (False, True):
        network = MobileGenerator(**options, antialias=antialias)
        outputs = [network(tf.roll(image, by, [1, 2])) for by in ((0, 0), (1, 1))]
        change = outputs[1][:, 9:-8, 9:-8] - outputs[0][:, 8:-9, 8:-9]
        errors[antialias] = float(tf.norm(change) / tf.norm(outputs[0]))
    assert errors[True] < 0.6 * errors[False]
    flat = tf.fill([1, 32, 48, 3], 0.25)
    np.testing.assert_allclose(network(flat), flat, atol=1e-6)


def test_halving_twice_moves_with_the_photo():
    """By two pixels, half of a cell of the quarter size, before any training."""
    image = tf.random.stateless_uniform([1, 64, 64, 3], [1, 9], -1, 1)
    errors = {}
    for down in (3, 4):
        tf.keras.utils.set_random_seed(6)
        network = MobileGenerator(stem=8, width=8, blocks=1, detail=0, down=down)
        quarter = [network.down[0](network.stem(tf.roll(image, by, 1))) for by in (0, 2)]
        smooth = [tf.image.resize(x, [64, 64]) for x in quarter]
        change = (smooth[1][:, 14:-12] - smooth[0][:, 12:-14]) / tf.math.reduce_std(smooth[0])
        errors[down] = float(tf.math.reduce_std(change))
    assert errors[4] < 0.7 * errors[3]


def test_residual_network():
    """Folded equals unfolded; it starts as the identity; black and white stay in range, and can be
    left again.
    """
    tf.keras.utils.set_random_seed(6)
    network = MobileGenerator(stem=8, width=8, blocks=1, residual=True)
    image = tf.random.stateless_uniform([1, 32, 32, 3], [1, 9], -1, 1)
    np.testing.assert_array_equal(network(image), image)
    network.head.set_weights(
        [np.random.default_rng(1).normal(0, 0.5, w.shape) for w in network.head.get_weights()]
    )
    for step in range(5):
        network(tf.random.stateless_uniform([2, 32, 32, 3], [step, 1], -1, 1), training=True)
    output = network(image, training=False)
    np.testing.assert_allclose(network.folded()(image), output, atol=1e-4)
    assert float(tf.reduce_max(tf.abs(output))) == 1.0
    network.head.bias.assign([500.0] * 3)
    for target, has_gradient in ((0.0, True), (2.0, False)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((network(image, training=False) - target) ** 2)
        assert (np.abs(tape.gradient(loss, network.head.bias)).sum() > 0) == has_gradient
