"""Face networks against references, crops of faces, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fetched_networks import fetched
from PIL import Image

from tf_i2i.data.faces import FaceCrop, detected
from tf_i2i.errors import UserError
from tf_i2i.pretrained.box_resampling import resample_boxes, resized
from tf_i2i.pretrained.face_networks import (
    RESIDUAL_BLOCKS,
    DlibResNet,
    build_face_embedder,
    load_face_network,
)

keras = tf.keras
REFERENCES = Path(__file__).resolve().parents[2] / "references"


def face_pictures() -> np.ndarray:
    sys.path.insert(0, str(REFERENCES))
    try:
        from make_references import pictures
    finally:
        sys.path.remove(str(REFERENCES))
    return pictures().astype(np.float32) / 127.5 - 1


def random_dlib(seed: int = 0) -> DlibResNet:
    """dlib's network with random weights: the shapes of the real one."""
    rng, tensors = np.random.default_rng(seed), {}

    def convolution(name: str, side: int, inputs: int, filters: int):
        scale = np.sqrt(2 / (side * side * inputs))
        tensors[f"{name}/conv/filters"] = rng.normal(0, scale, (side, side, inputs, filters))
        for part, mean in (("conv/bias", 0), ("scale/weights", 1), ("scale/biases", 0)):
            tensors[f"{name}/{part}"] = rng.normal(mean, 0.1, filters)

    convolution("conv32_down", 7, 3, 32)
    channels = 32
    for name in RESIDUAL_BLOCKS:
        filters = int(name[4:].partition("_")[0])
        convolution(f"{name}/conv1", 3, channels, filters)
        convolution(f"{name}/conv2", 3, filters, filters)
        channels = filters
    tensors["fc"] = rng.normal(0, 0.1, (256, 128))
    return DlibResNet({name: value.astype(np.float32) for name, value in tensors.items()})


def test_face_api_gives_the_embeddings_of_its_own_code():
    network = fetched(load_face_network, "face-api")
    reference = json.loads((REFERENCES / "face_api.json").read_text())["embeddings"]
    embeddings = network.embed(face_pictures()).numpy()
    assert np.abs(embeddings - reference).max() < 2e-5
    assert (network.size, network.threshold, network.crop) == (
        (150, 150),
        0.6,
        FaceCrop(0.455, 0.05),
    )


def test_gradient_of_an_embedding_is_that_of_finite_differences():
    network = random_dlib()
    rng = np.random.default_rng(1)
    picture, direction = (
        tf.constant(rng.uniform(-1, 1, (1, 150, 150, 3)), tf.float32) for _ in range(2)
    )

    def squared(x):
        return tf.reduce_sum(network(x) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = squared(picture)
    slope = float(tf.reduce_sum(tape.gradient(value, picture) * direction))
    step = 2e-4  # short of the next kinks of the rectifiers, well above float32's rounding
    difference = float(
        squared(picture + step * direction) - squared(picture - step * direction)
    ) / (2 * step)
    assert slope == pytest.approx(difference, rel=0.03) and abs(slope) > 1e-3


@pytest.mark.parametrize(
    "box", [(10.0, 5.0, 60.0, 60.0), (0.0, 0.0, 90.0, 70.0), (33.3, 11.7, 20.2, 31.9)]
)
def test_boxes_are_cut_as_pillow_cuts_them(box):
    image = np.random.default_rng(2).uniform(0, 255, (70, 90, 3)).astype(np.float32)
    left, top, width, height = box
    reference = np.stack(
        [
            np.asarray(
                Image.fromarray(image[..., c]).resize(
                    (24, 40), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height)
                )
            )
            for c in range(3)
        ],
        axis=-1,
    )
    found = resample_boxes(image[None], np.array([box], np.float32), (40, 24))[0].numpy()
    inner = slice(2, -2)  # Pillow's filter ends at the box, ours sees what is around it
    assert np.abs(found - reference)[inner, inner].max() < 0.1


def test_what_lies_outside_repeats_the_border():
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, :, 0] = 1
    found = resample_boxes(image, np.array([[-8, 0, 8, 8]], np.float32), (8, 8))
    assert np.allclose(found, 1)
    assert np.allclose(resized(image, (8, 8)), image)


@pytest.mark.parametrize("height, width", [(250, 250), (160, 120), (64, 300), (286, 512)])
def test_the_fixed_crop_is_a_share_of_the_frame(height, width):
    short = min(height, width)
    left, top, side, also = FaceCrop().fixed(height, width)
    assert side == also == pytest.approx(0.455 * short)
    assert left + side / 2 == pytest.approx(width / 2)
    assert top + side / 2 == pytest.approx(height / 2 + 0.05 * short)


@pytest.mark.parametrize("scale", [1.0, 0.6, 2.0])
def test_a_detected_crop_follows_the_face(scale):
    from skimage import data

    photo = Image.fromarray(data.astronaut())
    photo = np.asarray(photo.resize((round(512 * scale), round(512 * scale))))
    left, top, side, _ = detected(photo) / scale
    # Her eyes are at (202, 101) and (247, 103), her mouth at (222, 145): dlib's rule is a square of
    # the distance from eyes to mouth over 0.45, 0.07 of its side below the mean of the three.
    assert left + side / 2 == pytest.approx(224, abs=4)
    assert top + side / 2 == pytest.approx(124, abs=4)
    assert side == pytest.approx(96, rel=0.15)


def test_a_picture_without_a_face_has_no_crop():
    assert detected(np.full((120, 90, 3), 130, np.uint8)) is None


def test_a_keras_model_and_its_card(tmp_path):
    model = build_face_embedder(size=32, width=4, dimensions=5)
    path = tmp_path / "own.keras"
    model.save(path)
    assert load_face_network(str(path)).threshold is None
    card = {"threshold": 0.9, "crop": {"share": 0.5, "shift": 0.0}, "input_range": [0, 255]}
    (tmp_path / "own.keras.json").write_text(json.dumps(card))
    network = load_face_network(str(path))
    assert (network.threshold, network.crop, network.size) == (0.9, FaceCrop(0.5, 0.0), (32, 32))
    crops = np.random.default_rng(3).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    wanted = model((crops + 1) * 127.5, training=False)
    assert np.allclose(network.embed(crops), wanted, atol=1e-5)
    assert np.allclose(np.linalg.norm(wanted, axis=1), 1, atol=1e-5)
    (tmp_path / "own.keras.json").write_text('{"crop": {"quux": 1}}')
    with pytest.raises(UserError, match=r"own\.keras\.json: can't be read"):
        load_face_network(str(path))


def test_a_saved_model(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.matrix = tf.Variable(tf.random.stateless_normal([3, 4], [1, 2]))

        @tf.function(input_signature=[tf.TensorSpec([None, 20, 20, 3], tf.float32)])
        def __call__(self, x):
            return tf.reduce_mean(x, [1, 2]) @ self.matrix

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "saved"))
    network = load_face_network(str(tmp_path / "saved"), input_range=(0, 1))
    crops = np.random.default_rng(4).uniform(-1, 1, (3, 20, 20, 3)).astype(np.float32)
    assert np.allclose(network.embed(crops), module((crops + 1) / 2), atol=1e-5)
    with tf.GradientTape() as tape:
        x = tf.constant(crops)
        tape.watch(x)
        total = tf.reduce_sum(network.embed(x))
    assert np.abs(tape.gradient(total, x)).max() > 0


def test_what_is_no_face_network_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"--face-model nowhere\.keras: no such file"):
        load_face_network("nowhere.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4" + b"x" * 50)
    with pytest.raises(UserError, match=r"broken\.keras: can't be loaded"):
        load_face_network(str(tmp_path / "broken.keras"))
    maps = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(2, 3)])
    maps.save(tmp_path / "maps.keras")
    with pytest.raises(UserError, match="not one vector per picture"):
        load_face_network(str(tmp_path / "maps.keras"))
    flat = keras.Sequential([keras.Input((12,)), keras.layers.Dense(2)])
    flat.save(tmp_path / "flat.keras")
    with pytest.raises(UserError, match="not pictures"):
        load_face_network(str(tmp_path / "flat.keras"))
