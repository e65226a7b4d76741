"""A parsed view of a .tflite file: operations, cost, and the facts that export.tflite packs in."""

import io
import json
import math
import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from tf_i2i.errors import UserError, one_line

MODEL_FACTS = "model.json"
_IDENTIFIER = b"TFL3"
_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items()}
_TYPES = {code: name for name, code in vars(schema.TensorType).items()}
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def read_bytes(path: str | os.PathLike) -> bytes:
    """A .tflite file's bytes, perhaps damaged: `tf_i2i.litert.sandbox.check` runs it safely.

    Raises UserError when it can't be read, or its identifier is not that of a .tflite file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        fix = f"can't be read ({error.strerror}); name a .tflite file"
        raise UserError(f"{one_line(path)}: {fix}") from error
    if data[4:8] != _IDENTIFIER:
        raise UserError(f"{one_line(path)}: not a .tflite file; name one that export.tflite wrote")
    return data


def read_facts(data: bytes) -> dict | None:
    """model.json of an exported file (see export.conversion.metadata); None for a file without it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            facts = json.loads(archive.read(MODEL_FACTS))
    except Exception:  # zipfile, zlib, struct and json raise many types on damaged archives
        return None
    return facts if isinstance(facts, dict) else None


@dataclass(frozen=True)
class Operation:
    """name: as in the schema, or a custom operation's own. inputs, outputs: numbers of tensors; -1
    for an absent optional one. options: the schema's table, e.g. Conv2DOptionsT, or None.
    """

    name: str
    inputs: list[int]
    outputs: list[int]
    options: object


class ModelFile:
    """The first subgraph of a .tflite file that has run in a sandbox (a damaged one may raise
    anything here), read without running it.

    model, tensors: the schema's ModelT and TensorTs; changes go into `to_bytes`. inputs, outputs:
    numbers of the graph's tensors. operations: in the order in which they run.
    """

    def __init__(self, data: bytes):
        self.model = schema.ModelT.InitFromPackedBuf(data, 0)
        graph = self.model.subgraphs[0]
        names = [_operator_name(code) for code in self.model.operatorCodes]
        self.tensors = graph.tensors
        self.inputs, self.outputs = _numbers(graph.inputs), _numbers(graph.outputs)
        self.operations = [
            Operation(names[o.opcodeIndex], *map(_numbers, (o.inputs, o.outputs)), o.builtinOptions)
            for o in graph.operators
        ]

    @property
    def ops(self) -> dict[str, int]:
        """Operation name to its count."""
        return dict(sorted(Counter(operation.name for operation in self.operations).items()))

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one inference."""
        total = 0
        for operation in self.operations:
            if operation.name not in _WITH_WEIGHTS:
                continue
            weights, pixels = self.shape(operation.inputs[1]), self.shape(operation.outputs[0])
            if operation.name == "TRANSPOSE_CONV":
                # Its kernel is applied at each input pixel, that of the others at each output pixel.
                pixels = self.shape(operation.inputs[2])
            if weights and pixels:
                total += math.prod(weights) * math.prod(pixels[:-1])
        return total

    @property
    def input_shape(self) -> list[int]:
        """Of the first input; -1 for an open side."""
        tensor = self.tensors[self.inputs[0]]
        return _numbers(tensor.shapeSignature) or _numbers(tensor.shape)

    def shape(self, number: int) -> list[int]:
        """Of a tensor; empty for a scalar and where only a run decides."""
        return _numbers(self.tensors[number].shape)

    def type_name(self, number: int) -> str:
        """Of a tensor, as the schema has it, e.g. FLOAT32."""
        return _TYPES[self.tensors[number].type]

    def to_bytes(self) -> bytes:
        """The file's bytes, without packed facts."""
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), _IDENTIFIER)
        return bytes(builder.Output())


def _operator_name(code) -> str:
    # Codes up to 126 are in the old field too; 127 there refers to the new one.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    if builtin == schema.BuiltinOperator.CUSTOM:
        return (code.customCode or b"").decode("utf-8", "backslashreplace")
    return _NAMES.get(builtin, str(builtin))


def _numbers(vector) -> list[int]:
    """A vector of the schema; an empty one where it is absent."""
    return [] if vector is None else [int(number) for number in vector]
