"""What a .tflite network of convolutions sees and needs: receptive field and memory per pixel."""

import math
from fractions import Fraction

from tf_i2i.litert.model_file import ModelFile, Operation

_POINTWISE = {
    *("ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "CONCATENATION", "QUANTIZE", "DEQUANTIZE"),
    *("TANH", "LOGISTIC", "RELU", "RELU6", "PRELU", "LEAKY_RELU", "HARD_SWISH"),
}
_RESIZES = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D"}
_POINTER_BYTES = 8
_TYPE_BYTES = {"FLOAT16": 2, "INT16": 2, "UINT8": 1, "INT8": 1}


def block_receptive_field(file: ModelFile, stride: int) -> int | None:
    """Pixels outside an aligned block of output that can change it, on its worse side; None where
    the graph has an operation that this does not know.

    Less than the halo in a file's facts, which holds for every pixel, aligned or not. The input's
    sides are multiples of `stride`; a shift of it by `stride` shifts the output by the same.
    """
    # Of each tensor, per axis, the first and last row or column that the block [0, stride) needs.
    needed = {file.outputs[0]: ((0, stride - 1), (0, stride - 1))}
    for operation in reversed(file.operations):
        spans = [needed[number] for number in operation.outputs if number in needed]
        if not spans:
            continue
        seen = [_input_span(file, operation, axis, spans[0][axis]) for axis in (0, 1)]
        if None in seen:
            return None
        inputs = operation.inputs if operation.name in _POINTWISE else operation.inputs[:1]
        for number in inputs:
            pairs = zip(needed.get(number, seen), seen, strict=True)
            needed[number] = tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
    ends = needed.get(file.inputs[0])
    return ends and max(max(-low, high - stride + 1) for low, high in ends)


def bytes_per_pixel(file: ModelFile) -> float:
    """About the memory that XNNPACK takes per pixel of input.

    For a convolution wider than one pixel it keeps, for each output pixel, a pointer to each input
    pixel under the kernel; of an int8 network these are by far more than the feature maps.
    """
    pointers, maps = 0, []
    for operation in file.operations:
        result = operation.outputs[0]
        shape = file.shape(result)
        if len(shape) != 4:
            continue
        places = 4 if operation.name in _RESIZES else 0
        if operation.name in _CONVOLUTIONS:
            kernel = math.prod(file.shape(operation.inputs[1])[1:3])
            places = kernel if kernel > 1 else 0
        pointers += places * _POINTER_BYTES * math.prod(shape[1:3])
        maps.append(math.prod(shape) * _TYPE_BYTES.get(file.type_name(result), 4))
    # Three maps are alive at once at the widest place of a network with a skip.
    return (pointers + sum(sorted(maps)[-3:])) / math.prod(file.shape(file.inputs[0])[1:3])


def _input_span(
    file: ModelFile, operation: Operation, axis: int, span: tuple[int, int]
) -> tuple[int, int] | None:
    """First and last input row (axis 0) or column (axis 1) that `span` of the output depends on."""
    (low, high), options = span, operation.options
    if operation.name in _POINTWISE:
        return span
    is_convolution = operation.name in _CONVOLUTIONS
    numbers = (*operation.inputs[: 2 if is_convolution else 1], operation.outputs[0])
    shapes = [file.shape(number) for number in numbers]
    if any(len(shape) != 4 for shape in shapes):
        return None
    before, after = shapes[0][1 + axis], shapes[-1][1 + axis]
    if is_convolution or operation.name == "AVERAGE_POOL_2D":
        step = (options.strideH, options.strideW)[axis]
        if is_convolution:
            dilation = (options.dilationHFactor, options.dilationWFactor)[axis]
            kernel = (shapes[1][1 + axis] - 1) * dilation + 1
        else:
            kernel = (options.filterHeight, options.filterWidth)[axis]
        # 0 is SAME; without padding, cells of a pooling must cover the picture.
        if before != after * step or (options.padding != 0 and (is_convolution or kernel != step)):
            return None
        pad = max(0, kernel - step) // 2
        return low * step - pad, high * step - pad + kernel - 1
    if operation.name in _RESIZES and not options.alignCorners:
        scale, half = Fraction(before, after), Fraction(1, 2) if options.halfPixelCenters else 0
        # Nearest reads one of the two pixels that bilinear mixes.
        return math.floor((low + half) * scale - half), math.floor((high + half) * scale - half) + 1
    return None
