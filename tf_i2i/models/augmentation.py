"""Differentiable augmentation of what a discriminator sees (Zhao et al. 2020, "Differentiable
Augmentation for Data-Efficient GAN Training"), with a strength that can adapt (Karras et al. 2020,
"Training Generative Adversarial Networks with Limited Data", section 3).
"""

import tensorflow as tf

# At strength 1. Shifts go in single pixels: they take the generator's grid out of step with that of
# the feature network, which would otherwise leave its period in the pictures.
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.3, 0.3, 0.5
SHIFT = 8


def draw_augmentation(count: int, strength, seed):
    """Random parameters for `count` pictures, float32 [count, 5] in [-1, 1]; those of color times
    `strength` (float scalar in [0, 1]), those of position whole.

    seed: int32 [2]. In a replica: this replica's share of what one device would draw.
    """
    context = tf.distribute.get_replica_context()
    whole = count * context.num_replicas_in_sync
    first = context.replica_id_in_sync_group * count
    random = tf.random.stateless_uniform([whole, 5], seed, -1.0, 1.0)[first : first + count]
    return random * tf.stack([strength, strength, strength, 1.0, 1.0])


def augment(images, parameters):
    """The pictures with their own parameters each.

    Args:
        images: float [N, H, W, 3] in [-1, 1], of static shape.
        parameters: float32 [N, 5], those of `draw_augmentation`: brightness, contrast, saturation,
            and the position in pixels / SHIFT. Edges are mirrored.

    Returns:
        float32 [N, H, W, 3], not clipped.
    """
    images = tf.cast(images, tf.float32)
    brightness, contrast, saturation = (parameters[:, i, None, None, None] for i in range(3))
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (1.0 + _SATURATION * saturation)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * (1.0 + _CONTRAST * contrast) + _BRIGHTNESS * brightness
    height, width = images.shape[1:3]
    places = tf.cast(tf.round((parameters[:, 3:] + 1.0) * (SHIFT / 2)), tf.int32)
    edges = [[0, 0], [SHIFT // 2, SHIFT // 2], [SHIFT // 2, SHIFT // 2], [0, 0]]
    padded = tf.pad(images, edges, "REFLECT")
    moved = [
        tf.slice(picture, [place[0], place[1], 0], [height, width, 3])
        for picture, place in zip(tf.unstack(padded), tf.unstack(places), strict=True)
    ]
    return tf.stack(moved)
