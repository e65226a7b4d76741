"""Networks that tell people apart by their faces: dlib's, from the npm package face-api, or any
Keras model or SavedModel.

Each turns a square crop of a face into a vector; vectors of one person lie near each other (Schroff
et al. 2015, "FaceNet: A Unified Embedding for Face Recognition and Clustering").
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.data.faces import PORTRAIT, FaceCrop
from tf_i2i.errors import UserError, one_line
from tf_i2i.pretrained.box_resampling import resample_boxes, resized
from tf_i2i.pretrained.network_loading import NpmPackage, npm_files

FACE_API = "face-api"


PACKAGE = NpmPackage(
    "@vladmandic/face-api",
    "1.7.15",
    12.7,
    {
        "model/face_recognition_model-weights_manifest.json": (
            "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"
        ),
        "model/face_recognition_model.bin": "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    },
)


# Euclidean: below it dlib calls two faces the same person (dlib's face_recognition.py).
_FACE_API_THRESHOLD = 0.6


_FACE_API_SIDE = 150


_MEAN = (122.782, 117.001, 104.298)


_RESIDUAL = (
    "conv32_1",
    "conv32_2",
    "conv32_3",
    "conv64_down",
    "conv64_1",
    "conv64_2",
    "conv64_3",
    "conv128_down",
    "conv128_1",
    "conv128_2",
    "conv256_down",
    "conv256_1",
    "conv256_2",
    "conv256_down_out",
)


class FaceNetwork:
    """A face network in inference mode, with fixed weights.

    Not a Keras layer, so that a model which holds it neither trains nor saves it.

    Attributes:
        name: for logs and records.
        size: height and width of the crops that it takes, in pixels.
        threshold: Euclidean distance under which two embeddings are taken for one person; None
            where nobody measured it.
        crop: where a face's crop lies, in a picture or around a detected face.
    """

    def __init__(
        self,
        name: str,
        network: Callable,
        size: tuple[int, int],
        threshold: float | None,
        crop: FaceCrop = PORTRAIT,
    ):
        self.name, self.size, self.threshold, self.crop, self._network = (
            name,
            size,
            threshold,
            crop,
            network,
        )

    def embed(self, crops):
        """Crops of faces, RGB float [N, h, w, 3] in [-1, 1] of any size, to float32 [N, D].
        Differentiable.
        """
        return self._network(resized(crops, self.size))

    def embed_boxes(self, images, boxes):
        """The faces in `boxes` (float32 [N, 4]: left, top, width, height in pixels), one a picture:
        float32 [N, D].
        """
        return self._network(resample_boxes(images, boxes, self.size))


def load_face_network(
    source: str,
    *,
    option: str = "--face-model",
    input_range: tuple[float, float] | None = None,
    log: Callable[[str], None] = print,
) -> FaceNetwork:
    """A face network by its source: "face-api", a Keras model (.keras, .h5) or a SavedModel's
    folder.

    A file FILE.json beside a model FILE (training.embedder writes one) tells its threshold, crop
    and input range.

    Args:
        source: as the option has it.
        option: named in messages.
        input_range: what the model takes for black and white; None: as FILE.json says, otherwise -1
            and 1. face-api has its own.
        log: is told before anything is fetched.

    Raises:
        UserError: it can't be had or loaded, or does not turn pictures into vectors.
    """
    if source == FACE_API:
        manifest, weights = npm_files(PACKAGE, f"{option} {FACE_API}", log)
        return FaceNetwork(
            FACE_API,
            DlibResNet(read_face_api(manifest, weights)),
            (_FACE_API_SIDE,) * 2,
            _FACE_API_THRESHOLD,
        )
    return _load_own(source, option, input_range)


def read_face_api(manifest: Path, weights: Path) -> dict[str, np.ndarray]:
    """The tensors of a tfjs weights file by name, float32: 8-bit ones as q * scale + min, the
    others as they are.
    """
    data, tensors, place = weights.read_bytes(), {}, 0
    for entry in json.loads(manifest.read_text(encoding="utf-8"))[0]["weights"]:
        rule = entry.get("quantization")
        count = int(np.prod(entry["shape"]))
        values = np.frombuffer(data, np.uint8 if rule else "<f4", count, place)
        place += values.nbytes
        if rule:
            values = values.astype(np.float32) * np.float32(rule["scale"]) + np.float32(rule["min"])
        tensors[entry["name"]] = values.reshape(entry["shape"]).astype(np.float32)
    return tensors


class DlibResNet:
    """dlib's face recognition network: 29 convolutions, 5.6 million parameters (He et al. 2016 with
    half of the layers).

    Takes float32 RGB [N, 150, 150, 3] in [-1, 1]; gives float32 [N, 128], not normalised (of length
    1.4 or so).

    tensors: by name, as `read_face_api` has them.
    """

    def __init__(self, tensors: dict[str, np.ndarray]):
        self._tensors = {name: tf.constant(value) for name, value in tensors.items()}

    def __call__(self, crops):
        # dlib divides by 256; the package's own JavaScript by 255, which changes an embedding in
        # the third digit.
        x = ((crops + 1.0) * 127.5 - tf.constant(_MEAN)) / 256.0
        x = tf.nn.relu(self._convolution(x, "conv32_down", 2))
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        for name in _RESIDUAL:
            x = self._residual(x, name)
        return tf.matmul(tf.reduce_mean(x, [1, 2]), self._tensors["fc"])

    def _residual(self, x, name: str):
        down = "down" in name
        y = tf.nn.relu(self._convolution(x, f"{name}/conv1", 2 if down else 1))
        y = self._convolution(y, f"{name}/conv2", 1)
        if down:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            y = tf.pad(
                y, [[0, 0], [0, x.shape[1] - y.shape[1]], [0, x.shape[2] - y.shape[2]], [0, 0]]
            )
            x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, y.shape[3] - x.shape[3]]])
        return tf.nn.relu(x + y)

    def _convolution(self, x, name: str, stride: int):
        t = self._tensors
        x = tf.nn.conv2d(x, t[f"{name}/conv/filters"], stride, "VALID" if stride == 2 else "SAME")
        return (x + t[f"{name}/conv/bias"]) * t[f"{name}/scale/weights"] + t[f"{name}/scale/biases"]


def _load_own(source: str, option: str, input_range) -> FaceNetwork:
    from tf_i2i.pretrained.network_loading import load_network, require_differentiable

    path = Path(source).expanduser()
    if not path.exists():
        raise UserError(
            f"{option} {one_line(source)}: no such file; give face-api, a Keras model or a SavedModel's folder"
        )
    network = load_network(path, option)
    require_differentiable(network, path, option)
    card = _read_card(path, option)
    low, high = input_range or card.get("input_range", (-1.0, 1.0))
    size = network.size or (card.get("size", 160),) * 2
    crop = FaceCrop(**card["crop"]) if "crop" in card else PORTRAIT

    def embed(crops):
        embedded = network((crops + 1.0) * (0.5 * (high - low)) + low)
        if len(embedded.shape) != 2:
            raise UserError(
                f"{option} {one_line(source)}: gives {embedded.shape}, not one vector a picture"
            )
        return embedded

    embed(tf.zeros([1, *size, 3]))
    return FaceNetwork(path.name, embed, size, card.get("threshold"), crop)


def card_of(path: Path) -> Path:
    """The file beside a model that tells what its weights don't."""
    return path.with_name(path.name + ".json")


def _read_card(path: Path, option: str) -> dict:
    file = card_of(path)
    if not file.exists():
        return {}
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(FaceCrop)}
        if not isinstance(card, dict) or not set(card.get("crop", {})) <= known:
            raise ValueError("unknown entries")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{option} {one_line(file)}: can't be read ({one_line(error)}); mend or remove it"
        ) from error
    return card


def build_face_embedder(size: int = 96, width: int = 32, dimensions: int = 128) -> keras.Model:
    """Residual network (He et al. 2016) that embeds faces on the unit sphere (Schroff et al. 2015,
    section 3).

    Args:
        size: side of the crops in pixels.
        width: channels after the first convolution; they double with each of three halvings.
        dimensions: of the embedding.

    Shapes: RGB float [N, size, size, 3] in [-1, 1] to float32 [N, dimensions] of length 1.
    """
    inputs = keras.Input((size, size, 3))
    x = _normalised(inputs, width, stride=2)
    for filters in (width, 2 * width, 4 * width, 8 * width):
        x = _block(x, filters, stride=1 if filters == width else 2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(dimensions)(x)
    outputs = keras.layers.UnitNormalization(dtype="float32")(x)
    return keras.Model(inputs, outputs, name="face_embedder")


def _block(x, filters: int, stride: int):
    y = _normalised(x, filters, stride)
    y = _normalised(y, filters, activation=False)
    if stride > 1:
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    if x.shape[-1] != filters:
        x = keras.layers.Conv2D(filters, 1, use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _normalised(x, filters: int, stride: int = 1, activation: bool = True):
    x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=0.95)(x)
    return keras.layers.ReLU()(x) if activation else x
