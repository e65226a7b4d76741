"""The Pix2Pix step: its losses at known tensors, what reaches which network, and what a step
changes.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.pix2pix_model import Pix2Pix
from tf_i2i.models.resnet_generator import ResNetGenerator
from tf_i2i.models.unet_generator import UNetGenerator

SIZE = 64


def make_gan(generator=None, **options) -> Pix2Pix:
    keras.utils.set_random_seed(3)
    gan = Pix2Pix(
        generator or UNetGenerator(6, 4),
        PatchDiscriminator(4, 1, affine=True),
        crop_size=SIZE,
        seed=7,
        **{"lambda_l1": 100.0} | options,
    )
    gan.compile(keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5))
    return gan


def images(seed: int, count: int = 1):
    return tf.random.stateless_uniform([count, SIZE, SIZE, 3], [seed, 0], -1, 1)


class Constant(keras.Model):
    """A generator or discriminator whose output is known: the inputs' first channels times a weight
    of 1.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def build(self, input_shape):
        self.factor = self.add_weight(name="kernel", shape=(), initializer="ones")
        self.built = True

    def call(self, inputs, training=False):
        return self.factor * inputs[..., -self.channels :]


def test_losses_at_known_tensors():
    """The generator repeats its input, 0.5 everywhere; the discriminator's score is the judged
    picture's last channel.
    """
    gan = Pix2Pix(Constant(3), Constant(1), crop_size=SIZE, lambda_l1=10.0)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    found = gan.train_step((tf.fill([1, SIZE, SIZE, 3], 0.5), tf.fill([1, SIZE, SIZE, 3], -0.25)))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    assert float(found["G_L1"]) == pytest.approx(10 * 0.75, rel=1e-5)
    assert float(found["G_GAN"]) == pytest.approx(-np.log(sigmoid(0.5)), rel=1e-5)
    assert float(found["D"]) == pytest.approx(
        0.5 * (-np.log(sigmoid(-0.25)) - np.log(1 - sigmoid(0.5))), rel=1e-5
    )
    assert float(found["D_real"]) == pytest.approx(sigmoid(-0.25), rel=1e-5)
    assert float(found["D_fake"]) == pytest.approx(sigmoid(0.5), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "score", "probability"),
    [
        ("vanilla", 0.0, 0.5),
        ("lsgan", 0.25, 0.25),
        ("lsgan", 1.5, 1.0),
        ("hinge", -0.5, 0.25),
        ("hinge", -2.0, 0.0),
    ],
)
def test_scores_as_probabilities(kind, score, probability):
    assert float(losses.probability_of_real(tf.fill([2, 3, 3, 1], score), kind)) == pytest.approx(
        probability
    )


def test_real_and_fake_pairs_do_not_mix_in_one_batch():
    gan = make_gan()
    a, b, fake = images(1), images(2), images(3)
    real_scores, fake_scores = gan._real_and_fake_scores(a, b, fake)
    np.testing.assert_allclose(real_scores, gan._scores(a, b), atol=1e-5)
    np.testing.assert_allclose(fake_scores, gan._scores(a, fake), atol=1e-5)


def test_the_discriminator_sees_the_input():
    """Conditional: the same output beside another input is judged anew."""
    gan = make_gan()
    assert (
        np.abs(gan._scores(images(1), images(3)) - gan._scores(images(2), images(3))).max() > 1e-4
    )


def test_a_step_moves_both_networks_and_counts():
    gan = make_gan()
    networks = gan.generator, gan.discriminator
    before = [
        [v.numpy() for v in network.trainable_variables if len(v.shape) == 4]
        for network in networks
    ]
    named = tf.function(gan.train_step)((images(1), images(2)))
    assert set(named) == {"G_GAN", "G_L1", "D", "D_real", "D_fake"}
    for network, kernels in zip(networks, before, strict=True):
        after = [v.numpy() for v in network.trainable_variables if len(v.shape) == 4]
        assert all(np.abs(b - a).max() > 1e-5 for b, a in zip(kernels, after, strict=True))
    assert int(gan.step) == 1


def test_steps_are_a_function_of_seed_and_step():
    """Two models that start alike end alike, dropout included; another step draws another mask."""
    first, second = make_gan(), make_gan()
    for gan in (first, second):
        gan.train_step((images(1), images(2)))
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    frozen = make_gan(UNetGenerator(6, 4, norm="instance"))
    drawn = []
    for step in (0, 1):
        frozen.step.assign(step)
        drawn.append(frozen._generate(images(1), update_bn=True).numpy())
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-5


def test_a_resnet_is_a_generator_too():
    gan = make_gan(ResNetGenerator(1, 4), gan_loss="lsgan")
    assert all(
        np.isfinite(float(value)) for value in gan.train_step((images(1), images(2))).values()
    )


def test_it_learns_a_pair():
    """Soft blobs, paler on the other side: the L1 falls to under 0.6 of what it was."""
    gan = make_gan(ema_half_life=3.0)
    gan.compile(*(keras.optimizers.Adam(2e-3, 0.5) for _ in range(2)))
    blobs = tf.image.resize(images(1)[:, :8, :8], [SIZE, SIZE])
    step, pair = tf.function(gan.train_step), (blobs, 0.5 * blobs + 0.2)
    history = [float(step(pair)["G_L1"]) for _ in range(60)]
    assert np.mean(history[-5:]) < 0.6 * history[0]
