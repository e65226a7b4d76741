"""Small networks as exported files, converted once a test process and shared by the export tests."""

from __future__ import annotations

import functools
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export.conversion.converter import NetworkConverter
from export.conversion.fidelity import random_crops
from export.conversion.manifest import put_entry
from export.conversion.metadata import with_metadata
from export.conversion.variants import VARIANTS
from export.photos.tiling import Tiling
from tf_i2i.data.image_cache import ImageCache
from tf_i2i.files import sha256_of
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_resizing import resized
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.resnet_generator import ResNetGenerator
from training.runs.finished_run import FinishedRun

SIZE = 64


@functools.cache
def student() -> MobileGenerator:
    """Folded, halo 24; batch statistics moved off their start, so that folding matters."""
    keras.utils.set_random_seed(3)
    network = MobileGenerator(stem=8, width=16, blocks=1, drawing=1, detail=4)
    for _ in range(8):
        network(tf.random.uniform([4, 32, 32, 3], -1, 1), training=True)
    return network.folded()


@functools.cache
def teacher() -> ResNetGenerator:
    keras.utils.set_random_seed(4)
    network = ResNetGenerator(blocks=2, ngf=8)
    network(tf.zeros([1, 32, 32, 3]))
    return network


def smooth_image(height: int, width: int, seed: int) -> np.ndarray:
    """uint8 [height, width, 3] of soft coloured blobs: like a photo, unlike noise, flat in few
    places.
    """
    small = np.random.default_rng(seed).integers(
        0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8
    )
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@functools.cache
def pictures(seed: int, count: int = 6) -> ImageCache:
    return ImageCache.from_images(
        (f"{seed}-{n}.png", smooth_image(80, 96, 100 * seed + n)) for n in range(count)
    )


_convert = NetworkConverter.convert


def convert(network: keras.Model, size: int, variant: str) -> bytes:
    """A network as a file of size x size pixels, without metadata."""

    def crops() -> np.ndarray:
        return random_crops(pictures(1), size, 24, seed=0)

    return _convert(NetworkConverter(network, size, crops), VARIANTS[variant])


def described(data: bytes, network: keras.Model, size: int, variant: str, **more) -> bytes:
    """The same with the metadata that export.tflite gave a student before it knew working sizes.

    Args:
        more: facts besides, or in place of these.
    """
    facts = {
        "model": "student",
        "direction": "ab",
        "variant": variant,
        "size": size,
        "stride": network.stride,
        "halo_px": network.halo,
        "training_data": "blobs",
        "version": "0",
        **more,
    }
    return with_metadata(data, VARIANTS[variant], facts)


@functools.cache
def converted(variant: str, size: int = SIZE) -> bytes:
    """The student without metadata."""
    return convert(student(), size, variant)


@functools.cache
def exported(variant: str, size: int = SIZE) -> bytes:
    """The student with metadata."""
    return described(converted(variant, size), student(), size, variant)


def add_file(run: Path, data: bytes, **entry) -> Path:
    """Puts a file and its entry into the run's export folder, by default an int8 student's.

    Args:
        entry: fields of export.json that differ.
    """
    entry = {"model": "student", "direction": "ab", "variant": "int8", "size": SIZE, **entry}
    path = run / "export" / f"{entry['direction']}-{entry['size']}-{entry['variant']}.tflite"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    put_entry(path.parent, {**entry, "file": path.name, "sha256": sha256_of(data)})
    return path


def tiled(
    data: bytes, tile: int | tuple[int, int], image: np.ndarray, networks: int = 1, margin: int = 20
) -> np.ndarray:
    """A photo, uint8 [H, W, 3], through the network resized to tiles of a side or of (height,
    width).
    """
    height, width = tile if isinstance(tile, tuple) else (tile, tile)
    result = image.copy()
    Tiling(height, width, margin).translate(
        result, [LiteModel(resized(data, height, width)).run_uint8]
    )
    return result


def from_layers(*layers) -> bytes:
    """A Keras network of these layers as a float32 file of SIZE pixels."""
    image = keras.Input([SIZE, SIZE, 3], batch_size=1)
    return tf.lite.TFLiteConverter.from_keras_model(keras.Sequential([image, *layers])).convert()


@functools.cache
def rank_five() -> bytes:
    """A network whose group normalization becomes operations on tensors of rank 5."""
    return from_layers(
        keras.layers.Conv2D(8, 3, padding="same"),
        keras.layers.GroupNormalization(groups=-1),
        keras.layers.Conv2D(3, 3, padding="same", activation="tanh"),
    )


def fake_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder whose networks and pictures are those above."""
    run = folder / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    data = types.SimpleNamespace(
        train_a=pictures(1), val_a=pictures(2), train_b=pictures(3), val_b=pictures(4), paired=False
    )
    networks = {"student": student, "teacher": teacher}
    monkeypatch.setattr(FinishedRun, "network", lambda self, model, direction: networks[model]())
    monkeypatch.setattr(FinishedRun, "origin", lambda self, *_: {"weights_sha256": "0" * 64})
    monkeypatch.setattr(FinishedRun, "data", lambda self, *_: data)
    return run


def reuse_conversions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The student's conversions are done once for all tests; the teacher's are real."""

    def convert(self, variant):
        is_ready = self._network is student() and self._function.inputs[0].shape[1] == SIZE
        return converted(variant.name) if is_ready else _convert(self, variant)

    monkeypatch.setattr(NetworkConverter, "convert", convert)
