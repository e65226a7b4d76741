"""Exported files against their Keras network, by LiteRT and by TensorFlow's own reference kernels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from exported_models import SIZE, exported, pictures, student

from export.conversion.fidelity import (
    agreement,
    centre_crops,
    random_crops,
    reference_outputs,
)
from tf_i2i.data.pixels import to_float, to_uint8
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import ModelFile
from tf_i2i.metrics.image_metrics import psnr
from tf_i2i.models.model_builder import count_macs


@pytest.fixture(scope="module")
def held_out():
    images = centre_crops(pictures(2), SIZE, 4)
    return images, reference_outputs(student(), images)


def run_reference_kernels(data: bytes, images: np.ndarray) -> np.ndarray:
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    interpreter = tf.lite.Interpreter(model_content=data, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for image in images:
        interpreter.set_tensor(
            source["index"], image[None] if source["dtype"] == np.uint8 else to_float(image)[None]
        )
        interpreter.invoke()
        results.append(interpreter.get_tensor(target["index"])[0])
    return np.stack([to_float(r) if r.dtype == np.uint8 else r for r in results])


@pytest.mark.parametrize(
    ("variant", "bound"), [("float32", 100), ("float16", 60), ("dynamic", 40), ("int8", 38)]
)
def test_file_equals_keras_network_by_two_runtimes(variant, bound, held_out):
    images, reference = held_out
    data = exported(variant)
    assert agreement(LiteModel(data), images, reference).psnr_db >= bound
    assert psnr(run_reference_kernels(data, images), reference, peak=2) >= bound


def test_int8_of_both_runtimes_differs_by_rounding_only(held_out):
    images, _ = held_out
    ours = np.stack([LiteModel(exported("int8")).run_uint8(image) for image in images])
    other = to_uint8(run_reference_kernels(exported("int8"), images))
    assert psnr(to_float(ours), to_float(other), peak=2) >= 45


@pytest.mark.parametrize(
    ("variant", "dtype"), [("float32", np.float32), ("float16", np.float32), ("int8", np.uint8)]
)
def test_border_is_one_fixed_image_of_the_promised_type(variant, dtype):
    interpreter = tf.lite.Interpreter(model_content=exported(variant))
    for tensor in (*interpreter.get_input_details(), *interpreter.get_output_details()):
        assert tensor["dtype"] == dtype
        assert tensor["shape_signature"].tolist() == [1, SIZE, SIZE, 3]


def test_int8_file_holds_no_float_tensor():
    graph = schema.ModelT.InitFromPackedBuf(exported("int8"), 0).subgraphs[0]
    assert schema.TensorType.FLOAT32 not in {tensor.type for tensor in graph.tensors}


def test_steps_into_tanh_are_fine():
    model = schema.ModelT.InitFromPackedBuf(exported("int8"), 0)
    graph = model.subgraphs[0]
    codes = [code.builtinCode for code in model.operatorCodes]
    (tanh,) = [op for op in graph.operators if codes[op.opcodeIndex] == schema.BuiltinOperator.TANH]
    assert graph.tensors[tanh.inputs[0]].quantization.scale[0] <= 8 / 255 + 1e-6


def test_psnr_is_that_of_uint8_pictures():
    image = np.full([2, 8, 8, 3], 100, np.uint8)
    one_level = psnr(to_float(image), to_float(image + 1), peak=2)
    assert one_level == pytest.approx(20 * np.log10(255), abs=1e-4)
    assert psnr(np.zeros(4), np.full(4, 2.0), peak=2) == pytest.approx(0)


def test_not_a_number_is_no_agreement(held_out):
    class Broken:
        def run_float(self, image):
            return np.full(image.shape, np.nan, np.float32)

    assert agreement(Broken(), *held_out).psnr_db == 0


@pytest.mark.parametrize("variant", ["float32", "float16", "int8"])
def test_macs_equal_those_of_the_keras_graph(variant):
    assert ModelFile(exported(variant)).macs == count_macs(student(), SIZE)


def test_operations_are_counted_by_name():
    # stem, 1x1 of down, two of the block, to_half, drawing, to_full, detail, head; depthwise: down,
    # two of the block
    ops = ModelFile(exported("float32")).ops
    assert (ops["CONV_2D"], ops["DEPTHWISE_CONV_2D"], ops["RESIZE_BILINEAR"], ops["TANH"]) == (
        9,
        3,
        2,
        1,
    )


def test_calibration_crops_are_chosen_by_seed_from_all_pictures():
    crops = random_crops(pictures(1), 48, 12, seed=5)
    assert crops.shape == (12, 48, 48, 3) and crops.dtype == np.uint8
    assert np.array_equal(crops, random_crops(pictures(1), 48, 12, seed=5))
    assert not np.array_equal(crops, random_crops(pictures(1), 48, 12, seed=6))
    windows = [
        np.lib.stride_tricks.sliding_window_view(pictures(1).image(n), (48, 48, 3))
        for n in range(6)
    ]
    origin = [
        next(n for n, w in enumerate(windows) if (w[:, :, 0] == crop).all((2, 3, 4)).any())
        for crop in crops
    ]
    assert sorted(origin) == sorted([*range(6), *range(6)])


def test_small_pictures_are_enlarged_to_crops():
    assert random_crops(pictures(1), 128, 2, seed=0).shape == (2, 128, 128, 3)
    assert centre_crops(pictures(1), 128, 99).shape == (6, 128, 128, 3)
