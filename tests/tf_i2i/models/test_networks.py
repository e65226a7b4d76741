"""Shapes and parameter counts of every network, and that each layer's training form equals its
inference form.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models.layers import (
    BatchNormalization,
    InstanceNormalization,
    ReflectionPadding2D,
    ResizeConv2D,
)
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.resnet_generator import ResNetGenerator


@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
def test_resnet9_has_the_reference_parameters(upsampling):
    network = ResNetGenerator(blocks=9, ngf=64, upsampling=upsampling)
    assert network(tf.zeros([1, 64, 64, 3])).shape == (1, 64, 64, 3)
    assert network.count_params() == 11_378_179


@pytest.mark.parametrize(
    ("blocks", "downsamplings", "parameters"), [(6, 2, 7_837_699), (3, 1, 1_052_035)]
)
def test_smaller_generators(blocks, downsamplings, parameters):
    network = ResNetGenerator(blocks=blocks, ngf=64, downsamplings=downsamplings)
    assert network(tf.zeros([2, 32, 48, 3])).shape == (2, 32, 48, 3)
    assert network.count_params() == parameters


@pytest.mark.parametrize(
    ("layers", "channels", "parameters", "side"),
    [
        (3, 3, 2_764_737, 30),
        (3, 6, 2_767_809, 30),
        (1, 3, 136_385, 126),
        (2, 3, 662_977, 62),
        (4, 3, 6_959_553, 14),
    ],
)
def test_patch_discriminator_judges_a_grid(layers, channels, parameters, side):
    network = PatchDiscriminator(ndf=64, layers=layers)
    assert network(tf.zeros([1, 256, 256, channels])).shape == (1, side, side, 1)
    assert network.count_params() == parameters


def test_patch_is_70_pixels_wide():
    network = PatchDiscriminator(ndf=4, layers=3)
    image = tf.Variable(tf.random.stateless_normal([1, 192, 192, 3], [1, 2]))
    network(image)
    # Instance norm reaches everywhere: look at the convolutions alone.
    for layer in network.sequence:
        if isinstance(layer, InstanceNormalization):
            layer.call = lambda inputs, training=False: inputs
    with tf.GradientTape() as tape:
        score = network(image)[0, 11, 11, 0]
    seen = np.abs(tape.gradient(score, image)[0]).sum(-1) > 0
    assert (seen.any(0).sum(), seen.any(1).sum()) == (70, 70)


def test_every_convolution_starts_with_weights_of_its_own():
    keras.utils.set_random_seed(1)
    network = ResNetGenerator(blocks=2, ngf=8)
    network(tf.zeros([1, 32, 32, 3]))
    kernels = [v.numpy().ravel()[:20] for v in network.trainable_variables if len(v.shape) == 4]
    assert len({tuple(k) for k in kernels}) == len(kernels)
    everything = np.concatenate(
        [v.numpy().ravel() for v in network.trainable_variables if len(v.shape) == 4]
    )
    assert abs(everything.std() - 0.02) < 5e-4


@pytest.mark.parametrize(
    "layer",
    [
        InstanceNormalization(),
        InstanceNormalization(affine=True),
        ReflectionPadding2D(3),
        ReflectionPadding2D(1),
        ResizeConv2D(5),
    ],
)
def test_training_form_equals_inference_form(layer):
    inputs = tf.random.stateless_normal([3, 12, 10, 6], [3, 4], mean=2.0)
    outputs, gradients = [], []
    for training in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(inputs, training=training)
            loss = tf.reduce_sum(tf.sin(output))
        outputs.append(output)
        gradients.append(tape.gradient(loss, [inputs, *layer.trainable_variables]))
    np.testing.assert_allclose(outputs[0], outputs[1], atol=2e-5)
    for inference, training in zip(*gradients, strict=True):
        np.testing.assert_allclose(inference, training, atol=2e-4, rtol=1e-5)


def test_instance_normalization_by_hand():
    image = np.array([[1.0, 3.0], [5.0, 7.0]], np.float32).reshape(1, 2, 2, 1)
    output = InstanceNormalization(epsilon=0.0)(
        np.concatenate([image, 10 * image + 4]), training=False
    )
    expected = np.array([-3, -1, 1, 3], np.float32) / np.sqrt(5.0)
    np.testing.assert_allclose(np.reshape(output, (2, 4)), [expected, expected], atol=1e-6)


def test_reflection_padding_by_hand():
    row = tf.reshape(tf.range(4.0), [1, 1, 4, 1])
    image = tf.concat([row, row + 10, row + 20], axis=1)
    padded = ReflectionPadding2D(2)(image, training=True)[0, :, :, 0]
    np.testing.assert_array_equal(padded[0], [22, 21, 20, 21, 22, 23, 22, 21])
    np.testing.assert_array_equal(padded[:, 2], [20, 10, 0, 10, 20, 10, 0])


def test_generator_round_trips_through_its_config():
    network = ResNetGenerator(blocks=1, ngf=4, downsamplings=1, upsampling="transposed")
    twin = ResNetGenerator.from_config(network.get_config())
    assert twin.get_config() == network.get_config()


def test_moments_stay_float32_under_bfloat16():
    """A bfloat16 mean of 4,096 values around 300 would be off by whole units."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    layer = InstanceNormalization()
    inputs = tf.cast(
        tf.random.stateless_normal([1, 64, 64, 1], [7, 8], mean=300.0, stddev=8.0), tf.bfloat16
    )
    for training in (False, True):
        output = tf.cast(layer(inputs, training=training), tf.float32)
        assert abs(float(tf.reduce_mean(output))) < 0.01
        assert abs(float(tf.math.reduce_std(output)) - 1) < 0.01


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_batch_normalization_is_that_of_keras(dtype):
    images = 3.0 + 2.0 * tf.random.stateless_normal([4, 16, 16, 8], [1, 2])
    images = tf.Variable(images)
    layers = [
        new(momentum=0.9, dtype=keras.mixed_precision.Policy(dtype))
        for new in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    # Keras 3 does not correct the batch's variance for its size, n / (n - 1).
    tolerance = 2e-3 if dtype == "float32" else 0.06

    def results(layer, training):
        with tf.GradientTape() as tape:
            outputs = tf.cast(layer(images, training=training), tf.float32)
            loss = tf.reduce_sum(outputs**3)
        return outputs, tape.gradient(loss, images)

    for training in (True, False):
        expected, found = (results(layer, training) for layer in layers)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-3, atol=tolerance)
        scale = np.abs(expected[1]).max()
        np.testing.assert_allclose(found[1] / scale, expected[1] / scale, atol=tolerance)
        for ours, theirs in zip(layers[1].weights, layers[0].weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    assert not np.allclose(layers[1].moving_mean, 0)
