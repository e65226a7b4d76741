"""What is made of the GPU accelerator's log and figures; nothing here needs a device."""

from __future__ import annotations

import json
import os

import numpy as np
from exported_models import converted, rank_five

from export.html_report.report_record import read_record
from export.html_report.report_sections import files
from tf_i2i.litert.gpu_delegate import (
    SWIFTSHADER_MANIFESTS,
    device_in,
    refusals,
    vulkan_environments,
    why_no_device,
)
from tf_i2i.litert.sandbox_worker import difference


def test_what_is_said_without_a_device():
    no_loader = "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file\nNo adapters found\n"
    assert "libvulkan.so.1: cannot open" in why_no_device(no_loader)
    assert "chromium" in why_no_device(
        "vkCreateInstance: Found no drivers!\nERROR: INTERNAL: No adapters found\n"
    )
    line = "environment.cc:532] Selected adapter: {}, arch=x, vendor=y, backend=Vulkan, adapterType={}\n"
    real, software = (
        line.format(*a)
        for a in [("Adreno 740", "Integrated GPU"), ("SwiftShader", "CPU / Software")]
    )
    assert why_no_device(real) is None
    assert (device_in(real).name, device_in(real).is_software) == ("Adreno 740", False)
    assert device_in(software).is_software and "in software" in str(device_in(software))


def test_whoever_names_a_driver_gets_that_one():
    chosen = {"VK_DRIVER_FILES": "/mine.json"}
    assert vulkan_environments(chosen) == [chosen]
    last = vulkan_environments({})[-1]
    installed = [path for path in SWIFTSHADER_MANIFESTS if os.path.isfile(path)]
    assert last == ({"VK_ICD_FILENAMES": installed[0]} if installed else {})


def test_limits_of_rank_are_known_without_a_word_from_the_accelerator():
    found = refusals("a log of another version", rank_five())
    assert found.reasons["RESHAPE"] == ["tensors of rank 5, the GPU takes at most 4"]
    assert "CONV_2D" not in found.reasons and found.on_cpu is None


def test_what_is_cut_off_is_told_from_what_is_refused():
    log = (
        "ERROR: Following operations are not supported by GPU delegate:\nTANH: Max version supported: 1. Requested version 3.\n"
        "2 operations will run on the GPU, and the remaining 9 operations will run on the CPU.\nLATER: no reason\n"
    )
    found = refusals(log, converted("float32"))
    assert found.reasons == {"TANH": ["version 3 of the operation, the GPU takes at most 1"]}
    assert (found.on_cpu, found.operations, found.cut_off) == (9, 11, 8)
    assert str(found).startswith(
        "9 of 11 operations stay on the CPU, at least 8 of them only because"
    )


def test_differences_are_in_steps_of_the_pixel_range():
    black, white = np.full([2, 2, 3], -1, np.float32), np.full([2, 2, 3], 1, np.float32)
    assert difference(white, black) == {
        "max_levels": 255.0,
        "mean_square": 255.0**2,
        "finite": True,
    }
    grey = np.full([2, 2, 3], 7, np.uint8)
    assert difference(grey - 3, grey)["max_levels"] == 3.0
    assert difference(black * np.nan, black) == {
        "max_levels": None,
        "mean_square": None,
        "finite": False,
    }


def test_the_report_tells_who_is_at_home_on_the_gpu(tmp_path):
    states = {
        "good": (True, True, "fine"),
        "bad": (True, False, "WRONG"),
        "off": (False, None, "rank <5>"),
        "new": (None, None, "none"),
    }
    exports = [
        {"file": f"{name}.tflite", "gpu_resident": resident, "gpu_agrees": agrees, "gpu_note": note}
        for name, (resident, agrees, note) in states.items()
    ]
    (tmp_path / "export").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "export" / "export.json").write_text(json.dumps(exports))
    for name in states:
        (tmp_path / "export" / f"{name}.tflite").touch()
    tables = files(read_record(tmp_path))
    assert {row[0]: row[-1] for row in tables["rows"]} == {
        "good.tflite": "yes",
        "bad.tflite": "wrong",
        "off.tflite": "no",
        "new.tflite": "?",
    }
    assert tables["gpu_notes"] == {
        "WRONG": ["bad.tflite"],
        "rank <5>": ["off.tflite"],
        "none": ["new.tflite"],
    }
