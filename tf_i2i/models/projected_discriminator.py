"""A discriminator that judges pictures by the feature maps of a fixed, pretrained network, and the
differentiable augmentation of what it sees (Zhao et al. 2020, "Differentiable Augmentation for
Data-Efficient GAN Training"), with a probability that adapts (Karras et al. 2020, "Training
Generative Adversarial Networks with Limited Data", section 3).
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from tf_i2i.models import losses
from tf_i2i.models.layers import LeakyReLU

# At most. Shifts go in single pixels: they take the generator's grid out of step with that of
# the feature network, which would otherwise leave its period in the pictures.
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.3, 0.3, 0.5
SHIFT = 8
# The lead of the discriminator of a scale is how often the signs of its scores are right, real and
# generated pictures alike: 0 is a guess, 1 never wrong (of the real ones alone, as r_t of Karras et
# al. 2020, section 3.1, it would stay high for good once the discriminator waits). While their mean
# is above the target, more pictures are augmented; above the limit one waits for the generator.
_LEAD_TARGET, _LEAD_LIMIT = 0.55, 0.65
# Weight of a scale without any lead, and the least. Without a least one, painted portraits, from which
# photos are told at a glance, teach nothing.
_STYLE, _LEAST_STYLE = 0.65, 0.185
_LEAD_MEMORY, _PROBABILITY_STEP, _MAX_PROBABILITY = 0.98, 0.002, 0.3
# Weight of the energy distance; patches that a map of a picture gives at most along a side, and those
# that are remembered of each scale.
_ENERGY, _SIDE, _REMEMBERED = 15.0, 8, 1024


class ProjectedDiscriminator(keras.Model):
    """Random fixed projections of the feature maps, mixed across channels and scales, and a small
    patch discriminator for each scale (Sauer et al. 2021, "Projected GANs Converge Faster", section
    3.2). Because every scale is mixed at random, the generator can't please the discriminator in a
    few feature channels alone.

    Pictures are judged at full and at half size: there the fine maps, which know textures, see
    larger strokes. Coarser maps of the whole picture see what it shows instead.

    Args:
        features: images [-1, 1] to three feature maps, finest first, each half as large as the one
            before; of fixed weights, and not a Keras layer: neither trained nor saved. Its
            `channels` are those of the maps.
        width: channels of each projection, and of a patch discriminator's first convolution.
        layers: convolutions of each patch discriminator, the last one of 1 x 1.
        gan_loss: "hinge" (the paper's), "lsgan" or "vanilla".
        seed: of the fixed projections.

    Called with the maps that `see` returns, it returns float32 logits [N, h, w, 1] of the three
    scales at full size and the two finer ones at half size. `training=True` also advances the
    spectral norms.
    """

    def __init__(
        self,
        features: Callable,
        width: int = 64,
        layers: int = 3,
        gan_loss: str = "hinge",
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.features, self.gan_loss = features, gan_loss
        fixed = keras.initializers.HeNormal

        def projection(kernel_size: int, number: int):
            return keras.layers.Conv2D(
                width,
                kernel_size,
                padding="same",
                use_bias=False,
                kernel_initializer=fixed(seed=1000 * seed + number),
                trainable=False,
            )

        scales = range(len(features.channels))
        self.across_channels = [projection(1, scale) for scale in scales]
        self.across_scales = [projection(3, 100 + scale) for scale in scales]
        self.upsampling = keras.layers.UpSampling2D(2, interpolation="bilinear")
        shapes = [(width * 2**i, 3) for i in range(layers - 1)] + [(1, 1)]
        self.heads = [
            [SpectralConv2D(*shape, name=f"head{scale}_{i}") for i, shape in enumerate(shapes)]
            for scale in scales
        ]
        self.activation = LeakyReLU(0.2)
        mean = {"trainable": False, "aggregation": tf.VariableAggregation.MEAN}
        self.lead = tf.Variable(tf.zeros([2 * len(scales) - 1]), name="lead", **mean)
        self.probability = tf.Variable(0.2, name="probability", **mean)
        channels = [*features.channels, *features.channels[:-1], losses.BRUSHWORK_CHANNELS]
        self.patches = [PatchEnergy(count, name=f"patches{i}") for i, count in enumerate(channels)]

    def build(self, input_shape):
        """The parts build themselves when they are called, which Keras 3 would warn of."""
        self.built = True

    def see(self, pictures) -> list[list]:
        """Feature maps of float32 [-1, 1] [N, H, W, 3] at full and at half size, and brushwork."""
        half = tf.nn.avg_pool2d(pictures, 2, 2, "VALID")
        maps = [list(self.features(each)) for each in (pictures, half)]
        return [*maps, [losses.brushwork(pictures)]]

    def see_augmented(self, pictures, seed) -> list[list]:
        """As `see`, augmented at random; seed: int32 [2]."""
        parameters = draw_augmentation(pictures.shape[0], self.probability, seed)
        return self.see(augment(pictures, parameters))

    def call(self, seen, training=False):
        whole, half = (self._logits(maps, training) for maps in seen[:2])
        return [*whole, *half[:-1]]

    def _logits(self, maps, training: bool) -> list:
        logits, coarser = [], None
        for scale in reversed(range(len(maps))):
            x = self.across_channels[scale](maps[scale])
            if coarser is not None:
                up = tf.cast(self.upsampling(coarser), x.dtype)
                x = x + up[:, : x.shape[1], : x.shape[2]]
            coarser = self.across_scales[scale](x)
            *hidden, last = self.heads[scale]
            for layer in hidden:
                x = self.activation(layer(x, training=training))
            logits.insert(0, tf.cast(last(x, training=training), tf.float32))
        return logits

    def generator_loss(self, seen):
        """The generator's loss for what `see` returns of its pictures: the adversarial loss and the
        energy distances of their patches and of their brushwork.

        A scale's adversarial loss counts less the further it leads: what it asks for is then rather what
        paintings show than how they are painted. The energy distance can't run ahead of the
        generator, and leaves less speckle; alone it asks for too little.
        """
        scores = self(seen, training=False)
        each = [losses.generator_adversarial(score, self.gan_loss) for score in scores]
        weights = tf.maximum(_STYLE * tf.square(1.0 - self.lead), _LEAST_STYLE)
        energy = tf.add_n(
            [part(maps) for part, maps in zip(self.patches, _patches(seen), strict=True)]
        )
        return tf.reduce_sum(weights * tf.stack(each)) + _ENERGY * energy

    def discriminator_loss(self, seen):
        """The discriminator's own loss for what `see` returns of real pictures and then as
        many generated ones: (what is minimised, the sum over all scales). Updates its lead, the share
        of pictures that are augmented, and the patches that are remembered.
        """
        scores = [tf.split(score, 2) for score in self(seen, training=True)]
        each = [losses.discriminator_adversarial(*pair, self.gan_loss) for pair in scores]
        each = tf.stack(each)
        learns = tf.cast(self.lead < _LEAD_LIMIT, tf.float32)
        minimised = tf.reduce_sum(learns * each)
        middle = losses.GAN_LOSSES[self.gan_loss]
        signs = [
            tf.reduce_mean(tf.sign(real - middle) - tf.sign(fake - middle)) / 2.0
            for real, fake in scores
        ]
        self.lead.assign(_LEAD_MEMORY * self.lead + (1.0 - _LEAD_MEMORY) * tf.stack(signs))
        change = _PROBABILITY_STEP * tf.sign(tf.reduce_mean(self.lead) - _LEAD_TARGET)
        self.probability.assign(tf.clip_by_value(self.probability + change, 0.0, _MAX_PROBABILITY))
        for part, maps in zip(self.patches, _patches(seen), strict=True):
            part.remember(*tf.split(maps, 2))
        return minimised, tf.reduce_sum(each)


class PatchEnergy(keras.layers.Layer):
    """Energy distance of the distributions of feature vectors in generated and in real pictures, 0
    where they are alike (Székely and Rizzo 2013, "Energy statistics", section 2): twice the mean
    distance of both, less the mean distance within each. Nothing is trained, so that neither few
    pictures nor many steps make it run ahead; as the distances of a picture's own patches would ask
    for variety within each picture, those of earlier pictures are remembered.

    Called with maps [N, h, w, C] of generated pictures, it returns the part of the distance that
    depends on them, a float32 scalar; 0 until enough is remembered. Vectors count in standard
    deviations of the real ones, distances in those of one channel.
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        once = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
        empty = tf.zeros([_REMEMBERED, channels])
        self.real = tf.Variable(empty, name="real", **once)
        self.generated = tf.Variable(empty, name="generated", **once)
        self.count = tf.Variable(tf.zeros([], tf.int64), name="count", **once)

    def call(self, maps):
        deviation = tf.math.reduce_std(self.real, 0) + 1e-3
        vectors, real, generated = (
            each / deviation for each in (self._vectors(maps), self.real, self.generated)
        )
        energy = 2.0 * (_mean_distance(vectors, real) - _mean_distance(vectors, generated))
        return tf.where(self.count >= _REMEMBERED, energy, 0.0)

    def remember(self, real, generated):
        """Maps [N, h, w, C] of as many real and generated pictures; all replicas' are remembered."""
        context = tf.distribute.get_replica_context()
        new = tf.concat([self._vectors(real), self._vectors(generated)], 1)
        new = tf.split(context.all_gather(tf.stop_gradient(new), 0), 2, axis=1)
        for variable, vectors in zip((self.real, self.generated), new, strict=True):
            variable.assign(tf.concat([vectors, variable], 0)[:_REMEMBERED])
        self.count.assign_add(tf.cast(tf.shape(new[0])[0], tf.int64))

    @staticmethod
    def _vectors(maps):
        """On a grid, which the pictures' own random places make as good as a draw."""
        apart = max(maps.shape[1] // _SIDE, 1)
        taken = maps[:, apart // 2 :: apart, apart // 2 :: apart]
        return tf.cast(tf.reshape(taken, [-1, maps.shape[-1]]), tf.float32)


def _patches(seen) -> list:
    whole, half, strokes = seen
    return [*whole, *half[:-1], *strokes]


def _mean_distance(a, b):
    squared = tf.reduce_sum(a * a, 1)[:, None] + tf.reduce_sum(b * b, 1) - 2.0 * a @ tf.transpose(b)
    # The square root's slope at 0 is infinite.
    return tf.reduce_mean(tf.sqrt(tf.maximum(squared / a.shape[1], 1e-3)))


@keras.saving.register_keras_serializable(package="tf_i2i")
class SpectralConv2D(keras.layers.Layer):
    """A 'same' convolution whose kernel is divided by its largest singular value (Miyato et al. 2018,
    "Spectral Normalization for Generative Adversarial Networks", algorithm 1), [N, H, W, C] to
    [N, H, W, filters]. keras.layers.SpectralNormalization overwrites the kernel at each call, which
    two calls per step, and several replicas, can't share.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size = filters, kernel_size

    def build(self, input_shape):
        sides = (self.kernel_size, self.kernel_size)
        self.kernel = self.add_weight(
            name="kernel", shape=(*sides, input_shape[-1], self.filters), initializer="he_normal"
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        # Not by add_weight, whose aggregation Keras 2 and 3 name differently. Keras 3 may build within
        # a graph.
        with tf.init_scope():
            self.left = tf.Variable(
                keras.initializers.RandomNormal(0.0, 1.0)((1, self.filters)),
                trainable=False,
                name="left",
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        self.built = True

    def call(self, inputs, training=False):
        kernel = tf.cast(self.kernel, tf.float32)
        flat = tf.reshape(kernel, [-1, self.filters])
        left = tf.cast(self.left, tf.float32)
        right = tf.stop_gradient(tf.math.l2_normalize(left @ tf.transpose(flat)))
        left = tf.stop_gradient(tf.math.l2_normalize(right @ flat))
        if training:
            self.left.assign(left)
        sigma = tf.reduce_sum((right @ flat) * left)
        kernel = tf.cast(kernel / sigma, inputs.dtype)
        outputs = tf.nn.conv2d(inputs, kernel, 1, "SAME")
        return tf.nn.bias_add(outputs, tf.cast(self.bias, inputs.dtype))

    def get_config(self):
        config = {"filters": self.filters, "kernel_size": self.kernel_size}
        return {**super().get_config(), **config}


def draw_augmentation(count: int, probability, seed):
    """Random parameters for `count` pictures, float32 [count, 5] in [-1, 1]; those of color are 0
    but with `probability` (float scalar). As long as most pictures show their true colors, the
    generator does not learn the changed ones (Karras et al. 2020, section 2.2).

    seed: int32 [2]. In a replica: this replica's share of what one device would draw.
    """
    random = 2.0 * replica_share([count, 6], tf.random.stateless_uniform, seed) - 1.0
    colored = tf.cast(random[:, 5:] < 2.0 * probability - 1.0, tf.float32)
    return tf.concat([random[:, :3] * colored, random[:, 3:5]], axis=1)


def replica_share(shape, draw, seed):
    """This replica's share, float32 `shape`, of what one device would draw for the whole batch by
    draw(shape, seed).
    """
    context = tf.distribute.get_replica_context()
    first = context.replica_id_in_sync_group * shape[0]
    whole = draw([shape[0] * context.num_replicas_in_sync, *shape[1:]], seed)
    return whole[first : first + shape[0]]


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
