"""The same convolutional network at another input size: a .tflite file has fixed sizes inside."""

from collections.abc import Sequence

import numpy as np

from tf_i2i.litert.model_file import ModelFile


def resized(data: bytes, height: int, width: int | None = None) -> bytes:
    """A copy of a .tflite file (input [1, S, T, C]) whose input is [1, height, width, C], square by
    default; packed facts are dropped.

    Only for networks of local operations: every feature map grows in proportion, and so do the
    targets of RESIZE operations, the only place where a graph of convolutions has sizes as data.
    Raises ValueError where a map would get a side that is no whole number.
    """
    file = ModelFile(data)
    old, new = file.shape(file.inputs[0])[1:3], [height, width or height]
    if old == new:
        return data
    constant = _constants(file)
    for number, tensor in enumerate(file.tensors):
        shape = file.shape(number)
        if number not in constant and len(shape) == 4:
            tensor.shape = [shape[0], *_scaled(shape[1:3], new, old), shape[3]]
            tensor.shapeSignature = None
    resizes = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    targets = [operation.inputs[1] for operation in file.operations if operation.name in resizes]
    # Two operations may share a target, so each buffer is scaled once.
    for buffer in {file.tensors[target].buffer for target in targets}:
        content = file.model.buffers[buffer]
        sides = np.frombuffer(bytes(content.data), np.int32)
        content.data = np.array(_scaled(sides, new, old), np.int32).view(np.uint8)
    return file.to_bytes()


def _constants(file: ModelFile) -> set[int]:
    """Tensors that no input reaches: weights, and what is computed from weights alone."""
    buffers = file.model.buffers
    constant = {n for n, t in enumerate(file.tensors) if buffers[t.buffer].data is not None}
    for operation in file.operations:
        if all(number in constant for number in operation.inputs if number >= 0):
            constant.update(operation.outputs)
    return constant


def _scaled(sides: Sequence[int], new: Sequence[int], old: Sequence[int]) -> list[int]:
    """[height, width] of a map when the input grows from `old` to `new`."""
    result = []
    for side, new_side, old_side in zip(sides, new, old, strict=True):
        scaled, rest = divmod(int(side) * new_side, old_side)
        if rest:
            raise ValueError(f"a map of {side} at input {old_side} does not fit input {new_side}")
        result.append(scaled)
    return result
