"""Losses of image translation: pure functions of float32 tensors, each a mean (so that its size
does not depend on the number of images, pixels or patches). Images are RGB in [-1, 1], [N, H, W,
3]; scores are a discriminator's, [N, h, w, 1], without activation."""

from __future__ import annotations

import tensorflow as tf

GAN_LOSSES = ("lsgan", "vanilla", "hinge")


# ITU-R BT.601: the chroma axes U and V of an RGB colour. Grey has none; the scale is that of the
# RGB values.
_CHROMA = ((-0.168736, 0.5), (-0.331264, -0.418688), (0.5, -0.081312))


def l1(a, b):
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(tf.cast(a, tf.float32) - tf.cast(b, tf.float32)))


def generator_adversarial(fake_scores, kind: str = "lsgan"):
    """What the generator pays for scores of its images.

    lsgan: Mao et al. 2017, equation 9 (without the half, as CycleGAN); vanilla: the non-saturating
    loss of Goodfellow et al. 2014, section 3; hinge: Lim and Ye 2017, Miyato et al. 2018, equation
    17.
    """
    if kind == "lsgan":
        return tf.reduce_mean(tf.square(fake_scores - 1.0))
    if kind == "vanilla":
        return tf.reduce_mean(tf.nn.softplus(-fake_scores))
    if kind == "hinge":
        return -tf.reduce_mean(fake_scores)
    raise ValueError(f"gan loss must be one of {GAN_LOSSES}, not {kind!r}")


def discriminator_adversarial(real_scores, fake_scores, kind: str = "lsgan"):
    """What the discriminator pays, halved (Zhu et al. 2017, appendix 7.1: it shall learn slower
    than the generator).
    """
    if kind == "lsgan":
        real, fake = tf.square(real_scores - 1.0), tf.square(fake_scores)
    elif kind == "vanilla":
        real, fake = tf.nn.softplus(-real_scores), tf.nn.softplus(fake_scores)
    elif kind == "hinge":
        real, fake = tf.nn.relu(1.0 - real_scores), tf.nn.relu(1.0 + fake_scores)
    else:
        raise ValueError(f"gan loss must be one of {GAN_LOSSES}, not {kind!r}")
    return 0.5 * (tf.reduce_mean(real) + tf.reduce_mean(fake))


def probability_of_real(scores, kind: str = "vanilla"):
    """Mean probability of being real that scores stand for, 0 to 1: what a log shows, not a loss.

    vanilla: the sigmoid; lsgan, whose scores aim at 0 and 1 themselves: the scores, limited to that
    range; hinge, which aims at -1 and 1: likewise, moved.
    """
    if kind == "vanilla":
        return tf.reduce_mean(tf.sigmoid(scores))
    return tf.reduce_mean(
        tf.clip_by_value(scores if kind == "lsgan" else 0.5 * (scores + 1.0), 0.0, 1.0)
    )


def share_of_global_mean(loss):
    """Replicas sum their gradients: a mean over each one's share of the batch counts as that share
    of the whole.
    """
    return loss / tf.distribute.get_strategy().num_replicas_in_sync


def coarse_chroma(a, b, cell: int = 16):
    """Mean absolute difference of chroma (U, V) averaged over cells of `cell` pixels: [N, H, W, 3]
    twice to a scalar.

    Instance normalisation hides an image's overall colour from the generator, which then invents
    one. This asks for the photo's colours over areas, and leaves lightness, outlines and fine
    colour to the adversarial loss. Cells that do not fit at the right and bottom are left out; an
    image smaller than a cell is one cell.
    """
    height, width = a.shape[1], a.shape[2]
    cells = [1, min(cell, height), min(cell, width), 1]
    chroma = tf.tensordot(
        tf.cast(a, tf.float32) - tf.cast(b, tf.float32), tf.constant(_CHROMA), axes=1
    )
    return tf.reduce_mean(tf.abs(tf.nn.avg_pool2d(chroma, cells[1:3], cells[1:3], "VALID")))


def gradient_difference(a, b):
    """Mean absolute difference of horizontal and vertical neighbour differences: keeps edges where
    they are (Mathieu et al. 2016, equation 6, with alpha 1)."""
    difference = tf.cast(a, tf.float32) - tf.cast(b, tf.float32)
    down = difference[:, 1:] - difference[:, :-1]
    right = difference[:, :, 1:] - difference[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(right))


def embedding_distance(a, b, present):
    """Squared Euclidean distance of embeddings, [N, D] twice, to a scalar: the sum over pictures
    with a face over N.

    present: float32 [N], 1 where the picture has a face, 0 where it takes no part. Dividing by N,
    not by the faces' number, makes devices that share a batch agree with one device that has all of
    it.
    """
    squared = tf.reduce_sum(tf.square(tf.cast(a, tf.float32) - tf.cast(b, tf.float32)), axis=-1)
    return tf.reduce_mean(squared * present)


def class_divergence(wanted_logits, logits, temperature: float = 1.0):
    """Kullback-Leibler divergence of the class distributions of each pixel from the wanted ones,
    [N, h, w, C] twice, averaged over pixels and pictures.

    Kullback and Leibler 1951, equation 2.4, of softmax(logits / temperature) as in Hinton et al.
    2015, "Distilling the Knowledge in a Neural Network", equation 1. The Jensen-Shannon divergence
    would be bounded, but its gradient vanishes just where the two pictures disagree most.
    """
    wanted = tf.nn.log_softmax(tf.cast(wanted_logits, tf.float32) / temperature)
    found = tf.nn.log_softmax(tf.cast(logits, tf.float32) / temperature)
    return tf.reduce_mean(tf.reduce_sum(tf.exp(wanted) * (wanted - found), axis=-1))
