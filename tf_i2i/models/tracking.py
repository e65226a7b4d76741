"""What a checkpoint holds: the same objects under the same names with Keras 2 and with Keras 3, so
that a run moves between the two.
"""

from collections.abc import Mapping

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
    elif isinstance(value, keras.Layer | keras.Optimizer | tf.Module):
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
    if (
        isinstance(value, keras.Optimizer) and value.built
    ):  # Keras 2's writes it, and wants to read it
        rate = tf.Variable(0.0, trainable=False, name="learning_rate")
        node._track_trackable(rate, "_current_learning_rate")
    return node
