"""Endless, repeatable batches of augmented crops.

Every draw is a pure function of (seed, number of the sample), never of what was drawn before: a run
that starts again at step n sees just what it would have seen, and needs no state of a pipeline in
its checkpoint.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_i2i.data.image_cache import ImageCache


def crops(
    caches: tuple[ImageCache, ...],
    crop_size: int,
    *,
    flip: bool,
    seed: int,
    samples: tf.data.Dataset | None = None,
    boxes: np.ndarray | None = None,
) -> tf.data.Dataset:
    """One crop of each cache a sample, from the same picture and place: tuples of float32 RGB in
    [-1, 1] [crop_size, crop_size, 3]. `samples`: their numbers, int64; all from 0 on, without end,
    when left out.

    boxes: float32 [N, 4], one a picture (left, top, width, height in pixels; no width: none): where
    it comes to lie in the crop, mirrored with it, stands at each tuple's end.

    Every epoch shows each picture once, in an order of its own, with a random position and (with
    `flip`) a random mirroring drawn anew. Caches hold pictures of the same shapes, at least
    crop_size on both sides.
    """
    count = len(caches[0])
    shapes = tf.constant(caches[0].shapes, tf.int64)
    key = tf.constant(seed, tf.int64)

    def window(index, top, left):
        # Only the window is copied out of the cache, which may be larger than memory.
        views = (
            cache.image(int(index))[top : top + crop_size, left : left + crop_size]
            for cache in caches
        )
        return [np.ascontiguousarray(view) for view in views]

    def draw(sample):
        place, epoch = sample % count, sample // count
        index = tf.random.experimental.index_shuffle(
            place, [key, epoch], tf.constant(count - 1, tf.int64)
        )
        top_left_mirror = tf.random.stateless_uniform([3], [key, sample], dtype=tf.float64)
        room = tf.cast(tf.gather(shapes, index) - crop_size + 1, tf.float64)
        top, left = (tf.cast(top_left_mirror[axis] * room[axis], tf.int64) for axis in (0, 1))
        views = tf.numpy_function(
            window, [index, top, left], [tf.uint8] * len(caches), stateful=False
        )
        mirrored = flip and top_left_mirror[2] < 0.5
        pictures = tuple(_finish(view, crop_size, mirrored) for view in views)
        if boxes is None:
            return pictures
        return *pictures, _moved(
            tf.gather(tf.constant(boxes, tf.float32), index), top, left, crop_size, mirrored
        )

    if samples is None:
        samples = sample_numbers(1)
    return samples.map(draw, num_parallel_calls=2, deterministic=True)


def sample_numbers(
    batch_size: int, first_step: int = 0, shard: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """Numbers of the samples that one of several workers takes, from a step on, without end.

    Each batch of `batch_size` (over all workers) is cut into equal runs: worker `shard[0]` of
    `shard[1]` takes its run of every batch, so that together they see what one process would.
    """
    worker, workers = shard
    share = batch_size // workers
    numbers = tf.data.Dataset.range(first_step * share, np.iinfo(np.int64).max)
    return numbers.map(lambda n: n // share * batch_size + worker * share + n % share)


def _finish(view, crop_size: int, mirrored):
    view = tf.ensure_shape(view, [crop_size, crop_size, 3])
    if mirrored is not False:
        view = tf.where(mirrored, tf.reverse(view, [1]), view)
    return tf.cast(view, tf.float32) / 127.5 - 1.0


def _moved(box, top, left, crop_size: int, mirrored):
    """A box of a picture as it lies in its crop, which may cut it."""
    x, y, width, height = tf.unstack(box)
    x, y = x - tf.cast(left, tf.float32), y - tf.cast(top, tf.float32)
    return tf.stack([tf.where(mirrored, crop_size - x - width, x), y, width, height])


def aligned_batches(
    caches: tuple[ImageCache, ...],
    crop_size: int,
    batch_size: int,
    *,
    flip: bool,
    seed: int,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Batches with one [batch_size / replicas, crop_size, crop_size, 3] of each cache: the same
    pictures, place and mirroring in all. first_step, shard: see sample_numbers; replicas: devices
    that share a batch, in all.
    """
    samples = sample_numbers(batch_size, first_step, shard)
    return _batched(
        crops(caches, crop_size, flip=flip, seed=2 * seed, samples=samples), batch_size // replicas
    )


def paired_batches(
    cache: ImageCache,
    labels: ImageCache,
    others: ImageCache,
    crop_size: int,
    batch_size: int,
    *,
    flip: bool,
    seed: int,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Batches (image, label, other) of [batch_size / replicas, crop_size, crop_size, 3]: image and
    label from the same place and mirrored alike, the other drawn from `others` by itself.
    first_step, shard, replicas: see aligned_batches.
    """
    samples = sample_numbers(batch_size, first_step, shard)
    pairs = crops((cache, labels), crop_size, flip=flip, seed=2 * seed, samples=samples)
    apart = crops((others,), crop_size, flip=flip, seed=2 * seed + 1, samples=samples)
    triples = tf.data.Dataset.zip((pairs, apart)).map(lambda pair, other: (*pair, *other))
    return _batched(triples, batch_size // replicas)


def unpaired_batches(
    cache_a: ImageCache,
    cache_b: ImageCache,
    crop_size: int,
    batch_size: int,
    *,
    flip: bool,
    seed: int,
    boxes: tuple[np.ndarray, np.ndarray] | None = None,
    first_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Batches (real_a, real_b) of [batch_size / replicas, crop_size, crop_size, 3]; the two domains
    are shuffled apart.
    boxes: one a picture of each domain; batches are then (real_a, real_b, boxes_a, boxes_b), see
        crops.
    first_step, shard, replicas: see aligned_batches."""
    samples = sample_numbers(batch_size, first_step, shard)
    boxes_a, boxes_b = boxes or (None, None)
    both = tf.data.Dataset.zip(
        (
            crops((cache_a,), crop_size, flip=flip, seed=2 * seed, samples=samples, boxes=boxes_a),
            crops(
                (cache_b,), crop_size, flip=flip, seed=2 * seed + 1, samples=samples, boxes=boxes_b
            ),
        )
    ).map(lambda a, b: tuple(part for both in zip(a, b, strict=True) for part in both))
    return _batched(both, batch_size // replicas)


def _batched(samples: tf.data.Dataset, size: int) -> tf.data.Dataset:
    return samples.batch(size, drop_remainder=True).prefetch(4)
