"""Holds int8 files of one student against each other, by quantiser: python -m benchmarks.quantizers
--run RUN

Needs ai-edge-quantizer beside the project's packages: pip install ai-edge-quantizer==0.10.0
"""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from pathlib import Path

from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError

OURS, PLAIN, EDGE = (
    "TensorFlow, ranges tried out (ours)",
    "TensorFlow, ranges as seen",
    "ai-edge-quantizer",
)
_HELD_OUT = 32


@dataclasses.dataclass(frozen=True)
class QuantizersOptions:
    """What is compared."""

    run: str | None = option(
        None, "run folder; the newest under runs/ with a checkpoint when left out", metavar="RUN"
    )
    direction: str = option("ab", "which translation", choices=("ab", "ba"))
    size: int = option(256, "side of the pictures", unit="pixels", minimum=32)
    crops: int = option(128, "calibration crops, the same for all", minimum=1)
    threads: int = option(2, "of the CPU", minimum=1)
    repeats: int = option(10, "rounds, a block of each file in every one", minimum=1)
    block_ms: int = option(150, "a file runs at least so long in a block", unit="ms", minimum=1)
    seed: int = option(1, "of the crops")
    json: str | None = option(None, "write the results to this file as well", metavar="OUT")


def quantized_files(network, crops, size: int) -> dict[str, bytes]:
    """An int8 file by each quantiser, of the same network and crops (uint8 [N, size, size, 3])."""
    import tensorflow as tf

    from benchmarks.results import show_progress
    from export.conversion.converter import NetworkConverter
    from export.conversion.variants import RECIPES
    from tf_i2i.data.pixels import to_float

    converter, files = NetworkConverter(network, size, lambda: crops), {}
    show_progress(OURS)
    files[OURS] = converter.convert(RECIPES["int8"])
    show_progress(PLAIN)
    traced = tf.function(lambda image: network(image, training=False))
    function = traced.get_concrete_function(
        tf.TensorSpec([1, size, size, 3], tf.float32, name="image")
    )
    plain = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    plain.optimizations = [tf.lite.Optimize.DEFAULT]
    plain.representative_dataset = lambda: ([to_float(crop)[None]] for crop in crops)
    plain.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    plain.inference_input_type = plain.inference_output_type = tf.uint8
    files[PLAIN] = plain.convert()
    show_progress(EDGE)
    files[EDGE] = by_ai_edge_quantizer(converter.convert(RECIPES["float32"]), crops)
    return files


def by_ai_edge_quantizer(float_file: bytes, crops) -> bytes:
    """Its recipe for 8-bit weights and activations; the file's border is int8, as the quantiser has
    it.
    """
    from ai_edge_quantizer import quantizer, recipe

    from tf_i2i.data.pixels import to_float

    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "float32.tflite", Path(folder) / "int8.tflite"
        source.write_bytes(float_file)
        tool = quantizer.Quantizer(str(source))
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        ranges = tool.calibrate(
            {"serving_default": [{"image": to_float(crop)[None]} for crop in crops]}
        )
        tool.quantize(ranges).export_model(str(result))
        return result.read_bytes()


def picture_by_picture(file: bytes, images):
    """float32 [N, H, W, 3] in [-1, 1]: what the file makes of uint8 [N, H, W, 3], its border uint8
    or int8.
    """
    import numpy as np

    from tf_i2i.data.pixels import to_float
    from tf_i2i.litert.interpreter import LiteModel

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
        interpreter.set_tensor(
            entry["index"],
            np.clip(np.rint(to_float(image) / scale + zero), -128, 127).astype(np.int8)[None],
        )
        interpreter.invoke()
        scale, zero = exit_["quantization"]
        outputs.append(
            (interpreter.get_tensor(exit_["index"])[0].astype(np.float32) - zero)
            * np.float32(scale)
        )
    return np.stack(outputs)


def main(argv: list[str] | None = None) -> None:
    options = parse(
        QuantizersOptions, argv, prog="python -m benchmarks.quantizers", description=__doc__
    )
    from tf_i2i.console import silence_tensorflow

    silence_tensorflow()
    from benchmarks import results
    from benchmarks.phone_files import TimedModel
    from benchmarks.timing import OtherWork, interleave, ratio
    from export.conversion.fidelity import centre_crops, random_crops, reference_outputs
    from tf_i2i.metrics.image_metrics import psnr
    from training.runs.finished_run import load_generator, run_data
    from training.runs.run_folder import newest_run

    if importlib.util.find_spec("ai_edge_quantizer") is None:
        raise UserError("ai-edge-quantizer is not installed; pip install ai-edge-quantizer==0.10.0")
    results.check_writable(options.json)
    machine = results.machine(("tensorflow", "ai-edge-litert", "ai-edge-quantizer"))
    run = Path(options.run) if options.run else newest_run()
    network, data = (
        load_generator(run, "student", options.direction),
        run_data(run, results.show_progress),
    )
    domain = options.direction[0]
    crops = random_crops(
        getattr(data, f"train_{domain}"), options.size, options.crops, options.seed
    )
    files = quantized_files(network, crops, options.size)
    held_out = centre_crops(getattr(data, f"val_{domain}"), options.size, _HELD_OUT)
    reference = reference_outputs(network, held_out)
    found = {
        name: psnr(picture_by_picture(file, held_out), reference, peak=2)
        for name, file in files.items()
    }
    models = {name: TimedModel(file, options.threads) for name, file in files.items()}
    runners = {
        name: lambda model=model: model.run_block(options.block_ms / 1000)
        for name, model in models.items()
    }
    others = OtherWork()
    timings = interleave(runners, options.repeats, results.show_progress)
    busy = others.cores()
    print(
        f"{results.machine_line(machine)}; {options.threads} threads\n{results.other_work_line(busy)}\n"
    )
    rows = [
        (
            name,
            f"{found[name]:.1f}",
            str(ratio(timings[name], timings[OURS])),
            f"{len(file) / 1e6:.3f}",
        )
        for name, file in files.items()
    ]
    print(results.markdown_table(("quantiser", "dB to float32", "time to ours", "MB"), rows))
    results.write_results(
        options.json,
        {
            "machine": machine,
            "cores used by others": busy,
            "options": dataclasses.asdict(options),
            "timings": timings,
            "dB to float32": found,
        },
    )


if __name__ == "__main__":
    run_command(main)
