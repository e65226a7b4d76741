"""python -m export.benchmark: figures that fit together, and files that can't be run."""

from __future__ import annotations

import ctypes.util
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import tensorflow as tf
from exported_models import SIZE, converted, exported
from vulkan import needs_device

from export.benchmark import main
from export.timing.latency import EMULATED, measure, with_ratios
from tf_i2i.errors import UserError
from tf_i2i.litert.model_file import ModelFile
from tf_i2i.litert.sandbox import GpuError, Sandbox, check


@pytest.fixture
def files(tmp_path):
    paths = []
    for variant in ("float32", "int8"):
        path = tmp_path / f"{variant}.tflite"
        path.write_bytes(exported(variant))
        paths.append(path)
    return paths


def test_figures_of_a_row_fit_together(files):
    rows = measure(files, threads=(1, 2), repeats=7, warm_up=2)
    assert [(row["file"], row["threads"]) for row in rows] == [
        (str(f), n) for f in files for n in (1, 2)
    ]
    for row in rows:
        assert 0 < row["median_ms"] <= row["p90_ms"]
        assert row["first_ms"] > 0 and row["peak_mb"] > 0
        assert row["us_per_pixel"] == pytest.approx(row["median_ms"] * 1e3 / SIZE**2, abs=1e-4)
    assert [row["ratio"] for row in rows[:2]] == [1, 1]
    assert rows[2]["ratio"] == pytest.approx(rows[2]["median_ms"] / rows[0]["median_ms"], abs=1e-3)
    assert all(
        row["device"] == "CPU" and not row["emulated"] and row["note"] is None for row in rows
    )


def test_rate_follows_from_the_graph(files):
    rows = measure(files, threads=(1,), repeats=5, warm_up=1)
    assert rows[0]["macs"] == rows[1]["macs"] == ModelFile(files[0].read_bytes()).macs > 0
    for row in rows:
        assert row["gmac_s"] == pytest.approx(row["macs"] / row["median_ms"] / 1e6, rel=1e-3)


def test_ratios_are_to_the_first_of_the_same_device():
    rows = [
        {"device": d, "threads": n, "median_ms": ms}
        for d, n, ms in (
            ("CPU", 1, 4.0),
            ("GPU", None, None),
            ("CPU", 2, 2.0),
            ("CPU", 1, 6.0),
            ("GPU", None, 3.0),
            ("GPU", None, 6.0),
        )
    ]
    assert [row["ratio"] for row in with_ratios(rows)] == [1, None, 1, 1.5, 1, 2]


@pytest.fixture
def run(files, tmp_path):
    folder = tmp_path / "run" / "export"
    folder.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    for file in files:
        file.rename(folder / file.name)
    (folder / "export.json").write_text(json.dumps([{"file": file.name} for file in files]))
    return tmp_path / "run"


def test_a_run_is_timed_beside_a_peer(run, tmp_path, capsys):
    """Table, JSON that names the machine, and a chart; the peer comes last."""
    peer = tmp_path / "a peer & more.tflite"
    peer.write_bytes(converted("float32"))
    assert main([str(peer), "--run", str(run), "--repeats", "3", "--threads", "1", "2"]) == 0
    record = json.loads((run / "export" / "benchmark.json").read_text())
    assert record["repeats"] == 3 and record["machine"].keys() >= {
        "processor",
        "cores",
        "packages",
        "date",
    }
    want = [run / "export" / "float32.tflite", run / "export" / "int8.tflite", peer]
    assert [row["file"] for row in record["results"]] == [
        str(path) for path in want for _ in (1, 2)
    ]
    assert len([line for line in capsys.readouterr().out.splitlines() if ".tflite  " in line]) == 6
    svg = ElementTree.parse(run / "export" / "benchmark.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert "a peer & more.tflite, 2 threads" in [element.text for element in svg.iter()]


@needs_device
def test_gpu_rows_stand_beside_those_of_the_cpu(files):
    cpu, gpu = measure([files[1]], threads=(1,), repeats=5, warm_up=1, gpu=True)
    assert cpu["threads"] == 1 and gpu["threads"] is None and gpu["device"] != "CPU"
    assert (
        gpu["median_ms"] > 0
        and gpu["input_shape"] == cpu["input_shape"]
        and gpu["macs"] == cpu["macs"]
    )
    assert gpu["ratio"] == 1
    assert (
        (gpu["note"] == EMULATED)
        == gpu["emulated"]
        == ("SwiftShader" in gpu["device"] or "llvmpipe" in gpu["device"])
    )


@needs_device
def test_what_a_gpu_refuses_is_a_note_in_the_row(tmp_path, capsys):
    """An operation of rank 5, which the accelerator has no kernel for."""
    function = tf.function(lambda x: tf.reduce_prod(tf.reshape(x, [1, 4, 4, 4, 2, 2]), axis=[2, 4]))
    signature = function.get_concrete_function(tf.TensorSpec([1, 8, 8, 4], tf.float32))
    path = tmp_path / "refused.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert())
    assert (
        main(
            [
                str(path),
                "--threads",
                "1",
                "--repeats",
                "2",
                "--gpu",
                "--json",
                str(tmp_path / "out.json"),
            ]
        )
        == 0
    )
    cpu, gpu = json.loads((tmp_path / "out.json").read_text())["results"]
    assert cpu["median_ms"] > 0
    assert (
        gpu["median_ms"] is None
        and gpu["ratio"] is None
        and "operations stay on the CPU" in gpu["note"]
    )
    assert "note: " in capsys.readouterr().out


@pytest.mark.skipif(
    ctypes.util.find_library("vulkan") is None, reason="missing tool: a Vulkan loader (libvulkan1)"
)
def test_no_gpu_is_a_note_too(files, monkeypatch):
    monkeypatch.setenv("VK_ICD_FILENAMES", "/no/such/driver.json")
    (_, row) = measure([files[0]], threads=(1,), repeats=1, warm_up=1, gpu=True)
    assert row["median_ms"] is None and row["note"].startswith("no Vulkan device; install")
    with pytest.raises(GpuError, match=r"float32\.tflite: no Vulkan device"):
        Sandbox(files[0], accelerator="gpu")


def test_memory_is_the_model_s_own(tmp_path):
    """A network with one map of 64 MiB: what its process grows by is that, not what Python takes."""
    function = tf.function(lambda x: tf.nn.relu(tf.tile(x, [1, 16, 16, 1]) - 0.5) * 2.0)
    signature = function.get_concrete_function(tf.TensorSpec([1, 256, 256, 1], tf.float32))
    path = tmp_path / "large.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert())
    (row,) = measure([path], threads=(1,), repeats=1, warm_up=1)
    assert 60 < row["peak_mb"] < 400


def test_any_foreign_network_can_be_timed(tmp_path):
    """Two inputs, of types and shapes that no image network has."""
    function = tf.function(lambda a, b: tf.cast(a, tf.float32) + b)
    signature = function.get_concrete_function(
        tf.TensorSpec([3, 7], tf.int32), tf.TensorSpec([3, 7], tf.float32)
    )
    path = tmp_path / "foreign.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([signature]).convert())
    (row,) = measure([path], threads=(1,), repeats=2, warm_up=1)
    assert row["us_per_pixel"] is None and row["median_ms"] > 0


def test_damaged_files_are_refused_without_harm(tmp_path):
    whole, path = converted("int8"), tmp_path / "damaged.tflite"
    random = np.random.default_rng(0)
    for case in range(4):
        path.write_bytes(whole[: len(whole) * case // 4])
        with pytest.raises(UserError, match=r"damaged\.tflite"):
            check_all(path)
    for _ in range(6):
        flipped = bytearray(whole)
        for place in random.integers(8, 4000, 40):
            flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        try:
            check_all(path)
        except UserError as error:
            assert "damaged.tflite" in str(error) and "\n" not in str(error)


def check_all(path) -> None:
    from tf_i2i.litert.model_file import read_bytes

    read_bytes(path)
    check(path)


def test_a_worker_ends_with_its_block(files):
    with Sandbox(files[0]) as worker:
        assert worker.facts["input_shape"] == [1, SIZE, SIZE, 3]
        assert worker.run()["ms"] > 0
        process = worker._process
    assert process.poll() is not None


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(UserError, match=r"gone\.tflite"):
        main([str(tmp_path / "gone.tflite")])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="nothing exported yet"):
        main(["--run", str(tmp_path)])
    with pytest.raises(UserError, match=r"chart\.png: the chart is SVG"):
        main(["--chart", "chart.png", "x.tflite"])
    with pytest.raises(UserError, match="--device has no effect without --adb"):
        main(["--device", "x", "x.tflite"])


def test_outputs_that_can_t_be_written_are_named(files, tmp_path):
    with pytest.raises(UserError, match=r"--chart .*no.*chart\.svg: can't be written"):
        main(
            [
                str(files[0]),
                "--threads",
                "1",
                "--repeats",
                "1",
                "--chart",
                str(tmp_path / "no" / "chart.svg"),
            ]
        )
