"""Pretrained feature maps at strides 4, 8 and 16, in which pictures are compared and judged. What is in
a picture rather than how it is painted shows in coarser ones.
"""

import importlib
import math
from pathlib import Path

import keras
import tensorflow as tf

from tf_i2i.errors import UserError, one_line
from tf_i2i.models.precision import float32_layers
from tf_i2i.pretrained.efficientnet_lite import efficientnet_lite0

EFFICIENTNET_LITE0 = "efficientnet-lite0"
STRIDES = (4, 8, 16)
# Large enough for networks with unpadded convolutions.
_PROBED_SIDE = 256


class FeatureSpace:
    """A network with fixed weights in float32. Not a Keras layer, so a model that holds it neither
    trains nor saves it.

    Args:
        name: for logs and records.
        network: float [N, H, W, 3] to three feature maps.
        preprocess: from RGB in [0, 255] to what the network takes.

    Attributes:
        channels: of the three maps.
    """

    def __init__(self, name: str, network: keras.Model, preprocess):
        self.name, self._network, self._preprocess = name, network, preprocess
        self.channels = tuple(int(output.shape[-1]) for output in network.outputs)

    def __call__(self, images) -> list:
        """RGB [-1, 1] [N, H, W, 3] to float32 maps [N, H / stride, W / stride, channels] for the
        strides 4, 8 and 16.
        """
        pixels = (tf.cast(images, tf.float32) + 1.0) * 127.5
        return self._network(self._preprocess(pixels), training=False)


def load_feature_space(source: str, option: str = "--features") -> FeatureSpace:
    """EfficientNet-Lite0, or NAME:WEIGHTS.h5: a network of keras.applications, such as MobileNetV2.

    Raises:
        UserError: there is no such network or file, or the weights are another network's.
    """
    with float32_layers():
        if source == EFFICIENTNET_LITE0:
            network = efficientnet_lite0()
            return FeatureSpace(source, network, lambda pixels: (pixels - 127.0) / 128.0)
        return _from_keras_applications(source, f"{option} {one_line(source)}")


def _from_keras_applications(source: str, where: str) -> FeatureSpace:
    name, _, file = source.partition(":")
    make = getattr(keras.applications, name, None)
    if not callable(make) or not file:
        raise UserError(
            f"{where}: give {EFFICIENTNET_LITE0}, or the name of a network of keras.applications "
            "and its weights, such as MobileNetV2:weights.h5"
        )
    if not Path(file).expanduser().is_file():
        raise UserError(f"{where}: no such file; fix the path of the weights")
    preprocess = importlib.import_module(make.__module__).preprocess_input
    body = make(include_top=False, weights=None, input_shape=(None, None, 3))
    # Files of Keras's own collection, which may have a classifier, are in the older format.
    by_name = {} if file.endswith(".weights.h5") else {"by_name": True}
    try:
        body.load_weights(Path(file).expanduser(), **by_name)
    except (OSError, ValueError, KeyError) as error:
        reason = one_line(str(error).splitlines()[0])
        raise UserError(f"{where}: not weights of {name} ({reason})") from error
    network = keras.Model(body.input, _outputs_by_stride(body, where), name=name.lower())
    network.trainable = False
    return FeatureSpace(name, network, preprocess)


def _outputs_by_stride(body: keras.Model, where: str) -> list:
    """The last output of each stride, before any padding for the next."""
    padding = keras.layers.ZeroPadding2D
    outputs = [layer.output for layer in body.layers if not isinstance(layer, padding)]
    probe = keras.Model(body.input, outputs)
    shapes = probe.compute_output_shape((1, _PROBED_SIDE, _PROBED_SIDE, 3))
    last = {}
    for output, shape in zip(outputs, shapes, strict=True):
        if len(shape) == 4 and shape[1]:
            last[2 ** round(math.log2(_PROBED_SIDE / shape[1]))] = output
    missing = [stride for stride in STRIDES if stride not in last]
    if missing:
        raise UserError(f"{where}: has no feature map of stride {missing[0]}; use another network")
    return [last[stride] for stride in STRIDES]
