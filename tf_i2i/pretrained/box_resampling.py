"""Boxes cut out of pictures and resized, as two matrix products: differentiable, antialiased and
deterministic (TensorFlow's crop_and_resize has no deterministic gradient on a GPU and does not
antialias).
"""

import tensorflow as tf


def resample_boxes(images, boxes, size: tuple[int, int]):
    """Cuts one box out of each picture, float [N, H, W, C], and resizes it by a triangle filter,
    wider where it reduces (as Pillow's BILINEAR), to float32 [N, size[0], size[1], C]. Outside of
    the picture its border is repeated.

    boxes: float32 [N, 4]: left, top, width, height in pixels, width and height above 0.
    """
    images = tf.cast(images, tf.float32)
    left, top, width, height = tf.unstack(tf.cast(boxes, tf.float32), axis=1)
    rows = _filters(top, height, size[0], tf.shape(images)[1])
    columns = _filters(left, width, size[1], tf.shape(images)[2])
    return tf.einsum("nqw,npwc->npqc", columns, tf.einsum("nph,nhwc->npwc", rows, images))


def resized(images, size: tuple[int, int]):
    """Whole pictures float [N, H, W, C] as float32 [N, size[0], size[1], C], by the same filter."""
    if tuple(images.shape[1:3]) == tuple(size):
        return tf.cast(images, tf.float32)
    shape = tf.shape(images)
    whole = tf.cast(tf.stack([0, 0, shape[2], shape[1]]), tf.float32)
    return resample_boxes(images, tf.tile(whole[None], [shape[0], 1]), size)


def _filters(start, extent, count: int, side):
    """[N, count, side]: the weight of each of `side` pixels in each of `count` that divide `extent`
    from `start` on.
    """
    scale = (extent / float(count))[:, None]
    centres = start[:, None] + (tf.range(count, dtype=tf.float32) + 0.5)[None] * scale - 0.5
    centres = tf.clip_by_value(centres, 0.0, tf.cast(side - 1, tf.float32))
    distance = tf.abs(tf.range(tf.cast(side, tf.float32))[None, None] - centres[..., None])
    weights = tf.maximum(0.0, 1.0 - distance / tf.maximum(scale, 1.0)[..., None])
    return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)
