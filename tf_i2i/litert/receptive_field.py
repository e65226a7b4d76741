"""What a .tflite network of convolutions sees and needs, by its own graph: reach around a block,
memory a pixel.
"""

from __future__ import annotations

import math
from fractions import Fraction

_POINTWISE = {
    "ADD",
    "SUB",
    "MUL",
    "CONCATENATION",
    "TANH",
    "LOGISTIC",
    "RELU",
    "RELU6",
    "PRELU",
    "LEAKY_RELU",
    "HARD_SWISH",
    "QUANTIZE",
    "DEQUANTIZE",
    "MINIMUM",
    "MAXIMUM",
}


_RESIZES = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}


_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}


_POINTER = 8


def block_reach(data: bytes, stride: int) -> int | None:
    """Pixels outside an aligned block of output that can change it, on its worse side.

    The halo in a file's facts holds for every pixel, wherever it lies on the network's grid. A
    block that begins and ends on multiples of `stride` knows where its border pixels lie, and sees
    less.

    Args:
        data: a valid file; its input's sides are multiples of `stride`.
        stride: the network repeats itself when its input moves by this.

    Returns:
        The reach, or None where the graph holds an operation that this does not know.
    """
    graph, names = _graph(data)
    # Of each tensor the first and last row (and column) that the block [0, stride) depends on.
    needed = {graph.outputs[0]: ((0, stride - 1), (0, stride - 1))}
    for operator, name in reversed(list(zip(graph.operators, names, strict=True))):
        spans = [needed[number] for number in operator.outputs if number in needed]
        if not spans:
            continue
        seen = [_seen(name, operator, graph.tensors, axis, spans[0][axis]) for axis in (0, 1)]
        if None in seen:
            return None
        for number in operator.inputs if name in _POINTWISE else operator.inputs[:1]:
            old = needed.get(number, seen)
            needed[number] = tuple(
                (min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(old, seen, strict=True)
            )
    ends = needed.get(graph.inputs[0])
    return ends and max(max(-low, high - stride + 1) for low, high in ends)


def bytes_per_pixel(data: bytes) -> float:
    """About the memory that XNNPACK takes for a pixel of input: maps, and the pointers by which it
    finds their pixels.

    For convolutions wider than one pixel it keeps, for each output pixel, a pointer to each input
    pixel under the kernel; of an int8 network these are the larger part by far.
    """
    graph, names = _graph(data)
    pixels = math.prod(int(side) for side in graph.tensors[graph.inputs[0]].shape[1:3])
    pointers, maps = 0, []
    for operator, name in zip(graph.operators, names, strict=True):
        result = graph.tensors[operator.outputs[0]]
        if result.shape is None or len(result.shape) != 4:
            continue
        kernel = (
            [int(side) for side in graph.tensors[operator.inputs[1]].shape[1:3]]
            if name in _CONVOLUTIONS
            else []
        )
        places = (
            math.prod(kernel) if kernel and math.prod(kernel) > 1 else 4 if name in _RESIZES else 0
        )
        pointers += places * _POINTER * math.prod(int(side) for side in result.shape[1:3])
        maps.append(math.prod(int(side) for side in result.shape) * _WIDTHS.get(result.type, 4))
    # Three maps live at once at the widest place of a network with a skip.
    return (pointers + sum(sorted(maps)[-3:])) / pixels


_WIDTHS = {
    1: 2,
    3: 1,
    7: 2,
    9: 1,
}  # of the schema's FLOAT16, UINT8, INT16 and INT8; the others count as 4 bytes


def _graph(data: bytes):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    names = {
        code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
    }
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    graph = model.subgraphs[0]
    return graph, [names.get(codes[operator.opcodeIndex]) for operator in graph.operators]


def _seen(name: str, operator, tensors, axis: int, span: tuple[int, int]) -> tuple[int, int] | None:
    """First and last input row (axis 0) or column (axis 1) behind `span` of the output."""
    low, high = span
    options = operator.builtinOptions
    if name in _POINTWISE:
        return span
    shapes = [
        tensors[n].shape
        for n in (*operator.inputs[: 2 if name in _CONVOLUTIONS else 1], operator.outputs[0])
    ]
    if any(shape is None or len(shape) != 4 for shape in shapes):
        return None
    before, after = int(shapes[0][1 + axis]), int(shapes[-1][1 + axis])
    if name in _CONVOLUTIONS:
        step = (options.strideH, options.strideW)[axis]
        spread = (options.dilationHFactor, options.dilationWFactor)[axis]
        kernel = (int(shapes[1][1 + axis]) - 1) * spread + 1
        if options.padding != 0 or before != after * step:  # 0 is SAME
            return None
        pad = max(0, kernel - step) // 2
        return low * step - pad, high * step - pad + kernel - 1
    if name in _RESIZES and not options.alignCorners:
        scale, half = Fraction(before, after), Fraction(1, 2) if options.halfPixelCenters else 0
        # Nearest takes one of the two pixels that bilinear mixes.
        return math.floor((low + half) * scale - half), math.floor((high + half) * scale - half) + 1
    return None
