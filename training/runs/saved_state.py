"""What checkpoints and weight files hold: the same objects under the same names with Keras 2 and with
Keras 3, so that a run moves between the two.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import h5py
import keras
import tensorflow as tf

KERAS_3 = keras.__version__.startswith("3.")
# What Keras 3 keeps in its layers and optimizers beside their weights.
_OWN_LISTS = {"_layers", "_losses", "_metrics", "_trainable_variables", "_non_trainable_variables"}
_OWN_LISTS |= {"_variables", "_seed_generators"}


def checkpoint(**objects) -> tf.train.Checkpoint:
    """Reads and writes all variables of keras models, layers and optimizers, tf.Modules and
    tf.Variables.

    Keras 3 tracks no list of layers, and names kernels otherwise: there, the tree of objects that
    Keras 2 tracks is built of plain modules. Ask for a new one when objects have new variables.
    """
    if KERAS_3:
        nodes: dict[int, tf.Module | tf.Variable] = {}
        objects = {name: _node(value, nodes) for name, value in objects.items()}
    return tf.train.Checkpoint(**objects)


def _node(value, nodes: dict):
    """The module or variable that stands for an object of Keras; None for what holds no weights."""
    if isinstance(value, keras.Variable):
        return value.value
    if isinstance(value, tf.Variable | tf.train.Checkpoint):
        return value
    if id(value) in nodes:
        return nodes[id(value)]
    if isinstance(value, Mapping):
        children = value
    elif isinstance(value, list | tuple):
        children = {str(number): child for number, child in enumerate(value)}
    elif isinstance(value, keras.layers.Layer | keras.Optimizer | tf.Module):
        children = {
            "kernel" if name == "_kernel" else name: child
            for name, child in vars(value).items()
            if name not in _OWN_LISTS and not name.startswith(("_self_", "_tf_", "_keras"))
        }
    else:
        return None
    nodes[id(value)] = node = tf.Module()
    tracked = {str(name): _node(child, nodes) for name, child in children.items()}
    tracked = {name: child for name, child in tracked.items() if child is not None}
    if not tracked:
        nodes[id(value)] = None
        return None
    for name, child in tracked.items():
        node._track_trackable(child, name, overwrite=True)
    # Keras 2's writes it, and wants to read it.
    if isinstance(value, keras.Optimizer) and value.built:
        rate = tf.Variable(0.0, trainable=False, name="learning_rate")
        node._track_trackable(rate, "_current_learning_rate")
    return node


def save_weights(network: keras.Model, path: str | os.PathLike) -> None:
    """Writes a .weights.h5 file in the layout of Keras 2."""
    if not KERAS_3:
        network.save_weights(path)
        return
    with h5py.File(path, "w") as file:
        for place, variable in _places(network):
            file[place] = variable.numpy()


def load_weights(network: keras.Model, path: str | os.PathLike) -> None:
    """Raises OSError, KeyError or ValueError when the file has no weights of such a network."""
    with h5py.File(path) as file:
        for place, variable in _places(network):
            variable.assign(file[place][()])


def _places(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Keras 2 goes through a model's attributes from Z to A. When it comes to `layers`, those that it
    has not met, in lists too, are counted by class.
    """
    named = {
        id(x): n
        for n, x in vars(network).items()
        if isinstance(x, keras.layers.Layer) and n > "layers"
    }
    counts = Counter()
    for layer in _layers(vars(network)):
        if id(layer) in named:
            yield from _places_in(layer, named[id(layer)])
            continue
        name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        name = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
        number = f"_{counts[name]}" if counts[name] else ""
        counts[name] += 1
        yield from _places_in(layer, f"layers/{name}{number}")


def _layers(value) -> Iterator[keras.layers.Layer]:
    """Of a model's attributes, in their order; Keras's own lists repeat them."""
    if isinstance(value, keras.layers.Layer):
        yield value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            if not str(name).startswith("_"):
                yield from _layers(item)


def _places_in(layer: keras.layers.Layer, prefix: str) -> Iterator[tuple[str, keras.Variable]]:
    own = "variables" if KERAS_3 else "weights"
    own = [*getattr(layer, f"_trainable_{own}"), *getattr(layer, f"_non_trainable_{own}")]
    for number, variable in enumerate(own):
        yield f"{prefix}/vars/{number}", variable
    for name, child in vars(layer).items():
        if isinstance(child, keras.layers.Layer):
            yield from _places_in(child, f"{prefix}/{name}")
