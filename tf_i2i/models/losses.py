"""Losses of image translation: pure functions, each a float32 mean (so that it does not depend on the
number of images, pixels or patches). Images are RGB in [-1, 1], [N, H, W, 3]; scores are a
discriminator's logits, [N, h, w, 1].
"""

import tensorflow as tf

# By name, the score between generated and real.
GAN_LOSSES = {"lsgan": 0.5, "vanilla": 0.0, "hinge": 0.0}

# ITU-R BT.601: the chroma axes U and V of an RGB color. Gray has none; the scale is that of RGB.
_CHROMA = ((-0.168736, 0.5), (-0.331264, -0.418688), (0.5, -0.081312))
_LUMINANCE = (0.299, 0.587, 0.114)
# Of a face's mean: lips, eyes and shadows are nearer, blue and green grounds are not.
_SKIN_CHROMA = 0.4


def l1(a, b):
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(_difference(a, b)))


def generator_adversarial(fake_scores, kind: str = "lsgan"):
    """The generator's loss for scores of its images.

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
    raise ValueError(f"gan loss must be one of {[*GAN_LOSSES]}, not {kind!r}")


def discriminator_adversarial(real_scores, fake_scores, kind: str = "lsgan"):
    """The discriminator's loss, halved so that it learns slower than the generator (Zhu et al.
    2017, appendix 7.1).
    """
    if kind == "lsgan":
        real, fake = tf.square(real_scores - 1.0), tf.square(fake_scores)
    elif kind == "vanilla":
        real, fake = tf.nn.softplus(-real_scores), tf.nn.softplus(fake_scores)
    elif kind == "hinge":
        real, fake = tf.nn.relu(1.0 - real_scores), tf.nn.relu(1.0 + fake_scores)
    else:
        raise ValueError(f"gan loss must be one of {[*GAN_LOSSES]}, not {kind!r}")
    return 0.5 * (tf.reduce_mean(real) + tf.reduce_mean(fake))


def probability_of_real(scores, kind: str = "vanilla"):
    """Mean probability of being real, 0 to 1: for logs, not a loss.

    vanilla: the sigmoid; lsgan, whose targets are 0 and 1: the scores, clipped to that range;
    hinge, whose targets are -1 and 1: likewise, shifted and scaled.
    """
    if kind == "vanilla":
        return tf.reduce_mean(tf.sigmoid(scores))
    scores = scores if kind == "lsgan" else 0.5 * (scores + 1.0)
    return tf.reduce_mean(tf.clip_by_value(scores, 0.0, 1.0))


def coarse_chroma(a, b, cell: int = 16):
    """Mean absolute difference of chroma (U, V) averaged over cells of `cell` pixels.

    Instance normalization hides an image's overall color from the generator, which then invents
    one. This keeps the photo's colors over areas, and leaves lightness, outlines and fine color to
    the adversarial loss. Incomplete cells at the right and bottom are ignored; an image smaller than
    a cell is one cell.
    """
    cells = [min(cell, a.shape[1]), min(cell, a.shape[2])]
    chroma = tf.tensordot(_difference(a, b), tf.constant(_CHROMA), axes=1)
    return tf.reduce_mean(tf.abs(tf.nn.avg_pool2d(chroma, cells, cells, "VALID")))


def coarse_colour(a, b, dab_weight: float = 3.0, grain_weight: float = 6.0):
    """Mean squared differences of luminance and of chroma (U, V), averaged over cells: (luminance,
    chroma), in units of a clearly visible change (0.1).

    Squares leave small changes of many areas to the style, as painters make them, and hold on to
    each single area that would turn black. Chroma has areas of 16 pixels, in which cells of 4
    pixels, a brush stroke's width, that differ from their area count `dab_weight` times: a style may
    turn a blue ground brown, but a stroke in another color than those around it is rare in paintings,
    and the first thing seen. Pixels that differ from their cell, colored grain, count `grain_weight`
    times.
    """
    axes = tf.concat([tf.constant(_LUMINANCE)[:, None], tf.constant(_CHROMA)], axis=1)
    luminance, chroma = tf.split(tf.tensordot(_difference(a, b), axes, axes=1), [1, 2], axis=-1)

    def mean_square(part, cell):
        cells = [min(cell, a.shape[1]), min(cell, a.shape[2])]
        return tf.reduce_mean(tf.square(tf.nn.avg_pool2d(10.0 * part, cells, cells, "VALID")))

    pixels, cells, areas = (mean_square(chroma, side) for side in (1, 4, 16))
    # The variance of cells within their areas is what their mean square has more.
    dabs, grain = dab_weight * (cells - areas), grain_weight * (pixels - cells)
    return mean_square(luminance, 8), areas + dabs + grain


# Pixels. Of an upsampled map: sides of pictures are multiples of four strokes.
_STROKES = (1, 2, 4, 8)
BRUSHWORK_CHANNELS = 4 * len(_STROKES)


def brushwork(pictures):
    """How the strokes lie, float32 [N, H/4, W/4, BRUSHWORK_CHANNELS] of pictures [N, H, W, 3] in
    [-1, 1] whose sides are multiples of 32: for strokes of 1, 2, 4 and 8 pixels, in windows of four
    strokes, the logarithms of the mean squares of the gradients of luminance and of chroma, and cosine
    and sine of twice the luminance gradient's direction, as long as all gradients there agree (Bigün
    and Granlund 1987, "Optimal Orientation Detection of Linear Symmetry", section 3: I11 and
    I20 / I11): 1 in a stroke, 0 in speckle.

    Feature networks hardly see chroma that differs from pixel to pixel. Painters lay it in dabs.
    """
    axes = tf.concat([tf.constant(_LUMINANCE)[:, None], tf.constant(_CHROMA)], axis=1)
    parts = tf.tensordot(tf.cast(pictures, tf.float32), axes, axes=1)
    sizes = []
    for size in _STROKES:
        strokes = tf.nn.avg_pool2d(parts, size, size, "VALID")
        gradients = tf.image.sobel_edges(strokes) / 8.0
        y, x = tf.unstack(gradients[..., 0, :], axis=-1)
        chroma = tf.reduce_sum(tf.square(gradients[..., 1:, :]), axis=[3, 4])
        squares = tf.stack([x * x + y * y, chroma, x * x - y * y, 2.0 * x * y], axis=-1)
        strength, direction = tf.split(tf.nn.avg_pool2d(squares, 4, 4, "VALID"), 2, axis=-1)
        # Fainter ones are not seen: of about 1 level of 255, of chroma half of one.
        strength += tf.constant([1e-4, 2e-5])
        windows = tf.concat([tf.math.log(strength), direction / strength[..., :1]], axis=-1)
        sizes.append(tf.repeat(tf.repeat(windows, size, axis=1), size, axis=2))
    return tf.concat(sizes, axis=-1)


def structure_difference(
    a, b, cells=(4, 8), window: int = 5, floor: float = 5e-4, texture: float = 0.05
):
    """How much of the structure of windows is lost or invented: d is one minus the correlation of
    luminance in windows of `window` x `window` cells (of all, where there are fewer), cells of 4 and of
    8 pixels (finer structure is the painter's), the structure of Wang et al. 2004, "Image Quality Assessment: From Error
    Visibility to Structural Similarity", equation 10. Brightness may change, and contrast between
    half and double; what `b` flattens further counts as lost, what it draws where there is nothing in
    `a` as invented, in cells of 2 pixels too. Returns 2 d^2, which leaves small changes to the style,
    averaged over windows, summed over the sizes of cells and divided by the number of `cells`; d is
    0: alike, 1: flat, unrelated or invented, 2: inverted.

    For pictures in [-1, 1]: floor, added to covariance and deviations: where both are flat, nothing
    is asked for; texture, the standard deviation that even areas of paintings have.
    """
    axis = tf.constant(_LUMINANCE)[:, None]
    pictures = [tf.tensordot(tf.cast(picture, tf.float32), axis, axes=1) for picture in (a, b)]

    def local_mean(values):
        sides = [min(window, side) for side in values.shape[1:3]]
        return tf.nn.avg_pool2d(values, sides, 2, "VALID")

    differences = []
    for cell in (2, *cells):
        x, y = (tf.nn.avg_pool2d(picture, cell, cell, "VALID") for picture in pictures)
        mean_x, mean_y = local_mean(x), local_mean(y)
        covariance = local_mean(x * y) - mean_x * mean_y
        variance_x, variance_y = local_mean(x * x) - mean_x**2, local_mean(y * y) - mean_y**2
        # The square root's slope at 0 is infinite.
        x, y = (tf.sqrt(tf.maximum(variance, 1e-7)) for variance in (variance_x, variance_y))
        least = tf.maximum(x, 0.5 * (y - texture))
        if cell == 2:  # what is invented alone
            covariance, deviations = x * y, least * y
        else:
            deviations = least * tf.maximum(y, 0.5 * x)
        lost = 1.0 - (covariance + floor) / (deviations + floor)
        differences.append(tf.reduce_mean(2.0 * tf.square(lost)))
    return tf.add_n(differences) / len(cells)


def face_tone(a, b, boxes, cell: int = 2):
    """How far the light, dark and color of faces change: mean cubes of the differences of luminance
    and chroma over cells of `cell` pixels inside each face's ellipse (less towards its edge, and not
    on a ground of another color), plus the square of that of the whole face's mean, in units as
    `coarse_colour`; mean over pictures. Cubes leave small changes to the brush, and hold on to skin
    where a dark streak would cross it.

    boxes: float32 [N, 4], left, top, width and height in pixels; width 0: no face. Faces are
    weighted alike whatever their size.
    """
    axes = tf.concat([tf.constant(_LUMINANCE)[:, None], tf.constant(_CHROMA)], axis=1)
    difference = 10.0 * tf.tensordot(_difference(a, b), axes, axes=1)
    difference = tf.nn.avg_pool2d(difference, cell, cell, "VALID")
    left, top, width, height = (boxes[:, i, None] for i in range(4))
    rows, columns = (
        tf.cast(cell * tf.range(side), tf.float32)[None] + cell / 2
        for side in difference.shape[1:3]
    )
    across = tf.math.divide_no_nan(2.0 * (columns - left), width) - 1.0
    # Detectors' boxes end at the hairline.
    down = (tf.math.divide_no_nan(2.0 * (rows - top), height) - 1.0) / 1.2
    inside = tf.clip_by_value(3.0 - 3.0 * (across[:, None] ** 2 + down[:, :, None] ** 2), 0.0, 1.0)
    inside *= tf.cast(width[..., None] > 0, tf.float32)
    inside *= _like_skin(tf.nn.avg_pool2d(tf.cast(a, tf.float32), cell, cell, "VALID"), inside)
    weights = tf.math.divide_no_nan(inside, tf.reduce_sum(inside, [1, 2], keepdims=True))[..., None]
    each = tf.reduce_sum(weights * tf.abs(difference) ** 3, [1, 2])
    whole = tf.square(tf.reduce_sum(weights * difference, [1, 2]))
    return tf.reduce_mean(tf.reduce_sum(each + whole, axis=1))


def _like_skin(photo, inside):
    """1 where the chroma is near the mean of that of the places `inside` [N, h, w], 0 where it is
    far, as the ground's beside the cheeks is: held, it would stay as a halo.
    """
    chroma = tf.tensordot(photo, tf.constant(_CHROMA), axes=1)
    total = tf.reduce_sum(inside, [1, 2])[:, None]
    mean = tf.math.divide_no_nan(tf.reduce_sum(inside[..., None] * chroma, [1, 2]), total)
    squared = tf.reduce_sum(tf.square(chroma - mean[:, None, None]), -1)
    return tf.exp(-tf.square(squared / _SKIN_CHROMA**2))


def feature_distance(a, b):
    """Mean of 2 d^2, d the cosine distance of the features at each place, [N, h, w, C] twice; 0 to 8.
    Squares leave small changes everywhere to the style, and hold each place that gets lost.
    """
    cosine = tf.reduce_sum(tf.math.l2_normalize(a, -1) * tf.math.l2_normalize(b, -1), axis=-1)
    return tf.reduce_mean(2.0 * tf.square(1.0 - cosine))


def gradient_difference(a, b):
    """Mean absolute difference of neighbour differences, which keeps edges in place (Mathieu et al.
    2016, equation 6, with alpha 1).
    """
    difference = _difference(a, b)
    down = difference[:, 1:] - difference[:, :-1]
    right = difference[:, :, 1:] - difference[:, :, :-1]
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(right))


def embedding_distance(a, b, present):
    """Squared Euclidean distance of embeddings [N, D], summed over pictures with a face, over N.

    present: float32 [N], 1 where the picture has a face, else 0. Dividing by N, not by the number
    of faces, makes replicas that share a batch agree with one device that has all of it.
    """
    squared = tf.reduce_sum(tf.square(_difference(a, b)), axis=-1)
    return tf.reduce_mean(squared * present)


def triplet_semihard(owners, embedded, margin: float):
    """Triplet loss with semi-hard negatives (Schroff et al. 2015, "FaceNet", section 3.2): for each
    pair of pictures of one person, squared distance plus margin less that to the nearest picture of
    another person that is further away than the pair, or to the furthest where none is; at least 0,
    mean over pairs. owners: int [N]; embedded: [N, D].

    As tensorflow-addons' triplet_semihard_loss, which only Python 3.10 and 3.11 have.
    """
    embedded = tf.cast(embedded, tf.float32)
    squared = tf.reduce_sum(embedded**2, 1)
    products = tf.matmul(embedded, embedded, transpose_b=True)
    distances = tf.maximum(squared[:, None] + squared[None] - 2.0 * products, 0.0)
    same = owners[:, None] == owners[None]
    # [anchor, positive, negative]
    further = ~same[:, None] & (distances[:, None] > distances[:, :, None])
    nearest = tf.reduce_min(tf.where(further, distances[:, None], tf.float32.max), axis=2)
    furthest = tf.reduce_max(tf.where(same, 0.0, distances), axis=1, keepdims=True)
    negative = tf.where(tf.reduce_any(further, axis=2), nearest, furthest)
    pairs = tf.cast(same, tf.float32) - tf.eye(tf.shape(owners)[0])
    each = pairs * tf.maximum(margin + distances - negative, 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(each), tf.reduce_sum(pairs))


def class_divergence(target_logits, logits, temperature: float = 1.0):
    """Kullback-Leibler divergence of each pixel's class distribution from its target, [N, h, w, C]
    twice, averaged over pixels and pictures.

    Kullback and Leibler 1951, equation 2.4, of softmax(logits / temperature) as in Hinton et al.
    2015, "Distilling the Knowledge in a Neural Network", equation 1. The Jensen-Shannon divergence
    would be bounded, but its gradient vanishes just where the two pictures disagree most.
    """
    target = tf.nn.log_softmax(tf.cast(target_logits, tf.float32) / temperature)
    actual = tf.nn.log_softmax(tf.cast(logits, tf.float32) / temperature)
    return tf.reduce_mean(tf.reduce_sum(tf.exp(target) * (target - actual), axis=-1))


def _difference(a, b):
    return tf.cast(a, tf.float32) - tf.cast(b, tf.float32)
