"""From a Keras network to the bytes of a .tflite file."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from export.conversion.fidelity import reference_outputs
from export.conversion.quantizer import quantize, trial_crops
from export.conversion.variants import Recipe
from tf_i2i.console import quiet_native_output
from tf_i2i.data.pixels import to_float
from tf_i2i.errors import UserError


class NotConvertible(UserError):
    """The converter has no kernel of the wanted number type for an operation of this network."""

    exit_status = 3


class NetworkConverter:
    """Traces a network once at a fixed size and converts it by any recipe.

    Args:
        network: float32 generator, [N, H, W, 3] in [-1, 1] to the same; traced at training=False.
        size: side of the square input; the batch is 1, since delegates split graphs with open
            shapes.
        calibration: returns uint8 crops [N, size, size, 3]; called only when a recipe needs them.
    """

    def __init__(self, network, size: int, calibration: Callable[[], np.ndarray]):
        import tensorflow as tf

        self._network, self._calibration = network, calibration
        traced = tf.function(lambda image: network(image, training=False))
        self._function = traced.get_concrete_function(
            tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
        )

    def convert(self, recipe: Recipe) -> bytes:
        """The file's bytes, without metadata.

        Raises:
            NotConvertible: names the operation that stands in the way.
        """
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_concrete_functions([self._function], self._network)
        if recipe.weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if recipe.calibrated:
            crops = self._calibration()
            converter.representative_dataset = lambda: ([to_float(crop)[None]] for crop in crops)
            converter.target_spec.supported_ops = [_integer_kernels(tf, recipe)]
        # Private, but TensorFlow 2.15 is the last version that setup.cfg takes: ranges seen,
        # nothing quantised yet.
        converter._experimental_calibrate_only = recipe.activations == "int8"
        try:
            with quiet_native_output():
                converted = converter.convert()
            return self._quantized(converted) if recipe.activations == "int8" else converted
        except (
            Exception
        ) as error:  # the converter raises bare RuntimeError, ConverterError, ValueError alike
            refused = _refused_operations(error)
            if not refused:
                raise
            raise NotConvertible(
                f"{recipe.variant}: no {recipe.activations} kernel for {', '.join(refused)}; "
                "export the distilled student (--model student) or another variant"
            ) from error

    def _quantized(self, calibrated: bytes) -> bytes:
        crops = trial_crops(self._calibration())
        return quantize(calibrated, crops, reference_outputs(self._network, crops))


def _integer_kernels(tf, recipe: Recipe):
    if recipe.activations == "int16":
        return tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return tf.lite.OpsSet.TFLITE_BUILTINS_INT8


def _refused_operations(error: Exception) -> list[str]:
    """Names of TFLite operations in the converter's complaint about a missing kernel, without
    repeats.
    """
    text = f"{error}\n{getattr(error, 'native_output', '')}"
    found = re.findall(r"Quantization to 16x8-bit not yet supported for op: '?([A-Z0-9_]+)", text)
    found += re.findall(r"'tfl\.(\w+)' op .*(?:not|must be|failed)", text)
    return sorted({name.upper() for name in found})
