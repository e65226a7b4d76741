"""One-sided training: what learns, what stays fixed, and how the discriminator is held back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.onesided_model import OneSided, TaughtOneSided, moved
from tf_i2i.models.projected_discriminator import (
    SHIFT,
    PatchEnergy,
    ProjectedDiscriminator,
    SpectralConv2D,
    augment,
    draw_augmentation,
)
from tf_i2i.pretrained.feature_space import EFFICIENTNET_LITE0, load_feature_space
from training.runs.saved_state import checkpoint

CROP = 64


@pytest.fixture(scope="module")
def features():
    return load_feature_space(EFFICIENTNET_LITE0)


def new_model(features, seed: int = 1, kind=OneSided, student=None) -> OneSided:
    keras.utils.set_random_seed(seed)
    model = kind(
        student or MobileGenerator(stem=8, width=8, blocks=1, residual=True),
        ProjectedDiscriminator(features, width=8, seed=seed),
        crop_size=CROP,
        lambda_content=1.0,
        lambda_structure=1.0,
        lambda_colour=1.0,
        lambda_luminance=1.0,
        lambda_stability=1.0,
        lambda_face_tone=1.0,
        ema_half_life=2.0,
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(1e-3, 0.0), keras.optimizers.Adam(1e-3, 0.0))
    return model


def batch(seed: int = 5):
    shape = [2, CROP, CROP, 3]
    return tuple(tf.random.stateless_uniform(shape, [seed, i], -1, 1) for i in (0, 1))


def test_an_untrained_network_returns_the_photo(features):
    photo, _ = batch()
    np.testing.assert_array_equal(new_model(features)(photo), photo)


def test_what_a_step_changes(features):
    """The generator and the heads learn; the feature network is no part of the model, and the
    random projections stay as they are.
    """
    model = new_model(features)
    fixed = [v.numpy() for layer in projections(model) for v in layer.weights]
    heads = [v.numpy() for v in model.discriminator.trainable_variables]
    student = [v.numpy() for v in model.student.trainable_variables]
    for _ in range(2):  # the first step moves the last convolution, which is 0, and nothing below
        losses = model.train_step(batch())
    assert all(np.isfinite(float(value)) for value in losses.values())
    for before, now in zip(student, model.student.trainable_variables, strict=True):
        assert np.any(before != now.numpy()), now.name
    assert (
        sum(
            np.any(a != b.numpy())
            for a, b in zip(heads, model.discriminator.trainable_variables, strict=True)
        )
        > len(heads) / 2
    )
    for before, now in zip(
        fixed, [v for layer in projections(model) for v in layer.weights], strict=True
    ):
        np.testing.assert_array_equal(before, now)
    assert not any("efficientnet" in v.name for v in model.weights)
    count = sum(v.shape.num_elements() for v in model.weights)
    assert count < 1_000_000, "a feature network of 3 million parameters would be among them"


class Patterned(keras.Model):
    """Draws stripes over the picture, which stay where they are when the scene moves."""

    def __init__(self):
        super().__init__()
        constant = keras.initializers.Constant(0.2)
        self.strength = self.add_weight(name="strength", shape=(), initializer=constant)

    def call(self, inputs, training=False):
        signs = tf.where(tf.range(inputs.shape[1]) % 8 < 4, 1.0, -1.0)
        stripes = signs * tf.convert_to_tensor(self.strength)
        return inputs + stripes[:, None, None]


class Bordered(keras.Model):
    """Draws where a picture is mirrored: at pixels whose neighbors, above and below, are equal."""

    def __init__(self):
        super().__init__()
        constant = keras.initializers.Constant(0.2)
        self.strength = self.add_weight(name="strength", shape=(), initializer=constant)

    def call(self, inputs, training=False):
        difference = inputs[:, 2:] - inputs[:, :-2]
        ridges = tf.exp(-1e4 * tf.reduce_sum(tf.square(difference), -1, keepdims=True))
        return inputs + tf.pad(ridges, [[0, 0], [1, 1], [0, 0], [0, 0]]) * self.strength


def test_noise_and_motion_that_change_the_output_cost(features):
    """The photo as it is: as much as the noise in it. Stripes that do not move with it, and lines
    along the edge of the view, which comes to lie on other things: more.
    """
    plain, striped, bordered = (
        float(new_model(features, student=student).train_step(batch())["stability"])
        for student in (None, Patterned(), Bordered())
    )
    assert plain == pytest.approx(1.0, abs=0.03)
    assert striped > 2 and bordered > 1.5


def test_motion_by_shares_of_a_pixel_and_by_a_factor():
    """A wave is where it belongs; without motion, nothing changes."""
    y, x = np.mgrid[:CROP, :CROP].astype(np.float32)

    def picture(y, x):
        return np.stack([np.sin(0.2 * y), np.cos(0.15 * x), np.sin(0.1 * (x + y))], -1)[None]

    def centred(places):
        return places - 0.5 * (CROP - 1)

    np.testing.assert_array_equal(moved(picture(y, x), tf.zeros(3)), picture(y, x))
    down, right, zoom = 0.4 * 4, -0.1 * 4, 1 + 0.03 * 0.7
    there = picture(y + (zoom - 1) * centred(y) + down, x + (zoom - 1) * centred(x) + right)
    inner = slice(8, -8)
    got = moved(picture(y, x), tf.constant([0.4, -0.1, 0.7]))
    np.testing.assert_allclose(got[:, inner, inner], there[:, inner, inner], atol=2e-3)


def projections(model):
    return model.discriminator.across_channels + model.discriminator.across_scales


def test_a_checkpoint_restores_the_projections(features, tmp_path):
    model, other = new_model(features, seed=1), new_model(features, seed=2)
    maps = model.discriminator.see(batch()[0])
    expected = model.discriminator(maps)
    assert np.any(expected[0] != other.discriminator(maps)[0])
    path = checkpoint(model=model).write(str(tmp_path / "saved"))
    checkpoint(model=other).read(path).assert_existing_objects_matched()
    for a, b in zip(expected, other.discriminator(maps), strict=True):
        np.testing.assert_array_equal(a, b)


def test_discriminator_shapes(features):
    discriminator = ProjectedDiscriminator(features, width=8, layers=2)
    logits = discriminator(discriminator.see(tf.zeros([2, 64, 96, 3])))
    assert [layer.filters for layer in discriminator.heads[0]] == [8, 1]
    assert [tuple(x.shape) for x in logits] == [
        (2, 16, 24, 1),
        (2, 8, 12, 1),
        (2, 4, 6, 1),
        (2, 8, 12, 1),
        (2, 4, 6, 1),
    ]
    # One kernel and one bias per convolution, in the order of the optimizer's moments in checkpoints.
    layers = [layer for head in discriminator.heads for layer in head]
    expected = [variable for layer in layers for variable in (layer.kernel, layer.bias)]
    assert list(map(id, discriminator.trainable_variables)) == list(map(id, expected))


def test_spectral_norm():
    """After a few calls in training no input direction is amplified by more than 1."""
    layer = SpectralConv2D(6, 3)
    x = tf.random.stateless_normal([1, 8, 8, 5], [1, 1])
    for _ in range(50):
        layer(x, training=True)
    left = layer.left.numpy()
    layer(x)
    np.testing.assert_array_equal(left, layer.left)
    flat = layer.kernel.numpy().reshape(-1, 6)
    norm = np.linalg.svd(flat, compute_uv=False)[0]
    one = tf.nn.conv2d(x, layer.kernel / norm, 1, "SAME")
    np.testing.assert_allclose(layer(x), one, rtol=1e-3, atol=1e-4)


def test_a_waiting_discriminator(features):
    """Far ahead, it learns nothing until the generator has caught up."""
    model = new_model(features)
    model.discriminator.lead.assign([0.99, 0.0, 0.99, 0.99, 0.0])
    before = [v.numpy() for v in model.discriminator.trainable_variables]
    model.train_step(batch())
    learns = {id(v) for layer in model.discriminator.heads[1] for v in layer.trainable_variables}
    for old, now in zip(before, model.discriminator.trainable_variables, strict=True):
        assert np.any(old != now.numpy()) == (id(now) in learns), now.name
    assert learns


def test_patch_energy_leads_to_the_real_distribution():
    """Vectors that follow its gradient get the mean and the spread of the real ones."""
    random = np.random.default_rng(0)
    real = tf.constant(random.normal([2.0, -1.0], [1.0, 0.2], [8, 16, 16, 2]), tf.float32)
    maps = tf.Variable(random.normal(0.0, 0.1, [8, 16, 16, 2]).astype(np.float32))
    energy = PatchEnergy(2)
    assert float(energy(maps)) == 0, "nothing is remembered yet"
    while int(energy.count) < 1024:
        energy.remember(real, maps)
    optimizer = keras.optimizers.Adam(0.02)
    for _ in range(400):
        with tf.GradientTape() as tape:
            loss = energy(maps)
        optimizer.apply_gradients([(tape.gradient(loss, maps), maps)])
        energy.remember(real, maps)
    moved = maps.numpy()[:, 1::2, 1::2].reshape(-1, 2)
    np.testing.assert_allclose(moved.mean(0), [2.0, -1.0], atol=0.15)
    np.testing.assert_allclose(moved.std(0), [1.0, 0.2], rtol=0.25)


def test_augmentation_follows_the_lead(features):
    model = new_model(features)
    for lead, direction in ((0.9, 1), (0.1, -1)):
        model.discriminator.lead.assign([lead] * 5)
        before = float(model.discriminator.probability)
        model.train_step(batch())
        assert np.sign(float(model.discriminator.probability) - before) == direction


def test_augmentation_moves_whole_pixels():
    images = tf.random.stateless_uniform([3, 32, 32, 3], [1, 2], -1, 1)
    parameters = draw_augmentation(3, 0.0, tf.constant([4, 2]))
    moved = augment(images, parameters)
    assert moved.shape == images.shape
    reach = SHIFT // 2
    for image, result in zip(images.numpy(), moved.numpy(), strict=True):
        middle = result[reach:-reach, reach:-reach]
        places = [
            (y, x)
            for y in range(SHIFT + 1)
            for x in range(SHIFT + 1)
            if np.allclose(image[y : y + 24, x : x + 24], middle, atol=1e-6)
        ]
        assert len(places) == 1
    same = augment(images, tf.zeros([3, 5]))
    np.testing.assert_allclose(same, images, atol=1e-6)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_augmentation_changes_colours_with_a_probability(probability):
    images = tf.random.stateless_uniform([400, 8, 8, 3], [1, 2], -1, 1)
    parameters = draw_augmentation(400, probability, tf.constant([4, 2])) * [1, 1, 1, 0, 0]
    change = tf.reduce_max(tf.abs(augment(images, parameters) - images), [1, 2, 3])
    assert np.mean(change > 0.01) == pytest.approx(probability, abs=0.06)


def test_a_taught_student_keeps_to_its_teacher(features):
    """Untrained it returns the photo: what it pays is the distance to the teacher's output, 0 where
    that is the photo itself.
    """
    photo, style = batch()
    keeps = ("content", "structure", "colour", "luminance")
    for teacher_output, far in ((photo, False), (-photo, True)):
        named = new_model(features, kind=TaughtOneSided).train_step((photo, teacher_output, style))
        for name in keeps:
            assert (float(named[name]) > 0.01) == far, name
