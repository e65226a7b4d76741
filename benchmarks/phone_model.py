"""Times the int8 student on the CPU against its float32 form, its teacher and a public peer."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import BenchmarkOptions, Results, Target, parse_options, table
from benchmarks.timing import Ratio, Timing, interleave, ratio
from export.conversion.variants import VARIANTS
from tf_i2i.command_line import option, run_command
from tf_i2i.console import quiet_native_output, say
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.model_file import read_bytes
from tf_i2i.litert.sandbox import check
from tf_i2i.litert.sandbox_worker import noise

PEER_SOURCE = (
    "android/app/src/main/ml/whitebox_cartoon_gan_int8.tflite in the repository "
    "margaretmz/Cartoonizer-with-TFLite on GitHub"
)
INT8, FLOAT, TEACHER, PEER = "student int8", "student float32", "teacher float32", "peer int8"
_CALIBRATION_CROPS = 16


@dataclasses.dataclass(frozen=True)
class TimedModelOptions(BenchmarkOptions):
    size: int = option(256, "side of the pictures", unit="pixels", minimum=32)
    repeats: int = option(10, "rounds with one block of each model", minimum=1)
    block_ms: int = option(150, "minimum duration of a block", unit="ms", minimum=1)


@dataclasses.dataclass(frozen=True)
class PhoneOptions(TimedModelOptions):
    run: str | None = option(
        None, "run with the student; default: random weights, which are as fast", metavar="RUN"
    )
    peer: str | None = option(
        None, f"the public White-box Cartoonizer, {PEER_SOURCE}", metavar="FILE.tflite"
    )
    threads: tuple[int, ...] = option(
        (2, 1), "thread counts; targets are judged at the first", minimum=1
    )


def main(argv: list[str] | None = None) -> None:
    options = parse_options(PhoneOptions, argv, "phone_model", __doc__)
    results = Results(options.json)
    files = files_to_compare(options)
    models = {
        f"{name}, {threads} thread(s)": TimedModel(data, threads)
        for threads in options.threads
        for name, data in files.items()
    }
    results.start_timing()
    measured = interleave(models, lambda m: m.run_block(options.block_ms), options.repeats)
    tables, ratios, targets = [], [], []
    for threads in options.threads:
        suffix = f", {threads} thread(s)"
        timings = {name: measured[name + suffix] for name in files}
        pixels = {name: models[name + suffix].pixels for name in files}
        tables.append(model_table(timings, pixels, files, suffix))
        named, judged = compare(timings, pixels, len(files[INT8]))
        ratios += [(name + suffix, value) for name, value in named]
        targets = targets or judged
    results.report(options, tables, ratios, targets, timings=measured, pixels=pixels)


def files_to_compare(options: PhoneOptions) -> dict[str, bytes]:
    """Bytes of the .tflite files by name. The teacher is the one that the target names: 9 blocks, 32
    channels, random weights; so are the student's without --run.
    """
    import keras
    import tensorflow as tf

    from export.conversion.converter import NetworkConverter
    from tf_i2i.models.mobile_generator import MobileGenerator
    from tf_i2i.models.resnet_generator import ResNetGenerator
    from training.runs.finished_run import FinishedRun

    files, size = {}, options.size
    if options.peer:
        files[PEER] = peer_file(options.peer)
    else:
        say(f"without --peer the public peer is left out; download it: {PEER_SOURCE}")
    say("converting the student (int8, float32) and the teacher")
    keras.utils.set_random_seed(1)
    student, teacher = MobileGenerator(), ResNetGenerator(blocks=9, ngf=32)
    for network in (student, teacher):
        network(tf.zeros([1, size, size, 3]))
    trained = FinishedRun(options.run).network("student", "ab") if options.run else None
    student = trained or student.folded()
    # Noise gives arbitrary ranges, but only the speed counts here.
    crops = np.random.default_rng(1).integers(0, 256, (_CALIBRATION_CROPS, size, size, 3), np.uint8)
    converter = NetworkConverter(student, size, lambda: crops)
    files[INT8], files[FLOAT] = (converter.convert(VARIANTS[v]) for v in ("int8", "float32"))
    files[TEACHER] = NetworkConverter(teacher, size, lambda: crops).convert(VARIANTS["float32"])
    return files


def peer_file(path: str) -> bytes:
    """Another project's .tflite file, once it has run in a process of its own.

    Raises:
        UserError: it can't be read or run, or its first input is not a picture.
    """
    if not Path(path).is_file():
        raise UserError(f"--peer {one_line(path)}: no such file; the public one is {PEER_SOURCE}")
    data, shape = read_bytes(path), check(path)["input_shape"]
    if len(shape) != 4 or not math.prod(shape):
        expected = "[1, height, width, channels]; name an image network"
        raise UserError(f"--peer {one_line(path)}: takes {shape}, not {expected}")
    return data


class TimedModel:
    """A .tflite file in LiteRT on the CPU; its input is noise, and only the inference is timed.

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

    def run_block(self, min_ms: float) -> Sequence[float]:
        """Seconds of each inference of a block. An uncounted one first fills the caches, which have
        another model's data.
        """
        self._interpreter.invoke()
        seconds, started = [], time.perf_counter()
        while not seconds or time.perf_counter() - started < min_ms / 1000:
            start = time.perf_counter()
            self._interpreter.invoke()
            seconds.append(time.perf_counter() - start)
        return seconds


def compare(
    timings: dict[str, Timing], pixels: dict[str, int], int8_bytes: int
) -> tuple[list[tuple[str, Ratio]], list[Target]]:
    """(named ratios, targets) of one thread count."""
    teacher, float32 = (ratio(timings[name], timings[INT8]) for name in (TEACHER, FLOAT))
    ratios = [(f"{TEACHER} / {INT8}", teacher), (f"{FLOAT} / {INT8}", float32)]
    targets = [
        Target("int8 student is faster than the float32 teacher, times", teacher.value, 35),
        Target("int8 student is faster than its float32 form, times", float32.value, 2),
        Target("int8 file, MB", int8_bytes / 1e6, 0.3, at_most=True),
    ]
    if PEER in timings:
        peer = ratio(timings[INT8], timings[PEER], scale=pixels[PEER] / pixels[INT8])
        ratios.append((f"{INT8} / {PEER}, time per pixel", peer))
        claim = "int8 student's time per pixel to the peer's"
        targets.append(Target(claim, peer.value, 0.2, at_most=True))
    return ratios, targets


def model_table(timings: dict[str, Timing], pixels: dict, files: dict, suffix: str) -> str:
    rows = [
        (
            name + suffix,
            f"{pixels[name] ** 0.5:.0f} px",
            f"{1000 * timing.median:.2f}",
            f"{1000 * timing.percentile(90):.2f}",
            f"{1e6 * timing.median / pixels[name]:.4f}",
            f"{len(files[name]) / 1e6:.2f}",
        )
        for name, timing in timings.items()
    ]
    return table(("model", "side", "median ms", "p90 ms", "us per pixel", "MB"), rows)


if __name__ == "__main__":
    run_command(main)
