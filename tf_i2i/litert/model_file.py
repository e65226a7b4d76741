"""What a .tflite file holds: operations, cost, tensors, and the facts that our exporter packs
into it.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tf_i2i.errors import UserError, one_line

MODEL_FACTS = "model.json"


_IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class ModelSummary:
    """The graph of a .tflite file, read without running it.

    Attributes:
        ops: operation name to how often it occurs; custom operations by their own name.
        macs: multiply-accumulate operations of one inference.
        arithmetic: what most of them are done in by their weights: "int8" (also where only the
            weights are stored so, since activations are then quantised on the way), "float32", or
            None for a network without any.
        input_shape, output_shape: of the first input and output; -1 where the size is open.
    """

    ops: dict[str, int]
    macs: int
    arithmetic: str | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


def read_bytes(path: str | os.PathLike) -> bytes:
    """A .tflite file's bytes.

    Raises:
        UserError: it can't be read, or it is no .tflite file by its identifier. A file that passes
            may still be
            damaged: `tf_i2i.litert.model_worker.check` runs it where a crash does no harm.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"{one_line(path)}: can't be read ({error.strerror}); name a .tflite file"
        ) from error
    if data[4:8] != _IDENTIFIER:
        raise UserError(f"{one_line(path)}: not a .tflite file; name one that export.tflite wrote")
    return data


def summarize(data: bytes) -> ModelSummary:
    """Reads the first subgraph of a valid .tflite file."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    ops, macs = Counter(), Counter()
    for operator in graph.operators:
        name = operator_name(model.operatorCodes[operator.opcodeIndex])
        ops[name] += 1
        cost = _operation_macs(name, operator, graph.tensors)
        if cost:
            whole = graph.tensors[operator.inputs[1]].type in (
                schema.TensorType.INT8,
                schema.TensorType.UINT8,
            )
            macs["int8" if whole else "float32"] += cost
    return ModelSummary(
        ops=dict(sorted(ops.items())),
        macs=macs.total(),
        arithmetic=max(macs, key=macs.get, default=None),
        input_shape=_shape(graph.tensors[graph.inputs[0]]),
        output_shape=_shape(graph.tensors[graph.outputs[0]]),
    )


def operator_name(code) -> str:
    """The name of an entry of a model's operatorCodes (OperatorCodeT); of a custom operation its
    own.
    """
    from ai_edge_litert import schema_py_generated as schema

    # Codes up to 126 stand in the old field too; 127 there means: see the new one.
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    if builtin == schema.BuiltinOperator.CUSTOM:
        return (code.customCode or b"").decode("utf-8", "backslashreplace")
    return next(
        (name for name, value in vars(schema.BuiltinOperator).items() if value == builtin),
        str(builtin),
    )


def read_facts(data: bytes) -> dict | None:
    """model.json that our exporter packed into the file (see export.conversion.metadata), or None for a file
    without it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            facts = json.loads(archive.read(MODEL_FACTS))
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        NotImplementedError,
        OSError,
        EOFError,
        RuntimeError,
    ):
        return None
    except Exception:  # zlib and struct raise types of their own on damaged archives
        return None
    return facts if isinstance(facts, dict) else None


def _shape(tensor) -> tuple[int, ...]:
    signature = tensor.shapeSignature
    shape = tensor.shape if signature is None or len(signature) == 0 else signature
    return tuple(int(side) for side in (shape if shape is not None else ()))


def _operation_macs(name: str, operator, tensors) -> int:
    """Multiply-accumulates of one operation; weights are [out, h, w, in], depthwise [1, h, w,
    channels].
    """
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"):
        return 0
    if any(
        tensors[place].shape is None or len(tensors[place].shape) == 0
        for place in (operator.inputs[1], operator.outputs[0])
    ):
        return 0  # a shape that only a run decides
    weights = _size(tensors[operator.inputs[1]])
    if name == "TRANSPOSE_CONV":
        # Its kernel is spent on each input pixel, that of the others on each output pixel.
        source = tensors[operator.inputs[2]]
        return weights * _size(source) // max(1, int(source.shape[-1]))
    result = tensors[operator.outputs[0]]
    return weights * _size(result) // max(1, int(result.shape[-1]))


def _size(tensor) -> int:
    return math.prod(int(side) for side in tensor.shape)
