"""Compares int8 files of one student made by different quantizers.

Needs ai-edge-quantizer beside the project's packages: pip install ai-edge-quantizer==0.10.0
"""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.phone_model import TimedModel, TimedModelOptions
from benchmarks.results import Results, parse_options, table
from benchmarks.timing import interleave, ratio
from export.conversion.fidelity import centre_crops, random_crops, reference_outputs
from export.conversion.variants import VARIANTS
from tf_i2i.command_line import option, run_command
from tf_i2i.console import say
from tf_i2i.data.pixels import to_float
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import psnr

OURS, PLAIN = "TensorFlow, ranges optimized (ours)", "TensorFlow, ranges as observed"
EDGE = "ai-edge-quantizer"
_HELD_OUT = 32


@dataclasses.dataclass(frozen=True)
class QuantizersOptions(TimedModelOptions):
    run: str | None = option(
        None, "run folder; default the newest under runs/ with a checkpoint", metavar="RUN"
    )
    direction: str = option("ab", "which translation", choices=("ab", "ba"))
    crops: int = option(128, "calibration crops, the same for all", minimum=1)
    threads: int = option(2, "of the CPU", minimum=1)
    seed: int = option(1, "of the crops")


def main(argv: list[str] | None = None) -> None:
    options = parse_options(QuantizersOptions, argv, "quantizers", __doc__)
    results = Results(options.json)
    if importlib.util.find_spec("ai_edge_quantizer") is None:
        raise UserError("ai-edge-quantizer is not installed; pip install ai-edge-quantizer==0.10.0")
    from training.runs.finished_run import FinishedRun

    run = FinishedRun(options.run)
    network, data = run.network("student", options.direction), run.data(say)
    training, validation = (
        getattr(data, f"{part}_{options.direction[0]}") for part in ("train", "val")
    )
    crops = random_crops(training, options.size, options.crops, options.seed)
    files = quantized_files(network, crops, options.size)
    held_out = centre_crops(validation, options.size, _HELD_OUT)
    reference = reference_outputs(network, held_out)
    psnr_db = {
        name: psnr(run_float(file, held_out), reference, peak=2) for name, file in files.items()
    }
    models = {name: TimedModel(file, options.threads) for name, file in files.items()}
    results.start_timing()
    timings = interleave(models, lambda m: m.run_block(options.block_ms), options.repeats)
    rows = [
        (
            name,
            f"{psnr_db[name]:.1f}",
            ratio(timings[name], timings[OURS]),
            f"{len(file) / 1e6:.3f}",
        )
        for name, file in files.items()
    ]
    scores = table(("quantizer", "dB to float32", "time to ours", "MB"), rows)
    results.report(options, [scores], timings=timings, psnr_db=psnr_db)


def quantized_files(network, crops: np.ndarray, size: int) -> dict[str, bytes]:
    """An int8 file by each quantizer, of the same network and crops (uint8 [N, size, size, 3])."""
    from export.conversion.converter import NetworkConverter

    say("quantizing in three ways")
    converter = NetworkConverter(network, size, lambda: crops)
    return {
        OURS: converter.convert(VARIANTS["int8"]),
        PLAIN: by_tensorflow(network, crops, size),
        EDGE: by_ai_edge_quantizer(converter.convert(VARIANTS["float32"]), crops),
    }


def by_tensorflow(network, crops: np.ndarray, size: int) -> bytes:
    """The converter's own post-training quantization."""
    import tensorflow as tf

    traced = tf.function(lambda image: network(image, training=False))
    image = tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [traced.get_concrete_function(image)], network
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([to_float(crop)[None]] for crop in crops)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


def by_ai_edge_quantizer(float_file: bytes, crops: np.ndarray) -> bytes:
    """Its recipe for 8-bit weights and activations; the file's input and output are int8."""
    from ai_edge_quantizer import quantizer, recipe

    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "float32.tflite", Path(folder) / "int8.tflite"
        source.write_bytes(float_file)
        tool = quantizer.Quantizer(str(source))
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        images = [{"image": to_float(crop)[None]} for crop in crops]
        tool.quantize(tool.calibrate({"serving_default": images})).export_model(str(result))
        return result.read_bytes()


def run_float(file: bytes, images: np.ndarray) -> np.ndarray:
    """The file's outputs for uint8 [N, H, W, 3], one by one: float32 [N, H, W, 3] in [-1, 1]. Its
    input and output are uint8 or int8.
    """
    model = LiteModel(file)
    if model.input_dtype == np.uint8:
        return np.stack([model.run_float(image) for image in images])
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    entry, exit_ = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    outputs = []
    for image in images:
        scale, zero = entry["quantization"]
        value = np.clip(np.rint(to_float(image) / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(entry["index"], value[None])
        interpreter.invoke()
        scale, zero = exit_["quantization"]
        value = interpreter.get_tensor(exit_["index"])[0].astype(np.float32)
        outputs.append((value - zero) * np.float32(scale))
    return np.stack(outputs)


if __name__ == "__main__":
    run_command(main)
