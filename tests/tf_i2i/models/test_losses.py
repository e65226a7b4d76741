"""Each loss at tensors computed by hand."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from tf_i2i.models import losses


def scores(*values):
    return tf.reshape(tf.constant(values, tf.float32), [1, 1, len(values), 1])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("lsgan", (1.0 + 4.0) / 2), ("vanilla", (np.log(2) + np.log(1 + np.e)) / 2), ("hinge", 0.5)],
)
def test_generator_adversarial(kind, expected):
    assert float(losses.generator_adversarial(scores(0.0, -1.0), kind)) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lsgan", 0.5 * ((0.25 + 1.0) / 2 + (0.0 + 4.0) / 2)),
        (
            "vanilla",
            0.5
            * (
                (np.log1p(np.exp(-0.5)) + np.log1p(np.exp(-2.0))) / 2
                + (np.log(2) + np.log1p(np.exp(2.0))) / 2
            ),
        ),
        ("hinge", 0.5 * ((0.5 + 0.0) / 2 + (1.0 + 3.0) / 2)),
    ],
)
def test_discriminator_adversarial_is_halved(kind, expected):
    value = losses.discriminator_adversarial(scores(0.5, 2.0), scores(0.0, 2.0), kind)
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_unknown_gan_loss_is_refused():
    with pytest.raises(ValueError, match="wgan"):
        losses.generator_adversarial(scores(0.0), "wgan")
    with pytest.raises(ValueError, match="wgan"):
        losses.discriminator_adversarial(scores(0.0), scores(0.0), "wgan")


def test_l1_is_a_mean():
    assert float(losses.l1(tf.constant([[1.0, -1.0]]), tf.constant([[0.5, 1.0]]))) == pytest.approx(
        1.25
    )


def test_coarse_chroma_by_hand():
    red = np.zeros([1, 32, 32, 3], np.float32)
    red[..., 0] = 1.0
    # |U| 0.168736, |V| 0.5, averaged over both.
    assert float(losses.coarse_chroma(red, np.zeros_like(red))) == pytest.approx(
        (0.168736 + 0.5) / 2, rel=1e-5
    )


def test_coarse_chroma_ignores_lightness_and_fine_colour():
    grey = np.full([1, 32, 32, 3], 0.3, np.float32)
    assert float(losses.coarse_chroma(grey, -grey)) == pytest.approx(0, abs=1e-6)
    stripes = np.zeros([1, 32, 32, 3], np.float32)
    stripes[:, :, ::2, 0], stripes[:, :, 1::2, 0] = 0.5, -0.5
    assert float(losses.coarse_chroma(stripes, np.zeros_like(stripes))) == pytest.approx(
        0, abs=1e-6
    )


def test_coarse_chroma_of_an_image_smaller_than_a_cell():
    red = np.zeros([1, 8, 8, 3], np.float32)
    red[..., 0] = 1.0
    assert float(losses.coarse_chroma(red, np.zeros_like(red))) == pytest.approx(0.334368, rel=1e-5)


def test_gradient_difference_by_hand():
    a = tf.reshape(tf.constant([[0.0, 1.0], [0.0, 3.0]]), [1, 2, 2, 1])
    # down: |0|, |2|; right: |1|, |3|
    assert float(losses.gradient_difference(a, tf.zeros_like(a))) == pytest.approx(1.0 + 2.0)
    assert float(losses.gradient_difference(a + 5.0, a)) == pytest.approx(0.0)


def test_face_tone():
    """Counts the face alone, each face alike; a face that is absent counts nothing."""
    a = tf.zeros([1, 64, 64, 3])
    face = np.zeros([1, 64, 64, 3], np.float32)
    # 0.1 lighter, grey: luminance alone. The ellipse is a fifth taller than the box.
    face[:, 12:52, 8:40] = 0.1
    box = tf.constant([[8.0, 16.0, 32.0, 32.0]])
    # Per cell (10 x 0.1)^3, for the whole face (10 x 0.1)^2.
    np.testing.assert_allclose(losses.face_tone(a, face, box), 2.0, rtol=1e-5)
    elsewhere = np.where(face == 0, 0.5, 0).astype(np.float32)
    np.testing.assert_allclose(losses.face_tone(a, elsewhere, box), 0.0, atol=1e-6)
    assert float(losses.face_tone(a, face, tf.zeros([1, 4]))) == 0
    half = losses.face_tone(
        tf.zeros([2, 64, 64, 3]), np.repeat(face, 2, 0), tf.concat([box, 0 * box], 0)
    )
    np.testing.assert_allclose(half, 1.0, rtol=1e-5)


def test_coarse_colour():
    """Luminance and chroma apart; fine texture of luminance is free, of chroma it is not."""
    a = tf.zeros([1, 32, 32, 3])
    luminance, chroma = losses.coarse_colour(a, a + 0.2)
    np.testing.assert_allclose([luminance, chroma], [4.0, 0.0], atol=1e-5)
    luminance, chroma = losses.coarse_colour(a, a + tf.constant([0.3, 0.0, 0.0]))
    np.testing.assert_allclose(luminance, (10 * 0.3 * 0.299) ** 2, rtol=1e-5)
    assert float(chroma) > 1
    checks = np.indices((32, 32)).sum(0) % 2 * 2.0 - 1
    checks = tf.constant(checks[None, ..., None], tf.float32)
    np.testing.assert_allclose(losses.coarse_colour(a, a + checks), 0, atol=1e-9)
    blue = tf.constant([0.0, 0.0, 0.3])
    even = float(losses.coarse_colour(a, a + blue)[1])
    assert float(losses.coarse_colour(a, a + blue * checks)[1]) == pytest.approx(6 * even, rel=1e-4)
    # A red stroke, and as much red spread over its area.
    dab = np.zeros((1, 32, 32, 3), np.float32)
    dab[:, :4, :4, 0] = 0.3
    spread = np.zeros_like(dab)
    spread[:, :16, :16, 0] = 0.3 / 16
    costs = [float(losses.coarse_colour(a, a + change)[1]) for change in (dab, spread)]
    np.testing.assert_allclose(costs[0] / costs[1], 1 + 3 * (16 - 1), rtol=1e-4)


def test_structure_allows_other_brightness_and_some_contrast():
    scene = gaussian_filter(np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)), (0, 3, 3, 0))
    photo, other = (tf.constant(part / np.abs(part).max(), tf.float32) for part in (scene, -scene))
    duller = 0.6 * photo + 0.2
    flat = tf.zeros_like(photo)
    assert float(losses.structure_difference(photo, duller)) == pytest.approx(0.0, abs=0.01)
    assert float(losses.structure_difference(photo, other)) > 6
    smallest = [part[:, :32, :32] for part in (photo, other)]
    assert float(losses.structure_difference(*smallest)) > 4, "crops of 32 pixels"
    assert float(losses.structure_difference(flat, flat)) == pytest.approx(0.0, abs=1e-3)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        difference = losses.structure_difference(photo, flat)
    assert 1.5 < float(difference) <= 2.0, "what was lost"
    assert np.all(np.isfinite(tape.gradient(difference, flat)))


def test_structure_invented_in_even_areas_counts_but_texture_does_not():
    scene = gaussian_filter(np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)), (0, 3, 3, 0))
    drawn = tf.constant(scene / scene.std(), tf.float32)
    flat = tf.zeros_like(drawn)
    assert float(losses.structure_difference(flat, 0.03 * drawn)) < 0.1
    assert float(losses.structure_difference(flat, 0.4 * drawn)) > 1.0


def test_brushwork_knows_direction_from_speckle():
    """Strokes along 30 degrees, of 16 pixels' period; noise of the same contrast."""
    angle = np.deg2rad(30)
    y, x = np.mgrid[:64, :64]
    across = x * np.sin(angle) - y * np.cos(angle)
    strokes = 0.3 * np.sin(2 * np.pi * across / 16)
    noise = np.random.default_rng(0).normal(0, 0.2, (64, 64))
    pictures = np.repeat(np.stack([strokes, noise])[..., None], 3, -1).astype(np.float32)
    maps = losses.brushwork(pictures).numpy()
    assert maps.shape == (2, 16, 16, losses.BRUSHWORK_CHANNELS)
    inner = maps[:, 4:12, 4:12].mean((1, 2))
    # The gradient's direction, across the strokes, is that of (sin, -cos): twice its angle is -120.
    for size in (0, 4):
        np.testing.assert_allclose(inner[0, size + 2 : size + 4], [-0.5, -(0.75**0.5)], atol=0.05)
    assert np.hypot(maps[1, ..., 2], maps[1, ..., 3]).mean() < 0.6
    brighter = losses.brushwork(0.5 * pictures + 0.2).numpy()
    np.testing.assert_allclose(inner[0, 0] - brighter[0, 4:12, 4:12, 0].mean(), np.log(4), atol=0.1)


def test_brushwork_knows_dabs_of_colour_from_coloured_grain():
    """Squares of one red or green each, of 1 and of 8 pixels, without any luminance."""
    random = np.random.default_rng(0)
    red = np.array([1, -0.299 / 0.587, 0])

    def coloured(side: int):
        squares = (
            random.choice([-0.3, 0.3], (64 // side, 64 // side)).repeat(side, 0).repeat(side, 1)
        )
        return squares[..., None] * red

    maps = losses.brushwork(np.stack([coloured(1), coloured(8)]).astype(np.float32)).numpy()
    luminance, chroma = maps[..., 0::4].mean((1, 2)), maps[..., 1::4].mean((1, 2))
    np.testing.assert_allclose(luminance, np.log(1e-4), atol=1e-3)
    assert np.all(np.diff(chroma[0]) < -0.5), "grain is weaker the larger the strokes"
    assert np.argmax(chroma[1]) == 2, "their edges are 8 pixels apart"


def test_triplet_loss_takes_the_nearest_of_the_further_negatives():
    """On a line: person 0 at 0 and 1, person 1 at 1.5 and 3."""
    embedded = tf.constant([[0.0], [1.0], [1.5], [3.0]])
    owners = tf.constant([0, 0, 1, 1])
    # Squared distances of (anchor, positive): its negative. (0, 1) = 1: 2.25; (1, 0) = 1: 4, as 0.25
    # is nearer than the positive; (1.5, 3) = 2.25: none is further but the furthest, 2.25; (3, 1.5)
    # = 2.25: 4.
    each = [1 - 2.25, 1 - 4, 2.25 - 2.25, 2.25 - 4]
    for margin in (0.5, 2.0):
        expected = np.mean([max(margin + one, 0) for one in each])
        found = losses.triplet_semihard(owners, embedded, margin)
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_triplet_loss_equals_that_of_tensorflow_addons():
    tfa = pytest.importorskip("tensorflow_addons", reason="for Python 3.10 and 3.11 only")
    random = np.random.default_rng(0)
    embedded = tf.math.l2_normalize(tf.constant(random.normal(size=(24, 8)), tf.float32), 1)
    owners = tf.constant(np.repeat(np.arange(6), 4))
    squared = partial(tfa.losses.triplet_semihard_loss, distance_metric="squared-L2")
    values, gradients = [], []
    for loss in (losses.triplet_semihard, squared):
        with tf.GradientTape() as tape:
            tape.watch(embedded)
            values.append(loss(owners, embedded, 0.3))
        gradients.append(tape.gradient(values[-1], embedded))
    np.testing.assert_allclose(*map(float, values), rtol=1e-6)
    np.testing.assert_allclose(*gradients, atol=1e-6)
