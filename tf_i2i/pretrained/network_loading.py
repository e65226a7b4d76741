"""Pretrained networks: a user's Keras model or SavedModel as a frozen, differentiable function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from tf_i2i.errors import UserError, one_line


@dataclass(frozen=True)
class FrozenNetwork:
    """A function of float32 pictures [N, h, w, 3] to the network's first output, float32. Not a
    Keras layer, so a model that holds it neither trains nor saves it.

    Attributes:
        call: the network, for pictures of `dtype`.
        size: height and width that it takes; None: any.
        owner: what holds the weights; a SavedModel's function alone does not keep them.
    """

    call: Callable
    size: tuple[int, int] | None
    dtype: tf.DType
    owner: object

    def __call__(self, batch):
        return tf.cast(self.call(tf.cast(batch, self.dtype)), tf.float32)


def load_network(path: Path, option: str, differentiable: bool = True) -> FrozenNetwork:
    """Loads a Keras file (.keras, .h5) or a SavedModel's folder that takes one batch of RGB
    pictures.

    Args:
        option: what named the path, for messages.
        differentiable: refuse a network of integer pictures: no gradient passes through it.

    Raises:
        UserError: it can't be loaded or takes something else.
    """
    where = f"{option} {one_line(path)}"
    try:
        call, shape, dtype, owner = _saved_model(path) if path.is_dir() else _keras_model(path)
    except Exception as error:  # Keras and TensorFlow raise nearly every type on foreign files
        reason = one_line((str(error) or type(error).__name__).splitlines()[0])
        raise UserError(f"{where}: can't be loaded ({reason}); is it a complete model?") from error
    if len(shape) != 4 or shape[3] not in (3, None):
        raise UserError(f"{where}: takes {list(shape)}, not pictures [count, height, width, 3]")
    if differentiable and not dtype.is_floating:
        raise UserError(f"{where}: takes {dtype.name} pictures; name a network that takes floats")
    return FrozenNetwork(call, None if None in shape[1:3] else tuple(shape[1:3]), dtype, owner)


def _saved_model(path: Path):
    network = tf.saved_model.load(str(path))
    function = network.signatures["serving_default"]
    (name, spec), *more = function.structured_input_signature[1].items()
    if more:
        raise ValueError("it takes more than one input")
    shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
    return lambda batch: next(iter(function(**{name: batch}).values())), shape, spec.dtype, network


def _keras_model(path: Path):
    model = tf.keras.models.load_model(path, compile=False)
    model.trainable = False
    return lambda batch: model(batch, training=False), model.input_shape, tf.float32, model
