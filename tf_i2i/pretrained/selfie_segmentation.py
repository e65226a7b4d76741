"""MediaPipe's selfie segmentation, person against background, rebuilt from its .tflite file so that
gradients pass (the interpreter runs forward only and lacks one of its operations).

Source: the model card of the npm package @mediapipe/selfie_segmentation (Apache-2.0); the graph is
that of MobileNetV3 (Howard et al. 2019) with a decoder.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_i2i.litert.model_file import ModelFile
from tf_i2i.pretrained.npm_packages import NpmPackage, read_packed

PACKAGE = NpmPackage(
    "@mediapipe/selfie_segmentation",
    "0.1.1675465747",
    4.0,
    "7767b33eaa68990ee06c28bbb89f39a13a47ebb07ff0f1fd4947d9e817bb9bf9",
)
FILE = "selfie_segmentation.tflite"
SIDE = 256
_PADDING = {0: "SAME", 1: "VALID"}
_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}


class SelfieSegmentation:
    """The network as a function: float32 RGB [N, 256, 256, 3] in [0, 1] to logits of "person" [N,
    256, 256, 1].

    The logits are what the file's last LOGISTIC takes; they are large (a hundred and more).
    """

    def __init__(self, tarball: Path):
        file = ModelFile(read_packed(tarball, FILE))
        self._input = file.inputs[0]
        self._constants, self._operations = {}, []
        for index, tensor in enumerate(file.tensors):
            data = file.model.buffers[tensor.buffer].data
            if data is not None and len(data):
                values = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _DTYPES[tensor.type])
                self._constants[index] = values.reshape(tensor.shape)
        for operation in file.operations:
            if operation.name == "DEQUANTIZE":  # weights are stored as float16
                stored = self._constants.pop(operation.inputs[0])
                self._constants[operation.outputs[0]] = stored.astype(np.float32)
            else:
                self._operations.append(operation)
        last = self._operations.pop()
        if last.name != "LOGISTIC":
            raise ValueError(f"the network ends in {last.name}, not in LOGISTIC")
        self._result = last.inputs[0]

    def __call__(self, images):
        values = {self._input: images}
        for operation in self._operations:
            inputs = [values[i] if i in values else self._constants[i] for i in operation.inputs]
            values[operation.outputs[0]] = _OPERATIONS[operation.name](operation.options, *inputs)
        return values[self._result]


def _convolution(options, x, kernel, bias):
    strides = (options.strideH, options.strideW)
    return tf.nn.conv2d(x, kernel.transpose(1, 2, 3, 0), strides, _PADDING[options.padding]) + bias


def _depthwise(options, x, kernel, bias):
    strides, padding = (1, options.strideH, options.strideW, 1), _PADDING[options.padding]
    return tf.nn.depthwise_conv2d(x, kernel.transpose(1, 2, 3, 0), strides, padding) + bias


def _transposed(options, x, kernel, bias):
    """MediaPipe's own Convolution2DTransposeBias, here always SAME at stride 2."""
    shape = tf.shape(x)
    size = [shape[0], 2 * shape[1], 2 * shape[2], kernel.shape[0]]
    return tf.nn.conv2d_transpose(x, kernel.transpose(1, 2, 0, 3), size, 2, "SAME") + bias


def _average_pool(options, x):
    window = (options.filterHeight, options.filterWidth)
    strides = (options.strideH, options.strideW)
    if window == tuple(x.shape[1:3]):
        return tf.reduce_mean(x, [1, 2], keepdims=True)
    return tf.nn.avg_pool2d(x, window, strides, _PADDING[options.padding])


def _resize(options, x, size):
    if not options.halfPixelCenters or options.alignCorners:
        raise ValueError("RESIZE_BILINEAR without half-pixel centres is not in this network")
    return tf.image.resize(x, size, "bilinear")


_OPERATIONS = {
    "ADD": lambda options, a, b: a + b,
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _convolution,
    "Convolution2DTransposeBias": _transposed,
    "DEPTHWISE_CONV_2D": _depthwise,
    "HARD_SWISH": lambda options, x: x * tf.nn.relu6(x + 3.0) / 6.0,
    "LOGISTIC": lambda options, x: tf.sigmoid(x),
    "MUL": lambda options, a, b: a * b,
    "RELU": lambda options, x: tf.nn.relu(x),
    "RESIZE_BILINEAR": _resize,
}
