"""Losses by which a pretrained network checks that a translation still shows what the photo shows."""

import math

import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.pretrained.face_networks import FaceNetwork
from tf_i2i.pretrained.segmentation_networks import SegmentationNetwork

# A face of whose crop less than this share is inside a training crop takes no part.
_MIN_VISIBLE = 0.75
# The segmentation loss pulls at a picture at most this many times as hard as an L1 loss of the same
# weight: where masks are wrong its gradient is a hundred times that, comes from few pixels, and
# would outweigh all other losses.
_MAX_PULL = 30.0


class Guidance:
    """The guidance losses of a CycleGAN.

    Not a Keras layer nor a tf.Module: a model that holds it neither trains nor saves its networks,
    which run in inference mode and in float32, whatever the model's precision policy is.

    Args:
        face: network that embeds faces; None: no face loss.
        lambda_face: weight of the face loss of each direction.
        segmentation: network that segments; None: no segmentation loss.
        lambda_segmentation: weight of the segmentation loss of each direction.
        temperature: of the segmentation's distributions; None: the network's own.
        face_jitter: share of its side by which each step moves and scales a face's box, alike for
            both pictures. Through a window that never moves, a network can be pleased by patterns
            that mean nothing to it elsewhere.
        segmentation_jitter: likewise of the whole picture, for the segmentation network.

    Attributes:
        parts: the active losses by name: functions of (real, fake, boxes, seed) to the mean
            weighted loss. real, fake: RGB float [N, H, W, 3] in [-1, 1]; boxes: the faces, float32
            [N, 4]; seed: int [2], of the jitter.
    """

    def __init__(
        self,
        face: FaceNetwork | None = None,
        lambda_face: float = 0.0,
        segmentation: SegmentationNetwork | None = None,
        lambda_segmentation: float = 0.0,
        temperature: float | None = None,
        face_jitter: float = 0.0,
        segmentation_jitter: float = 0.0,
    ):
        self.face, self.lambda_face = face, lambda_face
        self.segmentation, self.lambda_segmentation = segmentation, lambda_segmentation
        self.face_jitter, self.segmentation_jitter = face_jitter, segmentation_jitter
        self.temperature = temperature or (segmentation.temperature if segmentation else 1.0)
        self.parts = {}
        if face is not None:
            self.parts["face"] = self._face_loss
        if segmentation is not None:
            self.parts["segmentation"] = self._segmentation_loss

    def losses(self, real_a, fake_b, real_b, fake_a, boxes_a=None, boxes_b=None, *, step) -> dict:
        """All losses of both directions by name, weighted: face_A (of x and G(x)), face_B (of y and
        F(y)), and so on.

        step: int scalar, of the training; an exact resume draws the same jitter again.
        """
        seeds = [tf.stack([tf.cast(step, tf.int32), direction]) for direction in (0, 1)]
        named = {}
        for name, loss in self.parts.items():
            named[f"{name}_A"] = loss(real_a, fake_b, boxes_a, seeds[0])
            named[f"{name}_B"] = loss(real_b, fake_a, boxes_b, seeds[1])
        return named

    def _face_loss(self, real, fake, boxes, seed):
        height, width = real.shape[1:3]
        visible = visible_share(boxes, height, width) >= _MIN_VISIBLE
        boxes = jittered(boxes, self.face_jitter, seed) if self.face_jitter else boxes
        # A box without a side can't be cut out; the embeddings of this one have no weight.
        boxes = tf.where(visible[:, None], boxes, tf.constant([0.0, 0.0, width, height]))
        expected = tf.stop_gradient(self.face.embed_boxes(real, boxes))
        embeddings = self.face.embed_boxes(fake, boxes)
        weights = tf.cast(visible, tf.float32)
        return self.lambda_face * losses.embedding_distance(expected, embeddings, weights)

    def _segmentation_loss(self, real, fake, boxes, seed):
        window = None
        if self.segmentation_jitter:
            count, height, width = fake.shape[:3]
            whole = tf.constant([[0.0, 0.0, width, height]] * count)
            window = jittered(whole, self.segmentation_jitter, seed)
        expected = tf.stop_gradient(self.segmentation.logits(real, window))

        def divergence(picture):
            logits = self.segmentation.logits(picture, window)
            return losses.class_divergence(expected, logits, self.temperature)

        return self.lambda_segmentation * with_limited_pull(divergence, fake, _MAX_PULL)


def with_limited_pull(loss, pictures, limit: float):
    """`loss(pictures)`, with its gradient at each picture shortened to at most `limit` times that
    of a mean absolute difference.

    Args:
        loss: function of pictures, float [N, H, W, C], to a scalar, the mean over them.
        limit: above 0.
    """
    fixed = tf.stop_gradient(pictures)
    with tf.GradientTape() as tape:
        tape.watch(fixed)
        value = loss(fixed)
    gradient = tf.cast(tape.gradient(value, fixed), tf.float32)
    count, *shape = gradient.shape
    norm = tf.norm(tf.reshape(gradient, [count, -1]), axis=1)[:, None, None, None]
    max_norm = limit / (count * math.prod(shape) ** 0.5)
    within = tf.cast(norm <= max_norm, tf.float32)
    gradient *= tf.minimum(1.0, tf.math.divide_no_nan(max_norm, norm) + within)
    # A plane that touches the loss here: the same value, and the shortened slope.
    offset = tf.cast(pictures - fixed, tf.float32)
    return tf.stop_gradient(value) + tf.reduce_sum(tf.stop_gradient(gradient) * offset)


def jittered(boxes, share: float, seed):
    """Boxes moved and scaled at random by up to `share` of their sides, float32 [N, 4]; seed: int
    [2].
    """
    x, y, width, height = tf.unstack(tf.cast(boxes, tf.float32), axis=1)
    random = tf.random.stateless_uniform([tf.shape(boxes)[0], 3], seed, -share, share)
    across, down, scale = tf.unstack(random, axis=1)
    x, y = x + (across - scale / 2) * width, y + (down - scale / 2) * height
    return tf.stack([x, y, width * (1 + scale), height * (1 + scale)], axis=1)


def visible_share(boxes, height: int, width: int):
    """Share of each box (float32 [N, 4]: left, top, width, height in pixels) that is inside a
    picture of this size, float32 [N]; 0 for a box without a side.
    """
    left, top, across, down = tf.unstack(tf.cast(boxes, tf.float32), axis=1)
    inside_x = tf.maximum(0.0, tf.minimum(left + across, float(width)) - tf.maximum(left, 0.0))
    inside_y = tf.maximum(0.0, tf.minimum(top + down, float(height)) - tf.maximum(top, 0.0))
    return tf.math.divide_no_nan(inside_x * inside_y, across * down)
