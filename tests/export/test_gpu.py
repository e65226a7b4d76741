"""Exported files on LiteRT's GPU accelerator: a real GPU where there is one, SwiftShader otherwise."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from exported_models import (
    SIZE,
    exported,
    fake_run,
    from_layers,
    pictures,
    rank_five,
    reuse_conversions,
)
from vulkan import needs_device

from export.conversion.converter import NetworkConverter
from export.conversion.fidelity import random_crops
from export.conversion.gpu_check import GPU_BOUNDS, Bound, check_gpu
from export.conversion.variants import VARIANTS
from export.tflite import main
from tf_i2i.data.demo_data import demo_images
from tf_i2i.errors import UserError
from tf_i2i.litert import gpu_delegate
from tf_i2i.litert.gpu_delegate import vulkan_environments
from tf_i2i.litert.sandbox import GpuError, Sandbox
from tf_i2i.models.layers import InstanceNormalization, ReflectionPadding2D, ResizeConv2D
from tf_i2i.models.mobile_generator import MobileGenerator


@functools.cache
def photos() -> np.ndarray:
    """uint8 [4, SIZE, SIZE, 3], photographs."""
    held_out = demo_images(SIZE).val_a
    return np.stack([held_out.image(n) for n in range(0, len(held_out), 4)])


@functools.cache
def whole_student(variant: str) -> bytes:
    """The student as it is trained by default, wide enough for every variant to quantise it;
    weights untrained.
    """
    return _whole_converter().convert(VARIANTS[variant])


@functools.cache
def _whole_converter() -> NetworkConverter:
    keras.utils.set_random_seed(5)
    network = MobileGenerator()
    for seed in range(4):
        network(
            tf.constant(random_crops(pictures(seed), SIZE, 4, seed) / 127.5 - 1, tf.float32),
            training=True,
        )
    return NetworkConverter(
        network.folded(), SIZE, lambda: random_crops(pictures(1), SIZE, 24, seed=0)
    )


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(data)
    return path


@needs_device
@pytest.mark.parametrize("variant", ["float32", "float16", "dynamic", "int8"])
def test_the_student_is_resident_and_computes_what_the_cpu_does(tmp_path, variant):
    path = _written(tmp_path, whole_student(variant))
    found = check_gpu(path, photos(), variant)
    assert (found.resident, found.agrees, found.photos) == (True, True, len(photos())), found.note
    assert found.refused == {} and found.device.name in found.note
    assert (
        found.psnr_db >= GPU_BOUNDS[variant].psnr_db
        and found.max_levels <= GPU_BOUNDS[variant].max_levels
    )
    # Another machine rounds otherwise: equal to the last bit would mean that the CPU was compared
    # with itself.
    assert found.max_levels > 0
    if found.device.is_software and variant.startswith("float"):
        assert found.psnr_db >= 120 and found.max_levels < 0.01


@needs_device
def test_int16_stays_on_the_cpu_and_each_operation_says_why(tmp_path):
    found = check_gpu(_written(tmp_path, exported("int16")), photos(), "int16")
    assert (found.resident, found.agrees, found.photos) == (False, None, 0)
    assert (
        "int16 tensors" in found.refused["CONV_2D"][0]
        and "int16 tensors" in found.refused["DEPTHWISE_CONV_2D"][0]
    )
    assert "stay on the CPU" in found.note and "\n" not in found.note


@needs_device
def test_normalisation_of_rank_five_is_refused_by_name(tmp_path):
    found = check_gpu(_written(tmp_path, rank_five()), photos(), "float32")
    assert found.resident is False
    assert found.refused["RESHAPE"] == ["tensors of rank 5, the GPU takes at most 4"]
    assert {"MUL", "ADD", "RSQRT"} <= found.refused.keys() and "CONV_2D" not in found.refused
    assert all("rank 5" in reason for reasons in found.refused.values() for reason in reasons)
    assert "RESHAPE" in found.note and "tensors of rank 5" in found.note


@needs_device
def test_the_teacher_s_layers_of_rank_four_are_resident(tmp_path):
    data = from_layers(
        ReflectionPadding2D(3),
        keras.layers.Conv2D(8, 7),
        InstanceNormalization(),
        keras.layers.ReLU(),
        ResizeConv2D(3),
        keras.layers.MaxPool2D(2),
        keras.layers.Activation("tanh"),
    )
    found = check_gpu(_written(tmp_path, data), photos(), "float32")
    assert (found.resident, found.agrees) == (True, True), found.note


@needs_device
def test_resident_but_wrong_is_told(tmp_path):
    strict = check_gpu(_written(tmp_path, whole_student("int8")), photos(), "float32")
    assert (strict.resident, strict.agrees) == (True, False)
    assert strict.note.startswith("WRONG on the GPU") and "float32 should have 60 dB" in strict.note
    broken = check_gpu(
        _written(tmp_path, from_layers(keras.layers.Lambda(lambda x: tf.math.log(x - 3.0)))),
        photos(),
        "float32",
    )
    assert (broken.resident, broken.agrees, broken.psnr_db) == (True, False, None)
    assert "NaN" in broken.note


@pytest.mark.parametrize("missing", ["loader", "driver"])
def test_without_a_device_there_is_a_reason_instead(tmp_path, monkeypatch, missing):
    if missing == "loader":
        (tmp_path / "libvulkan.so.1").touch()
        monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
        wanted = "no Vulkan loader"
    else:
        monkeypatch.setenv("VK_ICD_FILENAMES", str(tmp_path / "none.json"))
        wanted = "no Vulkan"
    path = _written(tmp_path, exported("int8"))
    found = check_gpu(path, photos(), "int8")
    assert (found.resident, found.device, found.psnr_db, found.photos) == (None, None, None, 0)
    assert found.note.startswith(wanted) and "install" in found.note
    with pytest.raises(GpuError) as refused:
        Sandbox(path, accelerator="gpu")
    assert refused.value.reason == found.note and str(refused.value) == f"{path}: {found.note}"


@needs_device
def test_a_driver_without_its_gpu_gives_way_to_the_next(tmp_path, monkeypatch):
    without = {**os.environ, "VK_ICD_FILENAMES": str(tmp_path / "none.json")}
    path = _written(tmp_path, exported("int8"))
    environments = [without, *vulkan_environments()]
    monkeypatch.setattr(gpu_delegate, "vulkan_environments", lambda: environments)
    assert check_gpu(path, photos()[:1], "int8").resident is True
    with Sandbox(path, accelerator="gpu") as running:
        assert running.run()["ms"] > 0 and running.device is not None


def test_a_file_that_crashes_the_runtime_and_one_too_slow_end_in_a_note(tmp_path):
    whole = exported("int8")
    crashed = check_gpu(_written(tmp_path, whole[: len(whole) // 3]), photos(), "int8")
    assert crashed.resident is None and "the GPU accelerator" in crashed.note
    late = check_gpu(_written(tmp_path, whole), photos(), "int8", seconds=0.01)
    assert (
        late.resident is None
        and late.note == "the GPU accelerator failed (no answer in 0.01 seconds)"
    )


def test_no_tflite_file_is_the_user_s_error(tmp_path):
    with pytest.raises(UserError, match=r"model.tflite: not a .tflite file"):
        check_gpu(_written(tmp_path, b"nothing of the kind"), photos(), "int8")


def _entries(run: Path) -> dict[str, dict]:
    return {
        entry["variant"]: entry
        for entry in json.loads((run / "export" / "export.json").read_text())
    }


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    reuse_conversions(monkeypatch)
    return fake_run(tmp_path, monkeypatch)


@needs_device
def test_export_files_what_the_gpu_did(run, capsys):
    assert main(["--run", str(run), "--size", str(SIZE), "--float32", "--int16"]) == 0
    entries, said = _entries(run), capsys.readouterr().out
    seen = {
        variant: (entry["gpu_resident"], entry["gpu_agrees"]) for variant, entry in entries.items()
    }
    assert seen == {"float32": (True, True), "int16": (False, None)}
    assert entries["float32"]["gpu_psnr_db"] >= 60 and entries["float32"]["gpu_photos"] == 4
    assert "int16 tensors" in entries["int16"]["gpu_refused"]["TANH"][0]
    assert all(entry["gpu_note"] in said for entry in entries.values())
    assert "warning" not in said


@needs_device
def test_a_file_wrong_on_the_gpu_is_kept_with_a_warning(run, monkeypatch, capsys):
    monkeypatch.setitem(GPU_BOUNDS, "int8", Bound(psnr_db=100.0, max_levels=0.0))
    assert main(["--run", str(run), "--size", str(SIZE), "--int8"]) == 0
    assert (run / "export" / f"ab-{SIZE}-int8.tflite").is_file()
    assert _entries(run)["int8"]["gpu_agrees"] is False
    warning = capsys.readouterr().err
    assert (
        warning.startswith(f"warning: ab-{SIZE}-int8.tflite: WRONG on the GPU")
        and warning.count("\n") == 1
    )


def test_the_check_can_be_left_out(run):
    assert main(["--run", str(run), "--size", str(SIZE), "--float32", "--no-gpu-check"]) == 0
    entry = _entries(run)["float32"]
    assert (entry["gpu_resident"], entry["gpu_note"]) == (None, "left out by --no-gpu-check")
