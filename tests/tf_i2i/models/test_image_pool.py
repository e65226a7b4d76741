"""The replacement statistics of the image pool."""

import numpy as np
import tensorflow as tf

from tf_i2i.models.image_pool import ImagePool


def numbered(first: int, count: int):
    return tf.reshape(tf.range(first, first + count, dtype=tf.float32), [count, 1, 1, 1])


def test_fills_first_and_hands_through():
    pool = ImagePool(4, (1, 1, 1))
    for step in range(2):
        images = numbered(2 * step, 2)
        np.testing.assert_array_equal(pool.swap(images, tf.constant([step, 0])), images)
    np.testing.assert_array_equal(np.ravel(pool.images), [0, 1, 2, 3])
    assert int(pool.count) == 4


def test_size_zero_hands_through():
    images = numbered(3, 5)
    np.testing.assert_array_equal(ImagePool(0, (1, 1, 1)).swap(images, tf.constant([1, 2])), images)


def test_swaps_half_of_the_images_each_by_its_own_coin():
    """2,000 batches of 2 into a pool of 50: half come back old; both, one or none of a batch as
    often as coins fall.
    """
    pool = ImagePool(50, (1, 1, 1))
    swap = tf.function(pool.swap)
    old, places = [], np.zeros(50)
    for step in range(25):
        swap(numbered(2 * step, 2), tf.constant([step, 7]))
    for step in range(25, 2025):
        before = np.ravel(pool.images)
        new = np.ravel(numbered(2 * step, 2))
        out = np.ravel(swap(numbered(2 * step, 2), tf.constant([step, 7])))
        after = np.ravel(pool.images)
        old.append(out != new)
        places[before != after] += 1
        assert set(new[out != new]) <= set(after) or (out != new).sum() == 2
    old = np.array(old)
    assert abs(old.mean() - 0.5) < 0.03
    assert abs((old[:, 0] & old[:, 1]).mean() - 0.25) < 0.03
    assert places.min() > 15, "every place of the pool is used"
    assert abs(places.mean() - 40) < 3


def test_what_goes_in_comes_out_later_and_only_once():
    pool = ImagePool(3, (1, 1, 1))
    handed_in, handed_out = [], []
    for step in range(300):
        images = numbered(2 * step, 2)
        handed_in += np.ravel(images).tolist()
        handed_out += np.ravel(pool.swap(images, tf.constant([step, 3]))).tolist()
    # The first 3 were handed through while the pool filled and come back once more.
    counts = np.unique(handed_out, return_counts=True)[1]
    assert set(handed_out) <= set(handed_in)
    assert counts.max() == 2 and (counts == 2).sum() <= 3


def test_no_gradient_and_the_same_with_the_same_seed():
    pools = [ImagePool(5, (1, 1, 1)) for _ in range(2)]
    for step in range(40):
        images = tf.Variable(numbered(step, 1))
        with tf.GradientTape() as tape:
            outs = [pool.swap(images, tf.constant([step, 9])) for pool in pools]
            loss = tf.reduce_sum(outs[0])
        assert tape.gradient(loss, images) is None
        np.testing.assert_array_equal(*outs)
