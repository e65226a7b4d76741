"""From a Keras network to the bytes of a .tflite file."""

import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from export.conversion.fidelity import reference_outputs
from export.conversion.quantizer import quantize
from export.conversion.variants import Variant
from tf_i2i.console import quiet_native_output
from tf_i2i.data.pixels import to_float
from tf_i2i.errors import UserError

# Of the calibration crops, to choose ranges of int8 by.
_TRIAL_CROPS = 8
_INTEGER_KERNELS = {
    "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "int16": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}


class NotConvertible(UserError):
    """The converter has no kernel of the variant's number type for an operation of this network."""

    exit_status = 3


class NetworkConverter:
    """Traces a network once at a fixed size and converts it to any variant.

    Args:
        network: float32 generator, [N, H, W, 3] in [-1, 1] to the same; traced at training=False.
        size: side of the square input; the batch is 1: delegates split graphs with open shapes.
        calibration: returns uint8 crops [N, size, size, 3]; called only when a variant needs them.
    """

    def __init__(self, network, size: int, calibration: Callable[[], np.ndarray]):
        self._network, self._calibration = network, calibration
        traced = tf.function(lambda image: network(image, training=False))
        image = tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
        self._function = traced.get_concrete_function(image)
        # Not the network: Keras 3 hides weights in lists of layers, which would be left out.
        self._weights = tf.Module()
        self._weights.variables_used = list(self._function.variables)

    def convert(self, variant: Variant) -> bytes:
        """The file's bytes, without metadata. Raises NotConvertible, naming the operation."""
        converter = tf.lite.TFLiteConverter.from_concrete_functions([self._function], self._weights)
        if variant.weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant.weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant.calibrated:
            crops = self._calibration()
            converter.representative_dataset = lambda: ([to_float(crop)[None]] for crop in crops)
            converter.target_spec.supported_ops = [_INTEGER_KERNELS[variant.activations]]
        # Private, but setup.cfg names the versions of TensorFlow: measures ranges, quantises nothing yet.
        converter._experimental_calibrate_only = variant.activations == "int8"
        try:
            with quiet_native_output():
                data = converter.convert()
            if variant.activations == "int8":
                trial = crops[:: max(1, len(crops) // _TRIAL_CROPS)][:_TRIAL_CROPS]
                data = quantize(data, trial, reference_outputs(self._network, trial))
            return data
        except Exception as error:  # the converter raises RuntimeError, ConverterError, ValueError
            operations = _refused_operations(error)
            if not operations:
                raise
            raise NotConvertible(
                f"{variant.name}: no {variant.activations} kernel for {', '.join(operations)}; "
                "export the distilled student (--model student) or another variant"
            ) from error


def _refused_operations(error: Exception) -> list[str]:
    """Names of TFLite operations in the converter's complaint about a missing kernel, each once."""
    text = f"{error}\n{getattr(error, 'native_output', '')}"
    names = re.findall(r"Quantization to 16x8-bit not yet supported for op: '?([A-Z0-9_]+)", text)
    names += re.findall(r"'tfl\.(\w+)' op .*(?:not|must be|failed)", text)
    return sorted({name.upper() for name in names})
