"""Full-integer quantisation by TensorFlow Lite's own quantiser, with ranges chosen better than by
minimum and maximum.
"""

from __future__ import annotations

import numpy as np

from tf_i2i.console import quiet_native_output
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import psnr

# tanh(4) is within a tenth of an 8-bit level of 1: wider inputs only make the steps in its steep
# middle coarser.
_TANH_REACH = 4.0


# A tensor of both signs, such as a sum of residual blocks, has a few far outliers. Cutting them off
# costs little and makes each of the 256 steps finer; how much to cut depends on the network and is
# tried out.
_SHRINKS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


_TRIAL_CROPS = 8


def quantize(calibrated: bytes, crops: np.ndarray, wanted: np.ndarray) -> bytes:
    """Chooses ranges and quantises to int8 inside, uint8 at the border.

    Args:
        calibrated: .tflite file in float32 with the ranges that were seen in each tensor (the
            converter's calibrate-only result).
        crops: uint8 [N, H, W, 3] calibration crops to choose by.
        wanted: float32 [N, H, W, 3] in [-1, 1], what the float network makes of them.

    Returns:
        The file that is nearest to `wanted`.
    """
    best_db, best = -1.0, b""
    for shrink in _SHRINKS:
        candidate = _quantized(_with_ranges(calibrated, shrink))
        model = LiteModel(candidate, threads=2)
        found = psnr(np.stack([model.run_float(crop) for crop in crops]), wanted, peak=2)
        if found > best_db:
            best_db, best = found, candidate
    return best


def trial_crops(crops: np.ndarray) -> np.ndarray:
    """The few calibration crops that ranges are chosen by, spread over all."""
    return crops[:: max(1, len(crops) // _TRIAL_CROPS)][:_TRIAL_CROPS]


def _quantized(calibrated: bytes) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize

    with quiet_native_output():
        return mlir_quantize(calibrated, input_data_type=tf.uint8, output_data_type=tf.uint8)


def _with_ranges(calibrated: bytes, shrink: float) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    graph = model.subgraphs[0]
    code = [operator.builtinCode for operator in model.operatorCodes]
    into_tanh = {
        op.inputs[0]
        for op in graph.operators
        if code[op.opcodeIndex] == schema.BuiltinOperator.TANH
    }
    for number in graph.inputs:
        # What an 8-bit pixel means does not hang on the pictures that were seen: cartoons may have
        # no white at all.
        graph.tensors[number].quantization.min, graph.tensors[number].quantization.max = (
            [-1.0],
            [1.0],
        )
    border = {*graph.inputs, *graph.outputs}
    for number, tensor in enumerate(graph.tensors):
        seen = tensor.quantization
        if number in border or seen is None or seen.min is None or len(seen.min) != 1:
            continue
        low, high = float(seen.min[0]), float(seen.max[0])
        if number in into_tanh:
            seen.min, seen.max = [max(low, -_TANH_REACH)], [min(high, _TANH_REACH)]
        elif low < 0:
            seen.min, seen.max = [low * shrink], [high * shrink]
    builder = flatbuffers.Builder(len(calibrated))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
