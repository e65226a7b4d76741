"""The history of generated images that a discriminator is trained on."""

from __future__ import annotations

import tensorflow as tf


class ImagePool(tf.Module):
    """Keeps up to `size` generated images (Shrivastava et al. 2017, section 2.3; Zhu et al. 2017,
    section 4).

    While it is not full, each image goes in and comes back unchanged. Then, for each image by
    itself, a coin
    decides: half of the time it comes back unchanged, half of the time a random stored one comes
    back and the image takes its place. State lies in tf.Variables, so that a checkpoint holds it.
    Replicas show each other their images, so that all of them hold the same pool: the one that a
    single device with the whole batch would have.

    Args:
        size: images kept; 0 hands all images through.
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
        """Exchanges a batch. images: [N, H, W, C] of known N, the replica's share; seed: int32 [2],
        another one for every step, the same on all replicas. Returns images of the same shape,
        without gradient."""
        images = tf.stop_gradient(tf.cast(images, tf.float32))
        if self.size == 0:
            return images
        context, share = tf.distribute.get_replica_context(), images.shape[0]
        if context is None or context.num_replicas_in_sync == 1:
            return self._swap_all(images, share, seed, self._InPlace(self.images))
        everyones = context.all_gather(images, axis=0)
        swapped = self._swap_all(
            everyones, share * context.num_replicas_in_sync, seed, self._Copied(self.images)
        )
        start = tf.cast(context.replica_id_in_sync_group, tf.int32) * share
        return tf.ensure_shape(swapped[start : start + share], images.shape)

    def _swap_all(self, images, count: int, seed, store):
        coins = tf.random.stateless_uniform([count], tf.stack([seed[0], seed[1]])) < 0.5
        places = tf.random.stateless_uniform(
            [count], tf.stack([seed[1], seed[0]]), maxval=self.size, dtype=tf.int64
        )
        before, swapped = tf.identity(self.count), []
        for i in range(count):
            filled = tf.minimum(before + i, self.size)
            growing = filled < self.size
            place = tf.where(growing, filled, places[i])
            old = store.read(place)
            store.write(place, tf.where(growing | coins[i], images[i], old))
            swapped.append(tf.where(coins[i] & ~growing, old, images[i]))
        store.finish()
        self.count.assign(tf.minimum(before + count, self.size))
        return tf.stack(swapped)

    class _InPlace:
        """The stored images of a single replica."""

        def __init__(self, images):
            self._images = images

        def read(self, place):
            return tf.gather(self._images, place)

        def write(self, place, image):
            self._images.scatter_update(tf.IndexedSlices(image, place))

        def finish(self):
            pass

    class _Copied(_InPlace):
        """Those of one of several replicas: such variables can't be written to by index, only as a
        whole.
        """

        def __init__(self, images):
            super().__init__(images.read_value())
            self._variable = images

        def write(self, place, image):
            self._images = tf.tensor_scatter_nd_update(self._images, [[place]], [image])

        def finish(self):
            self._variable.assign(self._images)
