"""MediaPipe's selfie segmentation, person against background, rebuilt from its .tflite file so that
gradients pass.

Source: the model card of the npm package @mediapipe/selfie_segmentation (Apache-2.0); the graph
itself is that of MobileNetV3 (Howard et al. 2019) with a decoder. The .tflite interpreter runs
forward only and knows not all of its operations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_i2i.pretrained.network_loading import NpmPackage

PACKAGE = NpmPackage(
    "@mediapipe/selfie_segmentation",
    "0.1.1675465747",
    4.0,
    {
        "selfie_segmentation.tflite": "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27"
    },
)


SIDE = 256


_PADDING = {0: "SAME", 1: "VALID"}


class SelfieSegmentation:
    """The network as a function: float32 RGB [N, 256, 256, 3] in [0, 1] to logits of "person" [N,
    256, 256, 1].

    The logits are what the file's last LOGISTIC takes; they are large (a hundred and more).

    path: selfie_segmentation.tflite.
    """

    def __init__(self, path: Path):
        from tensorflow.lite.python import schema_py_generated as schema

        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(Path(path).read_bytes(), 0))
        names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
        codes = [
            names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes
        ]
        graph = model.subgraphs[0]
        self._input = int(graph.inputs[0])
        self._operations = [
            (codes[operation.opcodeIndex], operation) for operation in graph.operators
        ]
        if self._operations[-1][0] != "LOGISTIC":
            raise ValueError(f"the network ends in {self._operations[-1][0]}, not in LOGISTIC")
        self._result = int(self._operations.pop()[1].inputs[0])
        self._constants = dict(_constants(model, graph))
        self._fold_dequantize()

    def _fold_dequantize(self) -> None:
        """Weights are kept as float16; here they are read once."""
        for name, operation in self._operations:
            if name == "DEQUANTIZE":
                self._constants[operation.outputs[0]] = self._constants.pop(
                    operation.inputs[0]
                ).astype(np.float32)
        self._operations = [one for one in self._operations if one[0] != "DEQUANTIZE"]

    def __call__(self, images):
        values = {self._input: images}
        for name, operation in self._operations:
            inputs = [values[i] if i in values else self._constants[i] for i in operation.inputs]
            values[operation.outputs[0]] = _OPERATIONS[name](operation.builtinOptions, *inputs)
        return values[self._result]


def _constants(model, graph):
    dtypes = {0: np.float32, 1: np.float16, 2: np.int32}
    for index, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data):
            yield (
                index,
                np.frombuffer(np.asarray(data, np.uint8).tobytes(), dtypes[tensor.type]).reshape(
                    tensor.shape
                ),
            )


def _convolution(options, x, kernel, bias):
    strides = (options.strideH, options.strideW)
    return tf.nn.conv2d(x, kernel.transpose(1, 2, 3, 0), strides, _PADDING[options.padding]) + bias


def _depthwise(options, x, kernel, bias):
    strides = (1, options.strideH, options.strideW, 1)
    return (
        tf.nn.depthwise_conv2d(x, kernel.transpose(1, 2, 3, 0), strides, _PADDING[options.padding])
        + bias
    )


def _transposed(options, x, kernel, bias):
    """MediaPipe's own Convolution2DTransposeBias, here always SAME at stride 2."""
    shape = tf.shape(x)
    size = [shape[0], 2 * shape[1], 2 * shape[2], kernel.shape[0]]
    return tf.nn.conv2d_transpose(x, kernel.transpose(1, 2, 0, 3), size, 2, "SAME") + bias


def _average_pool(options, x):
    window = (options.filterHeight, options.filterWidth)
    if window == tuple(x.shape[1:3]):
        return tf.reduce_mean(x, [1, 2], keepdims=True)
    return tf.nn.avg_pool2d(
        x, window, (options.strideH, options.strideW), _PADDING[options.padding]
    )


def _resize(options, x, size):
    if not options.halfPixelCenters or options.alignCorners:
        raise ValueError("RESIZE_BILINEAR without half-pixel centres is not in this network")
    return tf.image.resize(x, size, "bilinear")


_OPERATIONS = {
    "ADD": lambda options, a, b: a + b,
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _convolution,
    "CUSTOM": _transposed,
    "DEPTHWISE_CONV_2D": _depthwise,
    "HARD_SWISH": lambda options, x: x * tf.nn.relu6(x + 3.0) / 6.0,
    "LOGISTIC": lambda options, x: tf.sigmoid(x),
    "MUL": lambda options, a, b: a * b,
    "RELU": lambda options, x: tf.nn.relu(x),
    "RESIZE_BILINEAR": _resize,
}
