"""Endless, repeatable batches of augmented crops.

Every draw is a pure function of (seed, sample number), never of earlier draws: a run that resumes
at step n sees exactly what it would have seen, and its checkpoint needs no pipeline state.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from tf_i2i.data.image_cache import ImageCache


def augmented_batches(
    domains: Sequence[tuple[ImageCache, ...]],
    crop_size: int,
    batch_size: int,
    *,
    flip: bool,
    seed: int,
    zoom: float = 1.0,
    boxes: Sequence[np.ndarray] | None = None,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Batches with one float32 [batch_size / replicas, crop_size, crop_size, 3] in [-1, 1] per
    cache, in order.

    Every epoch of a domain shows each picture once, in a new order, with a random position and
    (with `flip`) random mirroring. A domain's caches are aligned (same shapes, both sides at least
    crop_size) and their crops come from the same picture and place; domains are shuffled apart.

    Args:
        zoom: the crops come from windows of up to this many times their side, as far as a picture
            is large enough, scaled down; pictures then show at several sizes.
        boxes: for each domain float32 [N, 4], one per picture (left, top, width, height in pixels;
            width 0: none). Their places in the crops, mirrored with them, follow the pictures.
        first_step: the step that the first batch is for.
        shard: (worker, number of workers) where several processes share each batch.
        replicas: number of devices, over all processes, that share each batch.
    """
    worker, workers = shard
    share = batch_size // workers
    # Worker i takes the i-th part of every batch: together they see what one process would.
    samples = tf.data.Dataset.range(first_step * share, np.iinfo(np.int64).max).map(
        lambda n: n // share * batch_size + worker * share + n % share
    )
    boxes = boxes or [None] * len(domains)
    draws = [_Draw(c, crop_size, flip, zoom, 2 * seed + i, boxes[i]) for i, c in enumerate(domains)]
    datasets = tuple(samples.map(d, num_parallel_calls=2, deterministic=True) for d in draws)

    def flatten(*drawn):
        parts = list(zip(drawn, map(len, domains), strict=True))
        pictures = [tensor for part, count in parts for tensor in part[:count]]
        return *pictures, *(tensor for part, count in parts for tensor in part[count:])

    zipped = tf.data.Dataset.zip(datasets).map(flatten)
    batches = zipped.batch(batch_size // replicas, drop_remainder=True).prefetch(4)
    options = tf.data.Options()
    # There is nothing to tune, and an iterator's destructor was seen waiting minutes for the thread
    # that tunes.
    options.autotune.enabled = False
    return batches.with_options(options)


class _Draw:
    """A sample's number to its crops, one per cache, and the box in them, if there are boxes."""

    def __init__(self, caches, crop_size: int, flip: bool, zoom: float, seed: int, boxes):
        self._caches, self._size, self._flip, self._seed = caches, crop_size, flip, seed
        self._zoom = zoom
        self._shapes, self._boxes = caches[0].shapes, boxes

    def __call__(self, sample):
        count, key = len(self._shapes), tf.constant(self._seed, tf.int64)
        place, epoch = sample % count, sample // count
        last = tf.constant(count - 1, tf.int64)
        index = tf.random.experimental.index_shuffle(place, [key, epoch], last)
        random = tf.random.stateless_uniform([3], [key, sample], dtype=tf.float64)
        shape = tf.gather(tf.constant(self._shapes, tf.int64), index)
        side = self._window_side(sample, shape)
        room = tf.cast(shape - side + 1, tf.float64)
        top, left = (tf.cast(random[axis] * room[axis], tf.int64) for axis in (0, 1))
        mirrored = self._flip and random[2] < 0.5
        types, place = [tf.uint8] * len(self._caches), [index, top, left, side]
        pixels = tf.numpy_function(self._window, place, types, stateful=False)
        pictures = [self._to_network(part, mirrored) for part in pixels]
        if self._boxes is None:
            return tuple(pictures)
        x, y, width, height = tf.unstack(tf.gather(tf.constant(self._boxes, tf.float32), index))
        x, y = x - tf.cast(left, tf.float32), y - tf.cast(top, tf.float32)
        if self._zoom > 1:
            scale = self._size / tf.cast(side, tf.float32)
            x, y, width, height = x * scale, y * scale, width * scale, height * scale
        x = tf.where(mirrored, self._size - x - width, x)
        return *pictures, tf.stack([x, y, width, height])

    def _window_side(self, sample, shape):
        """Log-uniform between the crop's side and `zoom` times that."""
        size = tf.constant(self._size, tf.int64)
        if self._zoom <= 1:
            return size
        seed = [tf.constant(self._seed, tf.int64), -1 - sample]
        exponent = tf.random.stateless_uniform([], seed, dtype=tf.float64)
        side = tf.cast(self._size * tf.pow(tf.constant(self._zoom, tf.float64), exponent), tf.int64)
        return tf.minimum(side, tf.reduce_min(shape))

    def _window(self, index, top, left, side):
        # Only the window is copied out of the cache, which may be larger than memory.
        rows, columns = slice(top, top + side), slice(left, left + side)
        windows = (cache.image(int(index))[rows, columns] for cache in self._caches)
        sides = (self._size, self._size)
        if side == self._size:
            return [np.ascontiguousarray(window) for window in windows]
        return [cv2.resize(window, sides, interpolation=cv2.INTER_AREA) for window in windows]

    def _to_network(self, pixels, mirrored):
        pixels = tf.ensure_shape(pixels, [self._size, self._size, 3])
        if mirrored is not False:
            pixels = tf.where(mirrored, tf.reverse(pixels, [1]), pixels)
        return tf.cast(pixels, tf.float32) / 127.5 - 1.0
