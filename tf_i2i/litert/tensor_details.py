"""What LiteRT tells of a network's inputs and outputs, and values that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def border_facts(inputs: Sequence[Mapping], outputs: Sequence[Mapping]) -> dict:
    """input_shape, output_shape (lists), input_dtype, output_dtype (names) of the first of each;
    inputs, outputs (counts).

    Args:
        inputs, outputs: details with "shape" and "dtype", as an interpreter or its buffers give
            them.
    """
    return {
        "input_shape": [int(side) for side in inputs[0]["shape"]],
        "output_shape": [int(side) for side in outputs[0]["shape"]],
        "input_dtype": np.dtype(inputs[0]["dtype"]).name,
        "output_dtype": np.dtype(outputs[0]["dtype"]).name,
        "inputs": len(inputs),
        "outputs": len(outputs),
    }


def noise(details: Mapping) -> np.ndarray:
    """The same random numbers each time for this tensor: floats in [-1, 1], integers over their
    whole range.
    """
    random, dtype, shape = (
        np.random.default_rng(0),
        np.dtype(details["dtype"]),
        [int(n) for n in details["shape"]],
    )
    if dtype.kind == "f":
        return random.uniform(-1, 1, shape).astype(dtype)
    limits = np.iinfo(dtype if dtype.kind in "iu" else np.uint8)
    return random.integers(limits.min, limits.max, shape, np.int64, endpoint=True).astype(dtype)
