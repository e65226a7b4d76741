"""Full-integer quantisation by TensorFlow Lite, with better ranges than minimum and maximum."""

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize

from tf_i2i.console import quiet_native_output
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile
from tf_i2i.metrics.image_metrics import psnr

# tanh(4) is within a tenth of an 8-bit level of 1: wider inputs only make the levels in its steep
# middle coarser.
_MAX_TANH_INPUT = 4.0
# A tensor of both signs, such as a sum of residual blocks, has a few far outliers. To clip them
# costs little and makes each of the 256 levels finer; how much to clip depends on the network.
_SHRINKS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def quantize(calibrated: bytes, crops: np.ndarray, reference: np.ndarray) -> bytes:
    """The int8 file, with uint8 in and out, that is nearest to `reference`.

    calibrated: float32 file with the range of each tensor (the converter's calibrate-only result).
    crops: uint8 [N, H, W, 3] to choose by. reference: the float network's outputs, in [-1, 1].
    """
    best_db, best = -1.0, b""
    for shrink in _SHRINKS:
        with quiet_native_output():
            ranged = _with_ranges(calibrated, shrink)
            data = mlir_quantize(ranged, input_data_type=tf.uint8, output_data_type=tf.uint8)
        model = LiteModel(data, threads=2)
        psnr_db = psnr(np.stack([model.run_float(crop) for crop in crops]), reference, peak=2)
        if psnr_db > best_db:
            best_db, best = psnr_db, data
    return best


def _with_ranges(calibrated: bytes, shrink: float) -> bytes:
    file = ModelFile(calibrated)
    tanhs = [operation for operation in file.operations if operation.name == "TANH"]
    into_tanh = {operation.inputs[0] for operation in tanhs}
    out_of_tanh = {number for operation in tanhs for number in operation.outputs}
    # What an 8-bit pixel means must not depend on the calibration pictures (cartoons may have no
    # white at all), nor on how far a clipped sum reaches in them. The kernel of tanh sets its own.
    for number in {*file.inputs, *file.outputs} - out_of_tanh:
        ranges = file.tensors[number].quantization
        ranges.min, ranges.max = [-1.0], [1.0]
    for number, tensor in enumerate(file.tensors):
        ranges = tensor.quantization
        if ranges is None or ranges.min is None or len(ranges.min) != 1:
            continue
        if number in file.inputs or number in file.outputs:
            continue
        low, high = float(ranges.min[0]), float(ranges.max[0])
        if number in into_tanh:
            ranges.min, ranges.max = [max(low, -_MAX_TANH_INPUT)], [min(high, _MAX_TANH_INPUT)]
        elif low < 0:
            ranges.min, ranges.max = [low * shrink], [high * shrink]
    return file.to_bytes()
