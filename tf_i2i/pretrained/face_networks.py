"""Networks that recognise people by their faces: dlib's, from the npm package face-api, or any
Keras model or SavedModel.

Each turns a square crop of a face into a vector; vectors of one person are near each other (Schroff
et al. 2015, "FaceNet: A Unified Embedding for Face Recognition and Clustering").
"""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.data.faces import FaceCrop
from tf_i2i.errors import UserError, one_line
from tf_i2i.pretrained.box_resampling import resample_boxes, resized
from tf_i2i.pretrained.network_loading import load_network
from tf_i2i.pretrained.npm_packages import NpmPackage, npm_tarball, read_packed

FACE_API = "face-api"
PACKAGE = NpmPackage(
    "@vladmandic/face-api",
    "1.7.15",
    12.7,
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
)
# Euclidean: below it dlib calls two faces the same person (dlib's face_recognition.py).
_FACE_API_THRESHOLD = 0.6
_FACE_API_SIDE = 150
_MEAN = (122.782, 117.001, 104.298)
RESIDUAL_BLOCKS = (
    *("conv32_1", "conv32_2", "conv32_3"),
    *("conv64_down", "conv64_1", "conv64_2", "conv64_3"),
    *("conv128_down", "conv128_1", "conv128_2"),
    *("conv256_down", "conv256_1", "conv256_2", "conv256_down_out"),
)
_DEFAULT_SIDE = 160


class FaceNetwork:
    """A face network in inference mode, with fixed weights. Not a Keras layer, so a model that
    holds it neither trains nor saves it.

    Attributes:
        name: for logs and records.
        size: height and width of the crops that it takes, in pixels.
        threshold: Euclidean distance under which two embeddings are of one person; None: unknown.
        crop: where a face's crop is in a picture framed like a portrait.
    """

    def __init__(
        self,
        name: str,
        network: Callable,
        size: tuple[int, int],
        threshold: float | None,
        crop: FaceCrop | None = None,
    ):
        self.name, self.size, self.threshold = name, size, threshold
        self.crop, self._network = crop or FaceCrop(), network

    def set_crop(self, share: float | None, shift: float | None) -> None:
        """Replaces what is not None of the crop."""
        self.crop = FaceCrop(
            self.crop.share if share is None else share, self.crop.shift if shift is None else shift
        )

    def embed(self, crops):
        """Crops of faces, RGB float [N, h, w, 3] in [-1, 1] of any size, to float32 [N, D].
        Differentiable.
        """
        return self._network(resized(crops, self.size))

    def embed_boxes(self, images, boxes):
        """The faces in `boxes` (float32 [N, 4]: left, top, width, height in pixels), one per
        picture: float32 [N, D].
        """
        return self._network(resample_boxes(images, boxes, self.size))


def load_face_network(
    source: str,
    *,
    option: str = "--face-model",
    input_range: tuple[float, float] | None = None,
) -> FaceNetwork:
    """A face network by its source: "face-api", a Keras model (.keras, .h5) or a SavedModel's
    folder.

    A file FILE.json beside a model FILE (training.embedder writes one) has its threshold, crop and
    input range.

    option: named in messages. input_range: the model's values of black and white; None: as in
    FILE.json, otherwise -1 and 1. face-api has its own.
    Raises UserError: it is unavailable, can't be loaded, or does not turn pictures into vectors.
    """
    if source == FACE_API:
        tarball = npm_tarball(PACKAGE, f"{option} {FACE_API}")
        network = DlibResNet(read_face_api(tarball))
        return FaceNetwork(FACE_API, network, (_FACE_API_SIDE,) * 2, _FACE_API_THRESHOLD)
    path, where = Path(source), f"{option} {one_line(source)}"
    if not path.exists():
        raise UserError(
            f"{where}: no such file; give face-api, a Keras model or a SavedModel's folder"
        )
    network, card = load_network(path, option), _read_card(path, option)
    low, high = input_range or card.get("input_range", (-1.0, 1.0))
    size = network.size or (card.get("size", _DEFAULT_SIDE),) * 2

    def embed(crops):
        embeddings = network((crops + 1.0) * (0.5 * (high - low)) + low)
        if len(embeddings.shape) != 2:
            raise UserError(f"{where}: gives {embeddings.shape}, not one vector per picture")
        return embeddings

    embed(tf.zeros([1, *size, 3]))
    return FaceNetwork(path.name, embed, size, card.get("threshold"), card.get("crop"))


def card_of(path: Path) -> Path:
    """The file beside a model with what its weights don't say."""
    return path.with_name(path.name + ".json")


def _read_card(path: Path, option: str) -> dict:
    file = card_of(path)
    if not file.exists():
        return {}
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
        return {**card, "crop": FaceCrop(**card.get("crop", {}))}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{option} {one_line(file)}: can't be read ({one_line(error)}); repair or remove it"
        ) from error


def read_face_api(tarball: Path) -> dict[str, np.ndarray]:
    """The tensors of face-api's tfjs weights by name, float32; 8-bit ones are q * scale + min."""
    model = "model/face_recognition_model"
    manifest = json.loads(read_packed(tarball, f"{model}-weights_manifest.json"))
    data, tensors, place = read_packed(tarball, f"{model}.bin"), {}, 0
    for entry in manifest[0]["weights"]:
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

    Takes float32 RGB [N, 150, 150, 3] in [-1, 1]; returns float32 [N, 128], not normalised (of
    length 1.4 or so). tensors: by name, as `read_face_api` returns them.
    """

    def __init__(self, tensors: dict[str, np.ndarray]):
        self._tensors = {name: tf.constant(value) for name, value in tensors.items()}

    def __call__(self, crops):
        # dlib divides by 256 (the package's JavaScript by 255: other embeddings in the third digit).
        x = ((crops + 1.0) * 127.5 - tf.constant(_MEAN)) / 256.0
        x = tf.nn.relu(self._convolution(x, "conv32_down", 2))
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        for name in RESIDUAL_BLOCKS:
            x = self._residual(x, name)
        return tf.matmul(tf.reduce_mean(x, [1, 2]), self._tensors["fc"])

    def _residual(self, x, name: str):
        down = "down" in name
        y = tf.nn.relu(self._convolution(x, f"{name}/conv1", 2 if down else 1))
        y = self._convolution(y, f"{name}/conv2", 1)
        if down:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            rows, columns = x.shape[1] - y.shape[1], x.shape[2] - y.shape[2]
            y = tf.pad(y, [[0, 0], [0, rows], [0, columns], [0, 0]])
            x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, y.shape[3] - x.shape[3]]])
        return tf.nn.relu(x + y)

    def _convolution(self, x, name: str, stride: int):
        t = self._tensors
        x = tf.nn.conv2d(x, t[f"{name}/conv/filters"], stride, "VALID" if stride == 2 else "SAME")
        return (x + t[f"{name}/conv/bias"]) * t[f"{name}/scale/weights"] + t[f"{name}/scale/biases"]


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
    x = keras.layers.ReLU()(_conv_bn(inputs, width, stride=2))
    for filters in (width, 2 * width, 4 * width, 8 * width):
        x = _residual_block(x, filters, stride=1 if filters == width else 2)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(dimensions)(x)
    outputs = keras.layers.UnitNormalization(dtype="float32")(x)
    return keras.Model(inputs, outputs, name="face_embedder")


def _residual_block(x, filters: int, stride: int):
    y = keras.layers.ReLU()(_conv_bn(x, filters, stride))
    y = _conv_bn(y, filters, stride=1)
    if stride > 1:
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    if x.shape[-1] != filters:
        x = keras.layers.Conv2D(filters, 1, use_bias=False)(x)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _conv_bn(x, filters: int, stride: int):
    x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=0.95)(x)
