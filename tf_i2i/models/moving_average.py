"""Exponential moving average of weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf


class MovingAverage(tf.Module):
    """Averages a network's weights over the steps, because late GAN weights circle around a better
    point (Yazici et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training").

    Starts as the true mean and later forgets half of it every `half_life` steps: the decay of step
    t is min(0.5**(1 / half_life), t / (t + 1)).

    Args:
        network: built model whose trainable weights are averaged.
        half_life: in steps; 0 follows the weights themselves.
        statistics: also average batch normalization's moving mean and variance, which are noisy at
            a batch of 1 and belong to other weights than the averaged ones.
    """

    def __init__(self, network, half_life: float, statistics=False, name="moving_average"):
        super().__init__(name=name)
        self._statistics = statistics
        self._watched = self._averaged(network)
        self.decay = 0.5 ** (1.0 / half_life) if half_life > 0 else 0.0
        self.averages = [tf.Variable(v, trainable=False, name="average") for v in self._watched]
        self.updates = tf.Variable(0.0, trainable=False, name="updates")

    @property
    def watched(self) -> list:
        """The network's weights in the order of `averages`."""
        return self._watched

    def update(self):
        """Include the current weights. Call once per step, in replica or cross-replica context."""
        decay = tf.minimum(self.decay, self.updates / (self.updates + 1.0))
        for average, weight in zip(self.averages, self._watched, strict=True):
            average.assign(decay * average + (1.0 - decay) * tf.cast(weight, average.dtype))
        self.updates.assign_add(1.0)

    def copy_to(self, network):
        """Write the averages into a network of the same shape."""
        _assign(self._averaged(network), self.averages)

    @contextmanager
    def applied(self):
        """Give the watched network the averaged weights inside the block."""
        trained = [tf.identity(v) for v in self._watched]
        _assign(self._watched, self.averages)
        try:
            yield
        finally:
            _assign(self._watched, trained)

    def _averaged(self, network):
        return _all_weights(network) if self._statistics else network.trainable_variables


def _all_weights(network) -> list:
    """In the order of Keras 2's `weights`, with Keras 3 too, as checkpoints count them: attribute by
    attribute, and what is trained first, of a list of layers as well.
    """
    if keras.__version__.startswith("2."):
        return network.weights
    weights = {}
    for name, value in vars(network).items():
        layers = [] if name.startswith("_") else list(_layers(value))
        for kind in ("trainable_weights", "non_trainable_weights"):
            weights |= {id(v): v for layer in layers for v in getattr(layer, kind)}
    return list(weights.values())


def _layers(value) -> Iterator:
    if isinstance(value, keras.layers.Layer):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _layers(part)


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
