"""The same convolutional network for another input size: a .tflite file has its sizes fixed inside."""

from __future__ import annotations


def resized(data: bytes, height: int, width: int | None = None) -> bytes:
    """A copy of a .tflite file (input [1, S, T, C]) whose input is [1, height, width, C]; metadata
    is dropped.

    Only for networks of local operations: every map grows in proportion, and so do the targets of
    its RESIZE operations, the one place where a graph of convolutions holds sizes as numbers.

    Args:
        data: a valid file.
        height: new height; S must divide each map's height times `height`.
        width: likewise; None makes the input square.

    Raises:
        ValueError: a map would get a side that is no whole number.
    """
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    old = tuple(int(side) for side in graph.tensors[graph.inputs[0]].shape[1:3])
    new = (height, height if width is None else width)
    if old == new:
        return data
    constant = _constants(model, graph)
    for number, tensor in enumerate(graph.tensors):
        if number not in constant and tensor.shape is not None and len(tensor.shape) == 4:
            tensor.shape = [tensor.shape[0], *_scaled(tensor.shape[1:3], new, old), tensor.shape[3]]
            tensor.shapeSignature = None
    resizes = (
        schema.BuiltinOperator.RESIZE_BILINEAR,
        schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR,
    )
    targets = {
        op.inputs[1]
        for op in graph.operators
        if model.operatorCodes[op.opcodeIndex].builtinCode in resizes
    }
    # Two operations may share a target, so each buffer is scaled once.
    for number in {graph.tensors[target].buffer for target in targets}:
        sides = np.frombuffer(bytes(model.buffers[number].data), np.int32)
        model.buffers[number].data = np.array(_scaled(sides, new, old), np.int32).view(np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _constants(model, graph) -> set[int]:
    """Numbers of the tensors that no input reaches: weights, and what is made of weights alone
    (float16 to float32).
    """
    constant = {
        n for n, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None
    }
    for operator in graph.operators:
        if all(number in constant for number in operator.inputs if number >= 0):
            constant.update(operator.outputs)
    return constant


def _scaled(sides, new: tuple[int, int], old: tuple[int, int]) -> list[int]:
    """[height, width] of a map when the input grows from `old` to `new`."""
    result = []
    for side, wanted, had in zip(sides, new, old, strict=True):
        scaled, rest = divmod(int(side) * wanted, had)
        if rest:
            raise ValueError(
                f"a map of side {side} at input {had} has no whole side at input {wanted}"
            )
        result.append(scaled)
    return result
