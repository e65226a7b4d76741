"""Endless, repeatable batches of augmented crops.

Every draw is a pure function of (seed, sample number), never of earlier draws: a run that resumes
at step n sees exactly what it would have seen, and its checkpoint needs no pipeline state.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    boxes: Sequence[np.ndarray] | None = None,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Batches with one float32 [batch_size / replicas, crop_size, crop_size, 3] in [-1, 1] per
    cache, in order.

    Args:
        domains: caches of one tuple are aligned, so their crops come from the same picture and
            place and are mirrored alike; each tuple is shuffled by itself.
        boxes: for each domain float32 [N, 4], see `crops`; the crops' boxes follow the pictures.
        first_step: the step that the first batch is for.
        shard: (worker, number of workers) where several processes share each batch.
        replicas: number of devices, over all processes, that share each batch.
    """
    samples = sample_numbers(batch_size, first_step, shard)
    datasets = [
        crops(caches, crop_size, flip=flip, seed=2 * seed + i, samples=samples, boxes=of_domain)
        for i, (caches, of_domain) in enumerate(
            zip(domains, boxes or [None] * len(domains), strict=True)
        )
    ]

    def flatten(*drawn):
        parts = list(zip(drawn, map(len, domains), strict=True))
        pictures = [tensor for part, count in parts for tensor in part[:count]]
        return *pictures, *(tensor for part, count in parts for tensor in part[count:])

    zipped = tf.data.Dataset.zip(tuple(datasets)).map(flatten)
    return zipped.batch(batch_size // replicas, drop_remainder=True).prefetch(4)


def crops(
    caches: tuple[ImageCache, ...],
    crop_size: int,
    *,
    flip: bool,
    seed: int,
    samples: tf.data.Dataset | None = None,
    boxes: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Tuples with one float32 RGB crop [crop_size, crop_size, 3] in [-1, 1] per cache, all from the
    same picture and place.

    Every epoch shows each picture once, in a new order, with a random position and (with `flip`)
    random mirroring. The caches hold pictures of the same shapes, at least crop_size on both sides.

    Args:
        samples: sample numbers, int64; None: 0, 1, 2 and so on without end.
        boxes: float32 [N, 4], one per picture (left, top, width, height in pixels; width 0: none).
            The box's place in the crop, mirrored with it, is then the last item of each tuple.
    """
    count = len(caches[0])
    shapes = tf.constant(caches[0].shapes, tf.int64)
    key = tf.constant(seed, tf.int64)

    def window(index, top, left):
        # Only the window is copied out of the cache, which may be larger than memory.
        rows, columns = slice(top, top + crop_size), slice(left, left + crop_size)
        return [np.ascontiguousarray(cache.image(int(index))[rows, columns]) for cache in caches]

    def draw(sample):
        place, epoch = sample % count, sample // count
        index = tf.random.experimental.index_shuffle(
            place, [key, epoch], tf.constant(count - 1, tf.int64)
        )
        random = tf.random.stateless_uniform([3], [key, sample], dtype=tf.float64)
        room = tf.cast(tf.gather(shapes, index) - crop_size + 1, tf.float64)
        top, left = (tf.cast(random[axis] * room[axis], tf.int64) for axis in (0, 1))
        mirrored = flip and random[2] < 0.5
        pixels = tf.numpy_function(
            window, [index, top, left], [tf.uint8] * len(caches), stateful=False
        )
        pictures = tuple(_to_network(part, crop_size, mirrored) for part in pixels)
        if boxes is None:
            return pictures
        box = tf.gather(tf.constant(boxes, tf.float32), index)
        return *pictures, _box_in_crop(box, top, left, crop_size, mirrored)

    samples = sample_numbers(1) if samples is None else samples
    return samples.map(draw, num_parallel_calls=2, deterministic=True)


def sample_numbers(
    batch_size: int, first_step: int = 0, shard: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """Endless numbers of the samples that one worker takes, from a step on.

    Each batch of `batch_size` (over all workers) is cut into equal parts: worker `shard[0]` of
    `shard[1]` takes its part of every batch, so together they see what one process would.
    """
    worker, workers = shard
    share = batch_size // workers
    numbers = tf.data.Dataset.range(first_step * share, np.iinfo(np.int64).max)
    return numbers.map(lambda n: n // share * batch_size + worker * share + n % share)


def _to_network(pixels, crop_size: int, mirrored):
    pixels = tf.ensure_shape(pixels, [crop_size, crop_size, 3])
    if mirrored is not False:
        pixels = tf.where(mirrored, tf.reverse(pixels, [1]), pixels)
    return tf.cast(pixels, tf.float32) / 127.5 - 1.0


def _box_in_crop(box, top, left, crop_size: int, mirrored):
    """May reach over the crop's edges."""
    x, y, width, height = tf.unstack(box)
    x, y = x - tf.cast(left, tf.float32), y - tf.cast(top, tf.float32)
    return tf.stack([tf.where(mirrored, crop_size - x - width, x), y, width, height])
