"""A .tflite file that translates pictures, looked at before anything of it is trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.model_file import read_bytes, read_facts
from tf_i2i.litert.model_worker import ModelWorker

_DTYPES = ("float32", "uint8")


# Far more than any network of ours sees; a damaged number would ask for tiles that no memory holds.
_LARGEST_HALO = 2048


# Of memory; our networks take 1 to 5 KiB a pixel. A damaged operation that takes more would, in
# tiles, take all there is.
_CHECK_BYTES, _LEAST_BYTES, _BYTES_PER_PIXEL = 2**32, 2**28, 2**14


@dataclass(frozen=True)
class ImageModel:
    """A network that has run once in a process of its own, where its graph can be resized also at
    another size.

    Attributes:
        data: the file's bytes. Input and output are [1, size, size, 3], float32 in [-1, 1] or
            uint8.
        size: pixels.
        halo: pixels around an output pixel that can change it; None where it is the whole picture,
            or not known.
        stride: the network repeats itself when its input moves by this; None where it is not known.
    """

    data: bytes
    size: int
    halo: int | None
    stride: int | None


def read_image_model(path: str | os.PathLike) -> ImageModel:
    """Reads a file and runs it where a crash does no harm.

    Raises:
        UserError: it can't be read or run, translates no pictures, or its facts can't be true.
    """
    data, shown = read_bytes(path), one_line(path)
    with ModelWorker(path, memory=_CHECK_BYTES) as worker:
        size = _side(worker.facts, shown)
        halo, stride = _facts(data, size, shown)
        worker.run()
        side = size if halo is None else size + stride
        answer = worker.run_resized(side)
        if answer["peak_bytes"] > _LEAST_BYTES + _BYTES_PER_PIXEL * side**2:
            raise UserError(
                f"{shown}: damaged, it takes {answer['peak_bytes'] // 10**6} MB for a picture of {side} pixels; "
                "export it again"
            )
        if not answer["finite"]:
            raise UserError(
                f"{shown}: damaged, it makes NaN or infinity of a picture; export it again"
            )
    return ImageModel(data, size, halo, stride)


def _side(facts: dict, shown: str) -> int:
    shape = facts["input_shape"]
    if len(shape) != 4 or shape != [1, shape[1], shape[1], 3] or facts["inputs"] != 1:
        raise UserError(
            f"{shown}: takes {_several(facts['inputs'], shape)}, not [1, size, size, 3]; "
            "name a file of export.tflite"
        )
    if facts["output_shape"] != shape or facts["outputs"] != 1:
        raise UserError(
            f"{shown}: makes {_several(facts['outputs'], facts['output_shape'])} of {shape}, no picture of "
            "the same size; name a file of export.tflite"
        )
    strange = {facts["input_dtype"], facts["output_dtype"]}.difference(_DTYPES)
    if strange:
        raise UserError(
            f"{shown}: its pixels are {min(strange)}, not float32 or uint8; name a file of export.tflite"
        )
    return shape[1]


def _several(count: int, shape: list[int]) -> str:
    return str(shape) if count == 1 else f"{count} tensors, {shape} first,"


def _facts(data: bytes, size: int, shown: str) -> tuple[int | None, int | None]:
    facts = read_facts(data) or {}
    halo, stride = facts.get("halo_px"), facts.get("stride")
    known = (halo is None or _whole(halo, 0, _LARGEST_HALO)) and (
        stride is None or _whole(stride, 1, size)
    )
    if not known or (halo is not None and (stride is None or size % stride)):
        raise UserError(
            f"{shown}: damaged, a halo of {one_line(halo)} and a stride of {one_line(stride)} can't be; "
            "export it again"
        )
    return halo, stride


def _whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
