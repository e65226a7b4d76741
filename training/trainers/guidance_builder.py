"""From a run's options to the guidance of its CycleGAN: networks, faces' places, and what it costs."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np

from tf_i2i.data.faces import FaceCrop, detected
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.errors import UserError, one_line
from training.runs.run_data import RunData

_TIMED = 5


_FETCHED = ("face-api", "selfie")


def require_guidance(options) -> None:
    """Raises UserError where a guidance option lacks another, before any picture is read."""
    for name in ("face", "segmentation"):
        if getattr(options, f"lambda_{name}") > 0:
            _require_source(name, getattr(options, f"{name}_model"))
        low_high = getattr(options, f"{name}_range")
        if low_high and (len(low_high) != 2 or low_high[0] == low_high[1]):
            raise UserError(
                f"--{name}-range takes two different values, for black and white: --{name}-range 0 255"
            )


def _require_source(name: str, source: str | None) -> None:
    if not source:
        known = {"face": "face-api", "segmentation": "selfie, keras-cv:WEIGHTS.h5"}[name]
        raise UserError(
            f"--lambda-{name} needs --{name}-model: {known}, a Keras model or a SavedModel's folder"
        )
    file = Path(source.removeprefix("keras-cv:")).expanduser()
    if source not in _FETCHED and not file.exists():
        raise UserError(
            f"--{name}-model {one_line(source)}: {one_line(file)} is not there; mend the path"
        )


def guide(model, options, data: RunData) -> tuple[RunData, dict[str, float]]:
    """Gives `model` the guidance that the options ask for.

    Returns:
        The data, with the faces' places where there is a face loss, and the seconds a step that
        each part takes.

    Raises:
        UserError: a network can't be had, or no picture has a face.
    """
    from tf_i2i.console import say

    model.guidance = None
    if not (options.lambda_face or options.lambda_segmentation):
        return data, {}
    from tf_i2i.models.precision import float32_layers
    from tf_i2i.pretrained.guidance_losses import Guidance

    with float32_layers():
        face = _face_network(options) if options.lambda_face else None
        segmentation = _segmentation_network(options) if options.lambda_segmentation else None
    if face is not None:
        domains = {"--domain-a": data.train_a, "--domain-b": data.train_b}
        boxes = tuple(
            _face_boxes(cache, face.crop, options, domain, say) for domain, cache in domains.items()
        )
        data = dataclasses.replace(data, face_boxes=boxes)
    model.guidance = Guidance(
        face,
        options.lambda_face,
        segmentation,
        options.lambda_segmentation,
        options.segmentation_temperature,
        options.face_jitter,
        options.segmentation_jitter,
    )
    return data, measured_cost(model.guidance, options.crop_size, options.batch_size)


def measured_cost(guidance, crop_size: int, batch_size: int) -> dict[str, float]:
    """Seconds that the loss and its gradient take in both directions, for each part of the guidance
    by itself.
    """
    import tensorflow as tf

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
        for _ in range(_TIMED):
            start = time.perf_counter()
            both_directions(pictures).numpy()
            times.append(time.perf_counter() - start)
        seconds[name] = float(np.median(times))
    return seconds


def _face_network(options):
    from tf_i2i.pretrained.face_networks import load_face_network

    network = load_face_network(options.face_model, input_range=tuple(options.face_range) or None)
    asked = {"share": options.face_share, "shift": options.face_shift}
    network.crop = dataclasses.replace(
        network.crop, **{k: v for k, v in asked.items() if v is not None}
    )
    return network


def _segmentation_network(options):
    from tf_i2i.pretrained.segmentation_networks import load_segmentation_network

    return load_segmentation_network(
        options.segmentation_model,
        size=options.segmentation_size,
        input_range=tuple(options.segmentation_range) or None,
        output=options.segmentation_output,
    )


def _face_boxes(cache: ImageCache, crop: FaceCrop, options, domain: str, log) -> np.ndarray:
    """float32 [N, 4]: the face of each picture; without a side where none was found."""
    from tqdm import tqdm

    if options.face_crop == "fixed":
        return np.stack([crop.fixed(int(height), int(width)) for height, width in cache.shapes])
    indices = tqdm(range(len(cache)), f"faces of {domain}", unit="picture", delay=3)
    found = [detected(cache.image(index)) for index in indices]
    count = sum(box is not None for box in found)
    log(
        f"{domain}: a face was found in {count} of {len(cache)} pictures; the others take no part in the face loss"
    )
    if not count:
        raise UserError(
            f"--face-crop detected: no face was found in {domain}; take --face-crop fixed or other pictures"
        )
    return np.stack([np.zeros(4, np.float32) if box is None else box for box in found])
