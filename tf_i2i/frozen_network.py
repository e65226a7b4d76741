"""A user's network out of a file, Keras model or SavedModel, in inference mode: a differentiable
function of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tf_i2i.errors import UserError, one_line


@dataclass(frozen=True)
class FrozenNetwork:
    """`call(float32 [N, h, w, 3])` to its first output, float32. It holds its weights but is no
    Keras layer.

    size: height and width that it takes, None where it takes any.
    dtype: of the pictures that it takes.
    owner: what holds the weights; a SavedModel's function alone does not keep them.
    """

    call: Callable
    size: tuple[int, int] | None
    dtype: tf.DType
    owner: object

    def __call__(self, batch):
        return tf.cast(self.call(tf.cast(batch, self.dtype)), tf.float32)


def load_network(path: Path, option: str) -> FrozenNetwork:
    """The network in a Keras file (.keras, .h5) or a SavedModel's folder, which takes one batch of
    RGB pictures.

    Raises:
        UserError: it can't be loaded or takes something else.
    """
    try:
        call, shape, dtype, owner = _saved_model(path) if path.is_dir() else _keras_model(path)
    except (
        Exception
    ) as error:  # Keras and TensorFlow raise nearly every type on files that are none of theirs
        reason = one_line((str(error) or type(error).__name__).splitlines()[0])
        raise UserError(
            f"{option} {one_line(path)}: can't be loaded ({reason}); is it a complete model?"
        ) from error
    if len(shape) != 4 or shape[3] not in (3, None):
        raise UserError(
            f"{option} {one_line(path)}: takes {list(shape)}, not pictures [count, height, width, 3]"
        )
    return FrozenNetwork(call, None if None in shape[1:3] else tuple(shape[1:3]), dtype, owner)


def _saved_model(path: Path):
    network = tf.saved_model.load(str(path))
    function = network.signatures["serving_default"]
    (name, spec), *more = function.structured_input_signature[1].items()
    if more:
        raise ValueError("it takes more than one input")
    shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
    return (
        (lambda batch: next(iter(function(**{name: batch}).values()))),
        shape,
        spec.dtype,
        network,
    )


def _keras_model(path: Path):
    model = tf.keras.models.load_model(path, compile=False)
    model.trainable = False
    return (lambda batch: model(batch, training=False)), model.input_shape, tf.float32, model


def require_differentiable(network: FrozenNetwork, path: Path, option: str) -> None:
    """Raises UserError for a network of integer pictures: nothing could be learnt through it."""
    if not network.dtype.is_floating:
        raise UserError(
            f"{option} {one_line(path)}: takes {network.dtype.name} pictures; name a network that takes floats"
        )
