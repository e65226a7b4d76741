"""Runs an image-to-image .tflite file with LiteRT on the CPU, whatever its number type."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tf_i2i.console import quiet_native_output
from tf_i2i.data.pixels import to_float, to_uint8


def open_interpreter(threads: int = 1, **source) -> Interpreter:
    """An interpreter with allocated tensors. source: model_path=... or model_content=..."""
    with quiet_native_output():
        interpreter = Interpreter(num_threads=threads, **source)
        interpreter.allocate_tensors()
    return interpreter


class LiteModel:
    """An image network in LiteRT with XNNPACK.

    data: a .tflite file that is known to load; a damaged one can crash the process (see sandbox).
    size: height of the input (exported files are square; `model_resizing` makes others).
    input_dtype: numpy type of the input: float32 or uint8.
    """

    def __init__(self, data: bytes, threads: int = 1):
        self._interpreter = open_interpreter(threads, model_content=data)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.size = int(self._input["shape"][1])
        self.input_dtype = np.dtype(self._input["dtype"])

    def run(self, image: np.ndarray) -> np.ndarray:
        """uint8 RGB [H, W, 3] to what the file returns: uint8 RGB or float32 RGB in [-1, 1]."""
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
