"""A network's weights in a .weights.h5 file, in the layout of Keras 2 with both Keras 2 and Keras 3."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

import h5py
import keras

from tf_i2i.models.tracking import KERAS_3


def save_weights(network: keras.Model, path: str | os.PathLike) -> None:
    if not KERAS_3:
        network.save_weights(path)
        return
    with h5py.File(path, "w") as file:
        for place, variable in _places(network):
            file[place] = variable.numpy()


def load_weights(network: keras.Model, path: str | os.PathLike) -> None:
    """Raises OSError, KeyError or ValueError when the file has no weights of such a network."""
    if not KERAS_3:
        network.load_weights(path)
        return
    with h5py.File(path) as file:
        for place, variable in _places(network):
            variable.assign(file[place][()])


def _places(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    """Keras 2 goes through a model's attributes from Z to A. When it comes to `layers`, those that it
    has not met, in lists too, are counted by class.
    """
    named = {
        id(x): n for n, x in vars(network).items() if isinstance(x, keras.Layer) and n > "layers"
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


def _layers(value) -> Iterator[keras.Layer]:
    """Of a model's attributes, in their order; Keras's own lists repeat them."""
    if isinstance(value, keras.Layer):
        yield value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            if not str(name).startswith("_"):
                yield from _layers(item)


def _places_in(layer: keras.Layer, prefix: str) -> Iterator[tuple[str, keras.Variable]]:
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    for number, variable in enumerate(own):
        yield f"{prefix}/vars/{number}", variable
    for name, child in vars(layer).items():
        if isinstance(child, keras.Layer):
            yield from _places_in(child, f"{prefix}/{name}")
