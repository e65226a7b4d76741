"""Networks that do nothing but multiply: what they reach is this machine's peak as LiteRT can use
it.

Four 3x3 convolutions of 128 channels over 32x32 pixels, 604 million multiply-accumulates: enough
for each weight to be used a thousand times and small enough to stay in the cache. It is the peak of
XNNPACK's own kernels, not that of the processor's data sheet, and so an estimate: a shape that
suits the kernels still better may exceed it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

_SIDE, _CHANNELS, _KERNEL, _LAYERS = 32, 128, 3, 4


_SHAPE = [1, _SIDE, _SIDE, _CHANNELS]


# Of activations in int8; any scale will do, the time does not depend on the numbers.
_SCALE = 0.05


def write_peak_file(arithmetic: str, folder: Path) -> Path:
    """Writes `folder`/peak-<arithmetic>.tflite; arithmetic: "int8" or "float32"."""
    path = folder / f"peak-{arithmetic}.tflite"
    path.write_bytes(peak_model(arithmetic))
    return path


def peak_model(arithmetic: str) -> bytes:
    """The bytes of such a .tflite file, put together by hand: a converter would take seconds and
    need TensorFlow.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    network = _Network(schema, arithmetic == "int8")
    result = source = network.activations("image")
    for number in range(_LAYERS):
        result = network.convolution(result, number)
    model = network.finished(source, result)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Network:
    """Collects the tensors, buffers and operations of one graph in the object form of the schema."""

    def __init__(self, schema, whole: bool):
        self._schema, self._whole, self._random = schema, whole, np.random.default_rng(0)
        self._graph, self._model = schema.SubGraphT(), schema.ModelT()
        self._graph.tensors, self._graph.operators = [], []
        # Buffer 0 is the empty one by convention.
        self._model.buffers = [schema.BufferT()]

    def activations(self, name: str) -> int:
        kind = self._schema.TensorType.INT8 if self._whole else self._schema.TensorType.FLOAT32
        return self._tensor(name, _SHAPE, kind, None, _SCALE)

    def convolution(self, source: int, number: int) -> int:
        """Adds a convolution of stride 1 that keeps the size; returns the place of its result."""
        schema, types = self._schema, self._schema.TensorType
        shape = [_CHANNELS, _KERNEL, _KERNEL, _CHANNELS]
        spread = 1 / math.sqrt(_KERNEL * _KERNEL * _CHANNELS)
        if self._whole:
            weights, bias = (
                self._random.integers(-127, 128, shape).astype(np.int8),
                np.zeros(_CHANNELS, np.int32),
            )
            kinds, scale = (types.INT8, types.INT32), spread / 127
        else:
            weights = self._random.normal(0, spread, shape).astype(np.float32)
            bias, kinds, scale = (
                np.zeros(_CHANNELS, np.float32),
                (types.FLOAT32, types.FLOAT32),
                1.0,
            )
        inputs = [
            source,
            self._tensor(f"weights {number}", shape, kinds[0], weights, scale),
            self._tensor(f"bias {number}", [_CHANNELS], kinds[1], bias, scale * _SCALE),
        ]
        result = self.activations(f"map {number}")
        operator, options = schema.OperatorT(), schema.Conv2DOptionsT()
        options.padding, options.strideH, options.strideW = schema.Padding.SAME, 1, 1
        options.dilationHFactor = options.dilationWFactor = 1
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [result]
        operator.builtinOptionsType, operator.builtinOptions = (
            schema.BuiltinOptions.Conv2DOptions,
            options,
        )
        self._graph.operators.append(operator)
        return result

    def finished(self, source: int, result: int):
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = self._schema.BuiltinOperator.CONV_2D
        code.version = 3 if self._whole else 1
        self._graph.inputs, self._graph.outputs = [source], [result]
        self._model.version, self._model.operatorCodes, self._model.subgraphs = (
            3,
            [code],
            [self._graph],
        )
        return self._model

    def _tensor(self, name: str, shape: list[int], kind: int, data, scale: float) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), shape, kind, 0
        if data is not None:
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self._model.buffers.append(buffer)
            tensor.buffer = len(self._model.buffers) - 1
        if self._whole:
            tensor.quantization = self._schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1
