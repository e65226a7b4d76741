"""The .tflite files that benchmarks.phone_model compares, and a runner that times one."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from export.conversion.converter import NetworkConverter
from export.conversion.variants import RECIPES
from tf_i2i.console import quiet_native_output
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.model_file import read_bytes
from tf_i2i.litert.model_worker import check
from tf_i2i.litert.tensor_details import noise
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.resnet_generator import ResNetGenerator

_CALIBRATION_CROPS = 16


def student_files(run: str | None, size: int) -> tuple[bytes, bytes]:
    """(int8, float32) of the run's student, or of one with random weights."""
    keras.utils.set_random_seed(1)
    if run:
        from training.runs.finished_run import FinishedRun

        student = FinishedRun(Path(run)).network("student", "ab")
    else:
        trained = MobileGenerator()
        trained(tf.zeros([1, size, size, 3]))
        student = trained.folded()
    # Ranges come out arbitrary on noise; only the speed is looked at here.
    crops = np.random.default_rng(1).integers(0, 256, (_CALIBRATION_CROPS, size, size, 3), np.uint8)
    converter = NetworkConverter(student, size, lambda: crops)
    return converter.convert(RECIPES["int8"]), converter.convert(RECIPES["float32"])


def teacher_file(size: int) -> bytes:
    """float32 of the teacher that the target names: 9 blocks, 32 channels, random weights."""
    keras.utils.set_random_seed(1)
    teacher = ResNetGenerator(blocks=9, ngf=32)
    teacher(tf.zeros([1, size, size, 3]))
    return NetworkConverter(teacher, size, lambda: np.zeros([0])).convert(RECIPES["float32"])


def peer_file(path: str) -> bytes:
    """Another's .tflite file, once it has run in a process of its own.

    Raises:
        UserError: it can't be read or run, or its first input is no picture.
    """
    if not Path(path).is_file():
        raise UserError(
            f"--peer {one_line(path)}: no such file; the public one is in margaretmz/Cartoonizer-with-TFLite on GitHub"
        )
    data, shape = read_bytes(path), check(path)["input_shape"]
    if len(shape) != 4 or not math.prod(shape):
        raise UserError(
            f"--peer {one_line(path)}: takes {shape}, not [1, height, width, channels]; name an image network"
        )
    return data


class TimedModel:
    """A .tflite file in LiteRT on the CPU, its input filled with noise once; only the inference
    itself is timed.

    Args:
        data: bytes of a valid file; its first input is an image [1, H, W, 3] of any number type.
        threads: of the CPU.

    Attributes:
        pixels: H x W.
    """

    def __init__(self, data: bytes, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        with quiet_native_output():
            self._interpreter = Interpreter(model_content=data, num_threads=threads)
            self._interpreter.allocate_tensors()
        image = self._interpreter.get_input_details()[0]
        self.pixels = int(image["shape"][1] * image["shape"][2])
        self._interpreter.set_tensor(image["index"], noise(image))

    def run_block(self, at_least: float) -> Sequence[float]:
        """Seconds of each inference of a block that lasts `at_least` seconds. The first one finds
        the caches full of another model's data and is left out."""
        self._interpreter.invoke()
        seconds, started = [], time.perf_counter()
        while not seconds or time.perf_counter() - started < at_least:
            start = time.perf_counter()
            self._interpreter.invoke()
            seconds.append(time.perf_counter() - start)
        return seconds
