"""The CycleGAN step: every loss reaches the networks it should, and no other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.cyclegan_model import CycleGAN
from tf_i2i.models.moving_average import MovingAverage
from tf_i2i.models.patch_discriminator import PatchDiscriminator
from tf_i2i.models.precision import set_precision, with_loss_scale
from tf_i2i.models.projected_discriminator import ProjectedDiscriminator
from tf_i2i.models.resnet_generator import ResNetGenerator
from tf_i2i.pretrained.feature_space import load_feature_space

SIZE = 32
WEIGHTS = {"lambda_cycle": 10.0, "lambda_identity": 0.5, "lambda_colour": 30.0}


def make_gan(precision="float32", **options) -> CycleGAN:
    set_precision(precision)
    keras.utils.set_random_seed(3)
    generators = (ResNetGenerator(1, 4, 1) for _ in range(2))
    discriminators = (PatchDiscriminator(4, 1) for _ in range(2))
    gan = CycleGAN(*generators, *discriminators, crop_size=SIZE, **WEIGHTS | options)
    gan.compile(*(with_loss_scale(keras.optimizers.Adam(2e-4, 0.5), precision) for _ in range(2)))
    return gan


def images(seed: int, count: int = 1):
    return tf.random.stateless_uniform([count, SIZE, SIZE, 3], [seed, 0], -1, 1)


def generator_losses(gan, count=1):
    return gan._generator_losses(images(1, count), images(2, count))


def norm(gradients) -> float:
    return float(sum(np.abs(g).sum() for g in gradients if g is not None))


@pytest.mark.parametrize(
    ("name", "reaches_ab", "reaches_ba"),
    [
        ("G_A", True, False),
        ("G_B", False, True),
        ("cycle_A", True, True),
        ("cycle_B", True, True),
        ("idt_A", True, False),
        ("idt_B", False, True),
        ("colour_A", True, False),
        ("colour_B", False, True),
    ],
)
def test_each_loss_reaches_its_generators(name, reaches_ab, reaches_ba):
    gan = make_gan()
    with tf.GradientTape() as tape:
        loss = generator_losses(gan)[2][name]
    to_ab, to_ba = tape.gradient(
        loss, [gan.generator_ab.trainable_variables, gan.generator_ba.trainable_variables]
    )
    assert (norm(to_ab) > 0, norm(to_ba) > 0) == (reaches_ab, reaches_ba)


def test_losses_are_those_of_single_passes():
    """Translation and identity go through in one batch: each value must be what separate passes
    give.
    """
    gan = make_gan(lambda_cycle=7.0, lambda_identity=0.3, lambda_colour=2.0)
    real_a, real_b = images(1, 2), images(2, 2)
    fake_a, fake_b, named = gan._generator_losses(real_a, real_b)
    ab, ba = gan.generator_ab, gan.generator_ba
    np.testing.assert_allclose(fake_b, ab(real_a), atol=1e-5)
    np.testing.assert_allclose(fake_a, ba(real_b), atol=1e-5)
    expected = {
        "G_A": losses.generator_adversarial(gan.discriminator_b(ab(real_a))),
        "G_B": losses.generator_adversarial(gan.discriminator_a(ba(real_b))),
        "cycle_A": 7.0 * losses.l1(ba(ab(real_a)), real_a),
        "cycle_B": 7.0 * losses.l1(ab(ba(real_b)), real_b),
        "idt_A": 2.1 * losses.l1(ab(real_b), real_b),
        "idt_B": 2.1 * losses.l1(ba(real_a), real_a),
        "colour_A": 2.0 * losses.coarse_chroma(ab(real_a), real_a),
        "colour_B": 2.0 * losses.coarse_chroma(ba(real_b), real_b),
    }
    assert named.keys() == expected.keys()
    for name, value in expected.items():
        assert float(named[name]) == pytest.approx(float(value), rel=1e-4), name


def test_weights_of_zero_leave_losses_out():
    named = generator_losses(make_gan(lambda_identity=0.0, lambda_colour=0.0))[2]
    assert set(named) == {"G_A", "G_B", "cycle_A", "cycle_B"}


def test_discriminator_loss_sends_no_gradient_into_generators():
    gan = make_gan()
    with tf.GradientTape(persistent=True) as tape:
        fake_a, fake_b, _ = generator_losses(gan)
        direct = gan._discriminator_loss(gan.discriminator_a, images(1), fake_a)
        swapped = gan.pool_b.swap(fake_b, tf.constant([1, 2]))
        pooled = gan._discriminator_loss(gan.discriminator_b, images(2), swapped)
    for loss in (direct, pooled):
        assert norm(tape.gradient(loss, gan.generator_variables)) == 0
    assert norm(tape.gradient(direct, gan.discriminator_variables)) > 0
    assert norm(tape.gradient(pooled, gan.discriminator_variables)) > 0


def test_discriminator_loss_is_half_the_sum():
    gan = make_gan()
    real, fake = images(1), images(5)
    scores = [gan.discriminator_a(x) for x in (real, fake)]
    expected = 0.5 * (tf.reduce_mean((scores[0] - 1) ** 2) + tf.reduce_mean(scores[1] ** 2))
    loss = gan._discriminator_loss(gan.discriminator_a, real, fake)
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)


def test_a_step_moves_all_four_networks_and_counts():
    gan = make_gan(ema_half_life=10.0)
    before = [v.numpy() for v in gan.generator_variables + gan.discriminator_variables]
    named = tf.function(gan.train_step)((images(1), images(2)))
    after = [v.numpy() for v in gan.generator_variables + gan.discriminator_variables]
    kernels = [(b, a) for b, a in zip(before, after, strict=True) if b.ndim == 4]
    assert all(np.abs(b - a).max() > 1e-5 for b, a in kernels)
    assert int(gan.step) == 1 and int(gan.pool_a.count) == 1
    parts = [v for k, v in named.items() if k not in ("G", "D_A", "D_B")]
    assert float(named["G"]) == pytest.approx(float(sum(parts)), rel=1e-5)


def test_global_batch_is_the_mean_of_its_images():
    """The gradient of a batch of two equals the mean of the gradients of its images: what replicas
    rely on.
    """
    gan = make_gan(lambda_colour=3.0)
    pair = (images(1, 2), images(2, 2))

    def gradient(a, b):
        with tf.GradientTape() as tape:
            total = tf.add_n(list(gan._generator_losses(a, b)[2].values()))
        return tape.gradient(total, gan.generator_variables)

    whole = gradient(*pair)
    halves = [gradient(pair[0][i : i + 1], pair[1][i : i + 1]) for i in range(2)]
    for w, a, b in zip(whole, *halves, strict=True):
        np.testing.assert_allclose(w, (a + b) / 2, atol=2e-4)


def test_float16_step_scales_the_loss_and_stays_finite():
    gan = make_gan("float16")
    weight = gan.generator_ab.trainable_variables[0]
    step = tf.function(gan.train_step)
    for _ in range(20):  # the scale starts high and halves at each overflow, which skips the step
        before = weight.numpy()
        named = step((images(1), images(2)))
        if np.abs(weight.numpy() - before).max() > 0:
            break
    assert all(np.isfinite(value) for value in named.values())
    change = np.abs(weight.numpy() - before).max()
    assert 1e-5 < change < 1e-3, (
        "Adam's first step is about the learning rate when the scale was taken out again"
    )


def test_moving_average_starts_as_the_mean_and_halves():
    network = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_shape=(1,))])
    weight = network.trainable_variables[0]
    average = MovingAverage(network, half_life=10.0)
    for value in (2.0, 4.0, 9.0):
        weight.assign([[value]])
        average.update()
    assert average.averages[0].numpy() == pytest.approx(5.0)
    for _ in range(200):
        average.update()
    assert average.averages[0].numpy() == pytest.approx(9.0, abs=1e-4)
    weight.assign([[19.0]])
    for _ in range(10):
        average.update()
    assert average.averages[0].numpy() == pytest.approx(14.0, abs=1e-3)
    with average.applied():
        assert weight.numpy() == pytest.approx(14.0, abs=1e-3)
    assert weight.numpy() == 19.0


def test_residual_generators_begin_as_the_identity():
    generator, photo = ResNetGenerator(1, 4, 1, residual=True), images(1, 2)
    np.testing.assert_array_equal(generator(photo), photo)
    assert generator.count_params() == built_parameters(ResNetGenerator(1, 4, 1))
    again = ResNetGenerator.from_config(generator.get_config())
    np.testing.assert_array_equal(again(photo), photo)


def built_parameters(network) -> int:
    network(images(1))
    return network.count_params()


def test_projected_discriminators():
    """Generators and heads learn from one step; the feature network and its projections do not."""
    set_precision("float32")
    keras.utils.set_random_seed(3)
    features = load_feature_space("efficientnet-lite0")
    generators = (ResNetGenerator(1, 4, 1, residual=True) for _ in range(2))
    judges = [ProjectedDiscriminator(features, width=8, seed=i) for i in range(2)]
    gan = CycleGAN(
        *(*generators, *judges),
        crop_size=64,
        pool_size=0,
        **WEIGHTS,
    )
    gan.compile(keras.optimizers.Adam(1e-3, 0.0), keras.optimizers.Adam(1e-3, 0.0))
    pictures = [tf.random.stateless_uniform([1, 64, 64, 3], [i, 0], -1, 1) for i in range(2)]
    learned = [*gan.generator_variables, *gan.discriminator_variables]
    fixed = [w for judge in judges for layer in judge.across_channels for w in layer.weights]
    before = [[v.numpy() for v in group] for group in (learned, fixed)]
    named = gan.train_step(pictures)
    named = gan.train_step(pictures)  # the first step moves only the generators' last convolution
    assert all(np.isfinite(float(loss)) for loss in named.values())
    changed = [np.any(a != b.numpy()) for a, b in zip(before[0], learned, strict=True)]
    assert np.mean(changed) > 0.7
    for then, now in zip(before[1], fixed, strict=True):
        np.testing.assert_array_equal(then, now)
    count = sum(v.shape.num_elements() for v in gan.weights)
    assert count < 2_000_000, "the feature network's 3 million would be among them"
