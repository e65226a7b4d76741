"""Segmentation networks: label maps of pictures, and class scores that gradients pass through.

A source is "selfie" (MediaPipe's person network), "keras-cv:FILE" (keras-cv's DeepLabV3+ with the
weights file of a downloaded preset; Python 3.10 and 3.11), "keras-hub:FOLDER" (a downloaded preset of
keras-hub, such as the same DeepLabV3+; from Python 3.12 on), or the path of a Keras model or a
SavedModel; for label maps also of a .tflite file.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tf_i2i.data.pixels import to_float
from tf_i2i.errors import UserError, one_line
from tf_i2i.litert.sandbox import check
from tf_i2i.pretrained.box_resampling import resample_boxes, resized
from tf_i2i.pretrained.network_loading import load_network
from tf_i2i.pretrained.npm_packages import npm_tarball
from tf_i2i.pretrained.selfie_segmentation import PACKAGE, SIDE, SelfieSegmentation

Segment = Callable[[np.ndarray], np.ndarray]

SELFIE, KERAS_CV, KERAS_HUB = "selfie", "keras-cv:", "keras-hub:"
_KNOWN = "selfie, keras-cv:FILE, keras-hub:FOLDER"
_OPTION = "--segmentation-model"
_MULTIPLE = 32
# Softer distributions than the selfie network's own, whose logits are in the hundreds.
_SELFIE_TEMPERATURE = 64.0
# The Pascal VOC preset of DeepLabV3+: its classes, and its ResNet-50.
_VOC_CLASSES = 21
_RESNET50 = {
    "stackwise_filters": [64, 128, 256, 512],
    "stackwise_blocks": [3, 4, 6, 3],
    "stackwise_strides": [1, 2, 2, 2],
}
_MIN_PROBABILITY = 1e-7


class SegmentationNetwork:
    """A segmentation network in inference mode, with fixed weights. Not a Keras layer, so a model
    that holds it neither trains nor saves it.

    Attributes:
        name: for logs and records.
        size: height and width that it takes; None: the pictures', rounded to multiples of 32.
        temperature: a good divisor of its logits before distributions are compared.
    """

    def __init__(
        self,
        name: str,
        network: Callable,
        size: tuple[int, int] | None = None,
        input_range: tuple[float, float] = (0.0, 1.0),
        output: str = "logits",
        temperature: float = 1.0,
    ):
        self.name, self.size, self.temperature = name, size, temperature
        self._network, self._range, self._output = network, input_range, output

    def logits(self, images, boxes=None):
        """RGB float [N, H, W, 3] in [-1, 1] to float32 [N, h, w, C], C at least 2, whose softmax is
        the classes' probabilities. A single map becomes two classes, background and it.
        Differentiable.

        boxes: float32 [N, 4], left, top, width, height in pixels of the part of each picture that
            the network sees; None: all of it.
        """
        low, high = self._range
        size = self.size or tuple(_to_multiple(side) for side in images.shape[1:3])
        seen = resized(images, size) if boxes is None else resample_boxes(images, boxes, size)
        scores = self._network((seen + 1.0) * (0.5 * (high - low)) + low)
        if len(scores.shape) != 4:
            raise UserError(
                f"{_OPTION} {self.name}: gives {scores.shape}, "
                "not maps [count, height, width, classes]"
            )
        if scores.shape[-1] == 1:
            if self._output == "softmax":
                scores = _log(scores) - _log(1.0 - scores)
            return tf.concat([tf.zeros_like(scores), scores], axis=-1)
        return _log(scores) if self._output == "softmax" else scores


def load_segmentation_network(
    src: str,
    *,
    size: int | None = None,
    input_range: tuple[float, float] | None = None,
    output: str = "auto",
) -> SegmentationNetwork:
    """A differentiable segmentation network by its source (see above; no .tflite).

    Args:
        size: height and width of its input; None: as it asks for. selfie has its own.
        input_range: its values of black and white; None: 0 and 1. selfie, keras-cv and keras-hub
            have their own.
        output: "softmax" (probabilities) or "logits"; "auto" finds out by a noise picture.

    Raises:
        UserError: it is unavailable, can't be loaded, or gives no maps.
    """
    if src == SELFIE:
        network = SelfieSegmentation(npm_tarball(PACKAGE, f"{_OPTION} {SELFIE}"))
        return SegmentationNetwork(SELFIE, network, (SIDE, SIDE), temperature=_SELFIE_TEMPERATURE)
    shape = (size, size) if size else None
    if src.startswith(KERAS_CV):
        network = _deeplab(src.removeprefix(KERAS_CV))
        return SegmentationNetwork(src, network, shape, (0.0, 255.0), "softmax")
    if src.startswith(KERAS_HUB):
        network = _hub_preset(src.removeprefix(KERAS_HUB))
        return SegmentationNetwork(src, network, shape, (0.0, 255.0), "softmax")
    path = _existing(src, "", f"{_KNOWN}, a Keras model or a SavedModel's folder")
    network = load_network(path, _OPTION)
    shape, input_range = shape or network.size, input_range or (0.0, 1.0)
    if output == "auto":
        output = "softmax" if _gives_probabilities(network, shape, input_range) else "logits"
    return SegmentationNetwork(path.name, network, shape, input_range, output)


def open_segmenter(src: str) -> Segment:
    """A function of uint8 RGB [H, W, 3] to an int label map [h, w], by a network of any source.

    A network in a file takes one picture [1, h, w, 3], resized to its input (or to multiples of 32
    pixels): floats in [0, 1], or uint8. It gives labels [1, h, w], class scores [1, h, w, C], or
    one map [1, h, w, 1] of a foreground: probabilities, cut at 0.5, or logits, cut at 0.

    Raises:
        UserError: no such file, it can't be run, or it gives no map.
    """
    if src == SELFIE or src.startswith((KERAS_CV, KERAS_HUB)):
        network = load_segmentation_network(src)
        return lambda image: network.logits(to_float(image[None]))[0].numpy().argmax(-1)
    known = f"{_KNOWN}, a .tflite, a Keras model or a SavedModel's folder"
    path, where = _existing(src, "", known), f"{_OPTION} {one_line(src)}"
    if path.suffix == ".tflite":
        run, shape, dtype = _lite(path)
    else:
        network = load_network(path, _OPTION, differentiable=False)
        run, dtype = network.call, network.dtype.as_numpy_dtype
        shape = (1, *(network.size or (0, 0)), 3)
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"{where}: takes {list(shape)}, not pictures [1, height, width, 3]")
    if np.dtype(dtype) not in (np.uint8, np.float32):
        raise UserError(
            f"{where}: takes {np.dtype(dtype)}; name a network that takes float32 or uint8"
        )

    def segment(image: np.ndarray) -> np.ndarray:
        height, width = (
            fixed if fixed > 0 else _to_multiple(side)
            for fixed, side in zip(shape[1:3], image.shape[:2], strict=True)
        )
        picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        batch = np.asarray(picture)[None]
        scores = np.asarray(run(batch if dtype == np.uint8 else batch.astype(np.float32) / 255))
        if scores.ndim < 3 or len(scores) != 1:
            raise UserError(
                f"{where}: gives {list(scores.shape)}, not a map [1, height, width, classes]"
            )
        return labels_of(scores[0])

    return segment


def labels_of(scores: np.ndarray) -> np.ndarray:
    """Label map int [h, w] of a network's output for one picture: see open_segmenter."""
    if scores.ndim == 2 or (scores.shape[-1] == 1 and scores.dtype.kind in "iu"):
        return scores.reshape(scores.shape[:2]).astype(np.int64)
    if scores.shape[-1] > 1:
        return scores.argmax(-1)
    probabilities = scores.min() >= 0 and scores.max() <= 1
    return (scores[..., 0] > (0.5 if probabilities else 0)).astype(np.int64)


def _lite(path: Path):
    from tf_i2i.litert.interpreter import open_interpreter  # only here: loads LiteRT's runtime

    try:
        facts = check(path)  # in a process of its own, which a damaged file may crash
    except UserError as error:
        raise UserError(f"{_OPTION} {one_line(error)}") from error
    if facts["inputs"] != 1:
        raise UserError(
            f"{_OPTION} {one_line(path)}: takes {facts['inputs']} inputs, not one picture"
        )
    interpreter = open_interpreter(model_path=str(path))
    details = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(batch: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(details[0]["index"], batch)
        interpreter.invoke()
        return interpreter.get_tensor(details[1]["index"])

    return run, facts["input_shape"], np.dtype(facts["input_dtype"])


def _deeplab(weights: str):
    """keras-cv's DeepLabV3+ on a ResNet-50, built without its hub: 0..255 to probabilities at full
    size.
    """
    path = _existing(weights, KERAS_CV, "the model.weights.h5 of a downloaded DeepLabV3+ preset")
    try:
        from keras_cv.models import DeepLabV3Plus, ResNetV2Backbone  # takes seconds to import
    except ImportError as error:
        fix = f"give {KERAS_HUB}FOLDER, keras-hub's preset of the same network"
        raise UserError(
            f"{_OPTION} {_shown(KERAS_CV, weights)}: keras-cv is for Python 3.10 and 3.11; {fix}"
        ) from error
    try:
        backbone = ResNetV2Backbone(**_RESNET50, include_rescaling=True)
        network = DeepLabV3Plus(backbone=backbone, num_classes=_VOC_CLASSES)
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = one_line(str(error).splitlines()[0])
        raise UserError(
            f"{_OPTION} {_shown(KERAS_CV, weights)}: not weights of deeplab_v3_plus_resnet50_pascalvoc ({reason})"
        ) from error
    network.trainable = False
    return lambda batch: network(batch, training=False)


def _hub_preset(folder: str):
    """An image segmenter of keras-hub with its own preprocessing: 0..255 to probabilities."""
    path = _existing(folder, KERAS_HUB, "the folder of a downloaded preset of keras-hub")
    try:
        from keras_hub.models import ImageSegmenter  # takes seconds to import
    except ImportError as error:
        raise UserError(
            f"{_OPTION} {_shown(KERAS_HUB, folder)}: keras-hub is for Python from 3.12 on; give "
            f"{KERAS_CV}FILE, keras-cv's weights of the same network"
        ) from error
    try:
        segmenter = ImageSegmenter.from_preset(str(path))
    except (OSError, ValueError, KeyError) as error:
        reason = one_line(str(error).splitlines()[0])
        raise UserError(
            f"{_OPTION} {_shown(KERAS_HUB, folder)}: not an image segmenter's preset ({reason})"
        ) from error
    segmenter.trainable = False
    converter = getattr(segmenter.preprocessor, "image_converter", None)
    scale, offset = getattr(converter, "scale", None), getattr(converter, "offset", None)
    scale, offset = 1.0 if scale is None else scale, 0.0 if offset is None else offset
    logits = segmenter.activation is None

    def network(batch):
        scores = segmenter(batch * scale + offset, training=False)
        return tf.nn.softmax(scores) if logits else scores

    return network


def _shown(prefix: str, path: str) -> str:
    return f"{prefix}{one_line(path)}"


def _existing(src: str, prefix: str, known: str) -> Path:
    path = Path(src)
    if not path.exists():
        raise UserError(f"{_OPTION} {prefix}{one_line(src)}: no such file; give {known}")
    return path


def _gives_probabilities(
    network: Callable, size: tuple[int, int] | None, input_range: tuple[float, float]
) -> bool:
    """Whether the scores of a noise picture are between 0 and 1 and add up to 1 in each pixel."""
    height, width = size or (2 * _MULTIPLE, 2 * _MULTIPLE)
    noise = np.random.default_rng(0).uniform(*input_range, (1, height, width, 3))
    scores = np.asarray(network(noise.astype(np.float32)))
    sums_to_one = scores.shape[-1] == 1 or np.allclose(scores.sum(-1), 1, atol=1e-3)
    return bool(scores.min() >= 0 and scores.max() <= 1 and sums_to_one)


def _log(probabilities):
    return tf.math.log(tf.maximum(probabilities, _MIN_PROBABILITY))


def _to_multiple(side: int) -> int:
    return max(1, round(side / _MULTIPLE)) * _MULTIPLE
