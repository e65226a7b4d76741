"""The U-Net: the reference's parameters, a skip connection at every size, one behaviour at
inference.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models.layers import SeededDropout
from tf_i2i.models.model_builder import unet_for
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.unet_generator import UNetGenerator


def trainable(network) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)


def tiny(**options) -> UNetGenerator:
    keras.utils.set_random_seed(2)
    network = UNetGenerator(6, 4, **options)
    network(tf.zeros([1, 64, 64, 3]))
    return network


@pytest.mark.parametrize(
    ("depth", "upsampling", "parameters"),
    [
        (8, "transposed", 54_413_955),
        (7, "transposed", 41_828_995),
        (6, "transposed", 29_244_035),
        (8, "resize", 39_157_763),
    ],
)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_parameters(depth, norm, upsampling, parameters):
    """The reference's unet_256 has 54.414 M; either normalisation has its scale and offset a
    channel.
    """
    side = 2**depth
    network = UNetGenerator(depth, 64, norm, upsampling)
    assert network(tf.zeros([1, side, side, 3])).shape == (1, side, side, 3)
    assert trainable(network) == parameters


def test_discriminator_of_pairs_has_the_reference_parameters():
    network = PatchDiscriminator(ndf=64, layers=3, affine=True)
    assert network(tf.zeros([1, 256, 256, 6])).shape == (1, 30, 30, 1)
    assert network.count_params() == 2_768_705


@pytest.mark.parametrize(
    ("crop", "name"),
    [
        (256, "unet256"),
        (512, "unet256"),
        (128, "unet128"),
        (384, "unet128"),
        (64, "unet64"),
        (192, "unet64"),
        (100, None),
    ],
)
def test_depth_follows_the_crop(crop, name):
    assert unet_for(crop) == name


def test_each_level_halves_and_the_innermost_is_one_pixel():
    network, x = tiny(), tf.zeros([1, 64, 64, 3])
    sides, channels = [], []
    for level in network.encoder:
        x = level(x)
        sides.append(x.shape[1])
        channels.append(x.shape[3])
    assert sides == [32, 16, 8, 4, 2, 1] and channels == [4, 8, 16, 32, 32, 32]


@pytest.mark.parametrize("level", range(6))
def test_skip_connections_join_equal_sizes(level):
    """With the way through the deeper levels cut off, a change of a level's features still reaches
    the output.
    """
    network = tiny(norm="instance")
    image = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1)
    for deeper in network.encoder[level + 1 :]:
        deeper.convolution.kernel.assign(tf.zeros_like(deeper.convolution.kernel))
    with tf.GradientTape() as tape:
        output = tf.reduce_sum(tf.abs(network(image)))
    gradient = tape.gradient(output, network.encoder[level].convolution.kernel)
    assert float(tf.reduce_sum(tf.abs(gradient))) > 0
    for decoder, skip in zip(network.decoder, reversed(network.encoder[:-1]), strict=True):
        # What a decoder level makes has the width of the features that join it.
        assert decoder.config["filters"] == skip.config["filters"]


def test_seeded_dropout_repeats_and_keeps_the_mean():
    layer, ones = SeededDropout(0.5), tf.ones([4, 16, 16, 32])
    first, again, other = (layer(ones, seed=tf.constant(seed)) for seed in ([3, 1], [3, 1], [4, 1]))
    np.testing.assert_array_equal(first, again)
    assert np.any(first.numpy() != other.numpy())
    assert set(np.unique(first)) == {0.0, 2.0}
    assert float(tf.reduce_mean(first)) == pytest.approx(1.0, abs=0.03)
    np.testing.assert_array_equal(layer(ones), ones)


def test_dropout_is_in_the_three_levels_after_the_innermost_and_off_at_inference():
    network = tiny(norm="instance")
    assert [level.drop.rate for level in network.decoder] == [0.0, 0.5, 0.5, 0.5, 0.0][
        : len(network.decoder)
    ]
    image, seeds = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1), ([1, 0], [2, 0])
    drawn = [network(image, training=True, seed=tf.constant(seed)).numpy() for seed in seeds]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-4
    still = [network(image, training=False, seed=tf.constant(seed)).numpy() for seed in seeds]
    np.testing.assert_array_equal(*still)
    np.testing.assert_array_equal(
        drawn[0], network(image, training=True, seed=tf.constant(seeds[0]))
    )


def test_batch_norm_uses_moving_statistics_at_inference_and_when_settled():
    network = tiny(norm="batch", dropout=0.0)
    image = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1)
    for _ in range(3):
        network(image, training=True)
    inference = network(image, training=False)
    np.testing.assert_allclose(inference, network(image, training=True, update_bn=False), atol=1e-6)
    assert np.abs(inference - network(image, training=True)).max() > 1e-4


def test_average_takes_in_the_moving_statistics():
    network = tiny(norm="batch")
    plain, whole = MovingAverage(network, 10.0), MovingAverage(network, 10.0, statistics=True)
    assert len(whole.averages) == len(plain.averages) + 2 * 9, (
        "mean and variance of each of 9 normalisations"
    )
    statistic = network.encoder[1].normalise.moving_variance
    place = next(i for i, weight in enumerate(whole.watched) if weight is statistic)
    values = []
    for seed in (1, 2):
        network(tf.random.stateless_uniform([1, 64, 64, 3], [seed, 2], -seed, seed), training=True)
        whole.update()
        values.append(statistic.numpy())
    assert np.abs(values[1] - values[0]).max() > 1e-5
    np.testing.assert_allclose(whole.averages[place], np.mean(values, axis=0), rtol=1e-5)
    with whole.applied():
        np.testing.assert_array_equal(statistic, whole.averages[place])
    np.testing.assert_array_equal(statistic, values[1])


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_exported_file_computes_what_keras_does(norm, upsampling):
    from export.conversion.converter import NetworkConverter
    from export.conversion.fidelity import agreement, reference_outputs
    from export.conversion.variants import VARIANTS
    from tf_i2i.litert.interpreter import LiteModel

    network = tiny(norm=norm, upsampling=upsampling)
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    for image in images:
        network(
            tf.cast(image[None], tf.float32) / 127.5 - 1, training=True
        )  # moves the statistics off their start
    for weight in network.trainable_variables:
        weight.assign(
            3.0 * weight
        )  # fresh weights give a nearly flat picture, on which anything agrees
    data = NetworkConverter(network, 64, lambda: images).convert(VARIANTS["float32"])
    reference = reference_outputs(network, images)
    assert reference.std() > 0.05
    assert agreement(LiteModel(data), images, reference).psnr_db > 60


def test_config_round_trip_and_wrong_values():
    network = UNetGenerator(7, 8, "instance", "resize", 0.25)
    assert UNetGenerator.from_config(network.get_config()).get_config() == network.get_config()
    for wrong in ({"norm": "layer"}, {"upsampling": "nearest"}, {"depth": 2}):
        with pytest.raises(ValueError):
            UNetGenerator(**wrong)
