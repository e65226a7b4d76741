"""From a run's options to the guidance of its CycleGAN: networks, face boxes, and what it costs."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_i2i.console import say
from tf_i2i.data.faces import FaceCrop, detected
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.errors import UserError, one_line
from tf_i2i.models.precision import float32_layers
from tf_i2i.pretrained.face_networks import load_face_network
from tf_i2i.pretrained.guidance_losses import Guidance
from tf_i2i.pretrained.segmentation_networks import load_segmentation_network
from training.runs.run_data import RunData

_TIMED_CALLS = 5
# Networks that need no file.
_FETCHED = ("face-api", "selfie")
_KNOWN = {"face": "face-api", "segmentation": "selfie, keras-cv:WEIGHTS.h5, keras-hub:PRESET"}


def require_guidance(options) -> None:
    """Raises UserError where a guidance option lacks another, before any picture is read."""
    for name, known in _KNOWN.items():
        source, values = getattr(options, f"{name}_model"), getattr(options, f"{name}_range")
        if getattr(options, f"lambda_{name}") > 0:
            if not source:
                raise UserError(
                    f"--lambda-{name} needs --{name}-model: {known}, a Keras model or a "
                    "SavedModel's folder"
                )
            file = Path(source.removeprefix("keras-cv:").removeprefix("keras-hub:")).expanduser()
            if source not in _FETCHED and not file.exists():
                raise UserError(
                    f"--{name}-model {one_line(source)}: {one_line(file)} is not there; fix the path"
                )
        if values and (len(values) != 2 or values[0] == values[1]):
            raise UserError(
                f"--{name}-range takes two different values, for black and white: "
                f"--{name}-range 0 255"
            )


def guide(model, options, data: RunData, domains: str = "ab") -> tuple[RunData, dict[str, float]]:
    """Gives `model` the guidance that the options ask for, for the translations of `domains`.

    Returns the data, with the face boxes where there is a face loss, and the seconds per step that
    each part takes. Raises UserError: a network is unavailable, or no picture has a face.
    """
    model.guidance = face = segmentation = None
    if not (options.lambda_face or options.lambda_segmentation):
        return data, {}
    with float32_layers():
        if options.lambda_face:
            values = tuple(options.face_range) or None
            face = load_face_network(options.face_model, input_range=values)
            face.set_crop(options.face_share, options.face_shift)
        if options.lambda_segmentation:
            segmentation = load_segmentation_network(
                options.segmentation_model,
                size=options.segmentation_size,
                input_range=tuple(options.segmentation_range) or None,
                output=options.segmentation_output,
            )
    if face is not None and data.face_boxes is None:  # a trial of the pace has found them
        detect, boxes = options.face_crop == "detected", [None, None]
        for number, (letter, cache) in enumerate((("a", data.train_a), ("b", data.train_b))):
            if letter in domains:
                boxes[number] = _face_boxes(cache, face.crop, detect, f"--domain-{letter}")
        data = dataclasses.replace(data, face_boxes=tuple(boxes))
    model.guidance = Guidance(
        face,
        options.lambda_face,
        segmentation,
        options.lambda_segmentation,
        options.segmentation_temperature,
        options.face_jitter,
        options.segmentation_jitter,
    )
    seconds = measured_cost(model.guidance, options.crop_size, options.batch_size)
    return data, {name: s * len(domains) / 2 for name, s in seconds.items()}


def measured_cost(guidance: Guidance, crop_size: int, batch_size: int) -> dict[str, float]:
    """Seconds that each part of the guidance takes by itself: its loss and gradient in both
    directions.
    """
    pictures = tf.random.stateless_uniform([batch_size, crop_size, crop_size, 3], [0, 0], -1.0, 1.0)
    boxes = tf.tile(tf.constant([[0.0, 0.0, crop_size, crop_size]]), [batch_size, 1])
    seconds = {}
    for name, loss in guidance.parts.items():

        @tf.function
        def both_directions(fake, loss=loss):
            with tf.GradientTape() as tape:
                tape.watch(fake)
                total = loss(pictures, fake, boxes, [0, 0]) + loss(-pictures, fake, boxes, [0, 1])
            return tape.gradient(total, fake)

        both_directions(pictures)  # traces
        times = []
        for _ in range(_TIMED_CALLS):
            start = time.perf_counter()
            both_directions(pictures).numpy()
            times.append(time.perf_counter() - start)
        seconds[name] = float(np.median(times))
    return seconds


def _face_boxes(cache: ImageCache, crop: FaceCrop, detect: bool, option: str) -> np.ndarray:
    """float32 [N, 4]: the face of each picture; all zeros where none was found."""
    if not detect:
        return np.stack([crop.fixed(int(height), int(width)) for height, width in cache.shapes])
    boxes = detected_faces(cache, option)
    if not boxes.any():
        raise UserError(
            f"--face-crop detected: no face was found in {option}; use --face-crop fixed or other "
            "pictures"
        )
    return boxes


def detected_faces(cache: ImageCache, option: str) -> np.ndarray:
    """float32 [N, 4]: the largest face of each picture; all zeros where none was found."""
    indices = tqdm(range(len(cache)), f"faces of {option}", unit="picture", delay=3)
    boxes = [detected(cache.image(index)) for index in indices]
    count = sum(box is not None for box in boxes)
    say(
        f"{option}: a face was found in {count} of {len(cache)} pictures; the others take no part "
        "in the face losses"
    )
    return np.stack([np.zeros(4, np.float32) if box is None else box for box in boxes])
