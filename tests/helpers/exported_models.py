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
from export.conversion.metadata import with_metadata
from export.conversion.variants import RECIPES
from export.photos.tiling import Tiling
from tf_i2i.data.image_cache import ImageCache
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


@functools.cache
def converted(variant: str) -> bytes:
    """The student as a file of SIZE pixels, without metadata."""
    converter = NetworkConverter(
        student(), SIZE, lambda: random_crops(pictures(1), SIZE, 24, seed=0)
    )
    return _convert(converter, RECIPES[variant])


@functools.cache
def exported(variant: str) -> bytes:
    """The same with metadata."""
    facts = {
        "model": "student",
        "direction": "ab",
        "variant": variant,
        "size": SIZE,
        "stride": 4,
        "halo_px": student().halo,
        "training_data": "blobs",
        "version": "0",
    }
    return with_metadata(converted(variant), RECIPES[variant], facts)


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
    monkeypatch.setattr(FinishedRun, "data", lambda self, *_: data)
    return run


def reuse_conversions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The student's conversions are done once for all tests; the teacher's are real."""

    def convert(self, recipe):
        is_ready = self._network is student() and self._function.inputs[0].shape[1] == SIZE
        return converted(recipe.variant) if is_ready else _convert(self, recipe)

    monkeypatch.setattr(NetworkConverter, "convert", convert)
