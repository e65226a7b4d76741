"""Writes the small models that the app's tests run: they invert a picture's colours, and are
exported as real ones are.

python android_demo/test_vectors/make_test_models.py [DIR]

So the tests need no training: invert-float32.tflite and invert-int8.tflite take pictures in tiles,
brush-float32.tflite has a working size as well, paint-float32.tflite brushstrokes too, whole-float32.tflite wants to see a whole picture
at once, and half-float32.tflite lacks what an exported file says of itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from export.conversion.metadata import with_metadata
from export.conversion.variants import VARIANTS
from tf_i2i.console import prepare_tensorflow

_SIZE, _STRIDE, _HALO = 64, 4, 6
_FACTS = {
    "model": "student",
    "direction": "ab",
    "size": _SIZE,
    "stride": _STRIDE,
    "training_data": "nothing: it inverts colours",
    "version": "1.0",
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"float32": _convert(quantized=False), "int8": _convert(quantized=True)}
    for name, variant, more in (
        ("invert", "float32", {}),
        ("invert", "int8", {}),
        ("brush", "float32", {"working_size_px": 80}),
        ("paint", "float32", {"working_size_px": 80, "brushstrokes": True}),
        ("whole", "float32", {"halo_px": None}),
    ):
        facts = {**_FACTS, "variant": variant, "halo_px": _HALO, **more}
        (folder / f"{name}-{variant}.tflite").write_bytes(
            with_metadata(plain[variant], VARIANTS[variant], facts)
        )
    (folder / "half-float32.tflite").write_bytes(plain["float32"])


def _convert(quantized: bool) -> bytes:
    prepare_tensorflow()
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, _SIZE, _SIZE, 3], tf.float32)])
    def invert(image):
        # A convolution, as it is what delegates and quantisers know best.
        return tf.nn.conv2d(image, -tf.eye(3)[None, None], strides=1, padding="SAME")

    converter = tf.lite.TFLiteConverter.from_concrete_functions([invert.get_concrete_function()])
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        ramp = np.linspace(-1, 1, _SIZE * _SIZE * 3, dtype=np.float32).reshape(1, _SIZE, _SIZE, 3)
        converter.representative_dataset = lambda: iter([[ramp]])
    return converter.convert()


if __name__ == "__main__":
    main(
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).parents[1] / "app/src/test/resources/models"
    )
