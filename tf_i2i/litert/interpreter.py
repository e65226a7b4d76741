"""Runs an image-to-image .tflite file by LiteRT on the CPU, whatever its number type."""

from __future__ import annotations

import numpy as np

from tf_i2i.console import quiet_native_output
from tf_i2i.data.pixels import to_float, to_uint8


class LiteModel:
    """An image network in LiteRT with XNNPACK.

    Args:
        data: bytes of a .tflite file that is known to load; a damaged one can crash the process
            (see model_worker).
        threads: of the CPU.

    Attributes:
        size: height of the input (exported files are square; `model_resizing` makes others).
        input_dtype, output_dtype: numpy types at the file's border, e.g. float32 or uint8.
    """

    def __init__(self, data: bytes, threads: int = 1):
        from ai_edge_litert.interpreter import Interpreter

        with quiet_native_output():
            self._interpreter = Interpreter(model_content=data, num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.size = int(self._input["shape"][1])
        self.input_dtype, self.output_dtype = (
            np.dtype(self._input["dtype"]),
            np.dtype(self._output["dtype"]),
        )

    def run(self, image: np.ndarray) -> np.ndarray:
        """uint8 RGB [H, W, 3] of the input's size to what the file returns: uint8 RGB or float32
        RGB in [-1, 1], same shape.
        """
        value = image if self.input_dtype == np.uint8 else to_float(image)
        self._interpreter.set_tensor(self._input["index"], value[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])[0]

    def run_float(self, image: np.ndarray) -> np.ndarray:
        """uint8 RGB [H, W, 3] of the input's size to float32 RGB in [-1, 1]."""
        result = self.run(image)
        return to_float(result) if result.dtype == np.uint8 else result

    def run_uint8(self, image: np.ndarray) -> np.ndarray:
        """uint8 RGB [H, W, 3] of the input's size to uint8 RGB."""
        result = self.run(image)
        return result if result.dtype == np.uint8 else to_uint8(result)
