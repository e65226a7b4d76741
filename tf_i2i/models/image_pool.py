"""The history of generated images that a discriminator is trained on."""

import tensorflow as tf


class ImagePool(tf.Module):
    """Keeps up to `size` generated images (Shrivastava et al. 2017, section 2.3; Zhu et al. 2017,
    section 4).

    While the pool fills, each image is stored and returned unchanged. Then each is exchanged, with
    probability 0.5, for a random stored one. Replicas gather each other's images, so that all of
    them keep the pool that a single device with the whole batch would have.

    Args:
        size: images kept; 0 returns all images unchanged.
        image_shape: (height, width, channels).
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int], name: str = "image_pool"):
        super().__init__(name=name)
        self.size = size
        local = {
            "trainable": False,
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
        }
        self.images = tf.Variable(tf.zeros((max(size, 1), *image_shape)), name="images", **local)
        self.count = tf.Variable(0, dtype=tf.int64, name="count", **local)

    def swap(self, images, seed):
        """Exchange the replica's share of a batch: [N, H, W, C] of known N to the same, without
        gradient. seed: int32 [2], different in every step, the same on all replicas.
        """
        images = tf.stop_gradient(tf.cast(images, tf.float32))
        if self.size == 0:
            return images
        context, share = tf.distribute.get_replica_context(), images.shape[0]
        if context is None or context.num_replicas_in_sync == 1:
            return self._swap_all(images, share, seed)
        gathered, count = context.all_gather(images, axis=0), share * context.num_replicas_in_sync
        swapped = self._swap_all(gathered, count, seed, in_place=False)
        start = tf.cast(context.replica_id_in_sync_group, tf.int32) * share
        return tf.ensure_shape(swapped[start : start + share], images.shape)

    def _swap_all(self, images, count: int, seed, in_place: bool = True):
        """in_place: write by index, which is fast, but not possible with several replicas."""
        coins = tf.random.stateless_uniform([count], tf.stack([seed[0], seed[1]])) < 0.5
        places = tf.random.stateless_uniform(
            [count], tf.stack([seed[1], seed[0]]), maxval=self.size, dtype=tf.int64
        )
        stored = self.images if in_place else self.images.read_value()
        before, swapped = tf.identity(self.count), []
        for i in range(count):
            filled = tf.minimum(before + i, self.size)
            growing = filled < self.size
            place = tf.where(growing, filled, places[i])
            old = tf.gather(stored, place)
            new = tf.where(growing | coins[i], images[i], old)
            if in_place:
                stored.scatter_update(tf.IndexedSlices(new, place))
            else:
                stored = tf.tensor_scatter_nd_update(stored, [[place]], [new])
            swapped.append(tf.where(coins[i] & ~growing, old, images[i]))
        if not in_place:
            self.images.assign(stored)
        self.count.assign(tf.minimum(before + count, self.size))
        return tf.stack(swapped)
