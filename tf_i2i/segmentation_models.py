"""A user's segmentation network and how far its masks of two pictures agree (after the FCN score of Isola et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_i2i.errors import UserError, one_line

Segment = Callable[[np.ndarray], np.ndarray]
_MULTIPLE = 32


def mean_iou(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that either has of intersection over union (Long et al. 2015, section 5): 0 to 1, equal 1.

    Args: integer label maps [H, W] of one shape. Raises ValueError when shapes differ.
    """
    if labels.shape != truth.shape:
        raise ValueError(f"masks differ in size: {list(labels.shape)} and {list(truth.shape)}")
    classes = np.union1d(labels, truth)
    ious = [np.sum((labels == c) & (truth == c)) / np.sum((labels == c) | (truth == c)) for c in classes]
    return float(np.mean(ious))


def open_segmenter(src: str, option: str = "--segmentation-model") -> Segment:
    """uint8 RGB [H, W, 3] to int label map [h, w] by a network in a file: .tflite, Keras (.keras, .h5) or a SavedModel.

    The network takes one picture [1, h, w, 3], resized to what it asks for (or to multiples of 32 pixels): floats in
    [0, 1], or uint8. It gives labels [1, h, w], class scores [1, h, w, C], or one map [1, h, w, 1] of a foreground:
    probabilities, cut at 0.5, or logits, cut at 0.

    Raises:
        UserError: no such file, it can't be run, or it gives no map.
    """
    path = Path(src).expanduser()
    if not path.exists():
        raise UserError(
            f"{option} {one_line(src)}: no such file; give a .tflite, a Keras model or a SavedModel's folder"
        )
    run, shape, dtype = _lite(path, option) if path.suffix == ".tflite" else _keras(path, option)
    if len(shape) != 4 or shape[3] != 3:
        raise UserError(f"{option} {one_line(src)}: takes {list(shape)}, not pictures [1, height, width, 3]")
    if np.dtype(dtype) not in (np.uint8, np.float32):
        raise UserError(f"{option} {one_line(src)}: takes {np.dtype(dtype)}; name one that takes float32 or uint8")

    def segment(image: np.ndarray) -> np.ndarray:
        output = np.asarray(run(_fitted(image, shape, dtype)))
        if output.ndim < 3 or len(output) != 1:
            raise UserError(
                f"{option} {one_line(src)}: gives {list(output.shape)}, not a map [1, height, width, classes]"
            )
        return labels_of(output[0])

    return segment


def labels_of(scores: np.ndarray) -> np.ndarray:
    """Label map int [h, w] of what a network gives for one picture: see open_segmenter."""
    if scores.ndim == 2 or (scores.shape[-1] == 1 and scores.dtype.kind in "iu"):
        return scores.reshape(scores.shape[:2]).astype(np.int64)
    if scores.shape[-1] > 1:
        return scores.argmax(-1)
    probabilities = scores.min() >= 0 and scores.max() <= 1
    return (scores[..., 0] > (0.5 if probabilities else 0)).astype(np.int64)


def _fitted(image: np.ndarray, shape, dtype) -> np.ndarray:
    from PIL import Image

    height, width = (
        wanted if wanted and wanted > 0 else max(1, round(side / _MULTIPLE)) * _MULTIPLE
        for wanted, side in zip(shape[1:3], image.shape[:2], strict=True)
    )
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))[None]
    return resized if dtype == np.uint8 else resized.astype(np.float32) / 255


def _lite(path: Path, option: str):
    from tf_i2i.model_worker import ModelWorker

    try:
        with ModelWorker(path) as worker:  # a process of its own, which a damaged file may crash
            worker.run()
            facts = worker.facts
    except UserError as error:
        raise UserError(f"{option} {one_line(error)}") from error
    if facts["inputs"] != 1:
        raise UserError(f"{option} {one_line(path)}: takes {facts['inputs']} inputs, not one picture")
    from ai_edge_litert.interpreter import Interpreter

    from tf_i2i.native_output import quiet_native_output

    with quiet_native_output():
        interpreter = Interpreter(model_path=str(path), num_threads=1)
        interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(batch: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry, batch)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return run, facts["input_shape"], np.dtype(facts["input_dtype"])


def _keras(path: Path, option: str):
    import tensorflow as tf

    try:
        if path.is_dir():
            network = tf.saved_model.load(str(path)).signatures["serving_default"]
            (name, spec), *more = network.structured_input_signature[1].items()
            if more:
                raise ValueError("it takes more than one input")
            shape = [None] * 4 if spec.shape.rank is None else spec.shape.as_list()
            return (lambda batch: next(iter(network(**{name: batch}).values()))), shape, spec.dtype.as_numpy_dtype
        model = tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras and TensorFlow raise nearly every type on files that are none of theirs
        reason = one_line((str(error) or type(error).__name__).splitlines()[0])
        raise UserError(f"{option} {one_line(path)}: can't be loaded ({reason}); is it a complete model?") from error
    return (lambda batch: model(batch, training=False)), model.input_shape, np.float32
