"""Segmentation networks against references, as distributions of classes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from fetched_networks import fetched

from tf_i2i.errors import UserError
from tf_i2i.pretrained.npm_packages import npm_tarball, read_packed
from tf_i2i.pretrained.segmentation_networks import load_segmentation_network, open_segmenter
from tf_i2i.pretrained.selfie_segmentation import FILE, PACKAGE, SelfieSegmentation

keras = tf.keras


@pytest.fixture(scope="module")
def selfie_package():
    return fetched(npm_tarball, PACKAGE, "--segmentation-model selfie")


def with_plain_operations(data: bytes) -> bytes:
    """The selfie network with its custom operation swapped for TRANSPOSE_CONV and ADD, which the
    runtime knows.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    codes = [code.builtinCode for code in model.operatorCodes]
    place = next(
        i
        for i, one in enumerate(graph.operators)
        if codes[one.opcodeIndex] == schema.BuiltinOperator.CUSTOM
    )
    custom = graph.operators[place]
    x, weights, bias = (int(i) for i in custom.inputs)

    def added(code: int) -> int:
        entry = schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        entry.version = 1
        model.operatorCodes.append(entry)
        return len(model.operatorCodes) - 1

    def tensor(shape, buffer=0, dtype=schema.TensorType.FLOAT32) -> int:
        one = schema.TensorT()
        one.shape, one.type, one.buffer, one.name = (
            list(shape),
            dtype,
            buffer,
            f"added_{len(graph.tensors)}",
        )
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    output = graph.tensors[int(custom.outputs[0])].shape
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.asarray(output, np.int32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    shape, before_bias = (
        tensor([4], len(model.buffers) - 1, schema.TensorType.INT32),
        tensor(output),
    )
    transposed, addition = schema.OperatorT(), schema.OperatorT()
    transposed.opcodeIndex, transposed.inputs, transposed.outputs = (
        added(schema.BuiltinOperator.TRANSPOSE_CONV),
        [shape, weights, x],
        [before_bias],
    )
    transposed.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
    transposed.builtinOptions = schema.TransposeConvOptionsT()
    transposed.builtinOptions.strideH = transposed.builtinOptions.strideW = 2
    addition.opcodeIndex, addition.inputs, addition.outputs = (
        added(schema.BuiltinOperator.ADD),
        [before_bias, bias],
        list(custom.outputs),
    )
    addition.builtinOptionsType, addition.builtinOptions = (
        schema.BuiltinOptions.AddOptions,
        schema.AddOptionsT(),
    )
    graph.operators[place : place + 1] = [transposed, addition]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def portrait() -> np.ndarray:
    from PIL import Image
    from skimage import data

    return np.asarray(Image.fromarray(data.astronaut()).resize((256, 256)))


def test_selfie_gives_what_the_runtime_gives(selfie_package):
    from ai_edge_litert.interpreter import Interpreter

    data = with_plain_operations(read_packed(selfie_package, FILE))
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    network, shares = SelfieSegmentation(selfie_package), []
    for picture in (portrait() / 255, rng.uniform(0, 1, (256, 256, 3))):
        picture = picture[None].astype(np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
        interpreter.invoke()
        wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert np.abs(tf.sigmoid(network(picture)) - wanted).max() < 1e-3
        shares.append(np.mean(wanted > 0.5))
    assert 0.2 < shares[0] < 0.9


def test_selfie_as_a_source(selfie_package):
    mask = open_segmenter("selfie")(portrait())
    assert mask.shape == (256, 256)
    assert mask[80, 110] == 1 and mask[20, 20] == 0  # her face; the flag behind her
    network = load_segmentation_network("selfie")
    logits = network.logits(tf.zeros([2, 96, 64, 3]))
    assert logits.shape == (2, 256, 256, 2) and network.temperature == 64


def small_network(softmax: bool, classes: int = 3) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    scores = keras.layers.Conv2D(classes, 3, padding="same", kernel_initializer="glorot_normal")(
        inputs
    )
    outputs = (
        keras.layers.Activation("sigmoid" if classes == 1 else "softmax")(scores)
        if softmax
        else scores
    )
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_and_logits_are_told_apart(tmp_path, classes):
    pictures = tf.random.stateless_uniform([2, 32, 32, 3], [1, 2], -1, 1)
    found = []
    for softmax in (True, False):
        path = tmp_path / f"{softmax}.keras"
        small_network(softmax, classes).save(path)
        found.append(tf.nn.softmax(load_segmentation_network(str(path)).logits(pictures)).numpy())
    assert found[0].shape == (2, 32, 32, max(2, classes))
    assert np.abs(found[0] - found[1]).max() < 1e-5


def test_size_and_range_options(tmp_path):
    path = tmp_path / "any.keras"
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, inputs * 1.0).save(path)
    network = load_segmentation_network(str(path), size=40, input_range=(0, 255), output="logits")
    assert (
        np.allclose(network.logits(tf.ones([1, 64, 64, 3])), 255)
        and network.logits(tf.ones([1, 64, 64, 3])).shape[1] == 40
    )
    assert load_segmentation_network(str(path), output="logits").logits(
        tf.ones([1, 50, 70, 3])
    ).shape[1:3] == (64, 64)


def test_deeplab_with_a_weights_file(tmp_path):
    pytest.importorskip("keras_cv", reason="keras-cv is for Python 3.10 and 3.11")
    from keras_cv.models import DeepLabV3Plus, ResNetV2Backbone

    backbone = ResNetV2Backbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=[3, 4, 6, 3],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=True,
    )
    model = DeepLabV3Plus(backbone=backbone, num_classes=21)
    model.save_weights(tmp_path / "model.weights.h5")
    network = load_segmentation_network(f"keras-cv:{tmp_path / 'model.weights.h5'}")
    picture = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1)
    wanted = model((picture + 1) * 127.5, training=False)
    assert np.abs(tf.nn.softmax(network.logits(picture)) - wanted).max() < 1e-4
    (tmp_path / "other.h5").write_bytes((tmp_path / "model.weights.h5").read_bytes()[:1000])
    with pytest.raises(UserError, match="not weights of deeplab"):
        load_segmentation_network(f"keras-cv:{tmp_path / 'other.h5'}")


def test_deeplab_of_a_keras_hub_preset(tmp_path):
    hub = pytest.importorskip("keras_hub", reason="keras-hub is for Python from 3.12 on").models
    encoder = hub.ResNetBackbone([64], [7], [64, 64, 64, 64], [1] * 4, [1, 2, 2, 2], "basic_block")
    backbone = hub.DeepLabV3Backbone(encoder, "P5", 8, [6, 12, 18], "P2")
    from keras_hub.layers import DeepLabV3ImageConverter

    converter = DeepLabV3ImageConverter(scale=[1 / 50, 1 / 60, 1 / 70], offset=[-2.0, -1.5, -1.0])
    model = hub.DeepLabV3ImageSegmenter(
        backbone, 5, preprocessor=hub.DeepLabV3ImageSegmenterPreprocessor(converter)
    )
    model.save_to_preset(str(tmp_path / "preset"))
    network = load_segmentation_network(f"keras-hub:{tmp_path / 'preset'}")
    picture = tf.random.stateless_uniform([1, 64, 64, 3], [1, 2], -1, 1)
    wanted = tf.nn.softmax(model(converter((picture + 1) * 127.5), training=False))
    with tf.GradientTape() as tape:
        tape.watch(picture)
        logits = network.logits(picture)
    assert np.abs(tf.nn.softmax(logits) - wanted).max() < 1e-4 and wanted.numpy().std() > 0.01
    assert np.abs(tape.gradient(logits, picture)).max() > 0
    (tmp_path / "preset" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not an image segmenter's preset"):
        load_segmentation_network(f"keras-hub:{tmp_path / 'preset'}")


def test_sources_that_are_none():
    for source in ("nowhere.keras", "keras-cv:nowhere.h5", "keras-hub:nowhere"):
        with pytest.raises(UserError, match="no such file"):
            load_segmentation_network(source)
