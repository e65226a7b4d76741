"""python -m export.benchmark: figures that fit together, and files that can't be run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from exported_models import SIZE, converted, exported

from export.benchmark import main, measure, table
from tf_i2i.errors import UserError
from tf_i2i.model_worker import ModelWorker, check


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
    assert [(row["file"], row["threads"]) for row in rows] == [(str(f), n) for f in files for n in (1, 2)]
    for row in rows:
        assert 0 < row["median_ms"] <= row["p90_ms"]
        assert row["first_ms"] > 0 and row["peak_mb"] > 0
        assert row["us_per_pixel"] == pytest.approx(row["median_ms"] * 1e3 / SIZE**2, abs=1e-4)
    assert [row["ratio"] for row in rows[:2]] == [1, 1]
    assert rows[2]["ratio"] == pytest.approx(rows[2]["median_ms"] / rows[0]["median_ms"], abs=1e-3)
    assert len(table(rows).splitlines()) == 5


def test_json_of_a_run_names_the_machine(files, tmp_path, capsys):
    folder = tmp_path / "run" / "export"
    folder.mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    for file in files:
        file.rename(folder / file.name)
    (folder / "export.json").write_text(json.dumps([{"file": file.name} for file in files]))
    assert main(["--run", str(tmp_path / "run"), "--repeats", "3", "--threads", "1"]) == 0
    record = json.loads((folder / "benchmark.json").read_text())
    assert record["repeats"] == 3 and len(record["results"]) == 2
    assert record["machine"].keys() >= {"processor", "cores", "packages", "date"}
    assert "int8.tflite" in capsys.readouterr().out


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
    signature = function.get_concrete_function(tf.TensorSpec([3, 7], tf.int32), tf.TensorSpec([3, 7], tf.float32))
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
    from tf_i2i.model_file import read_bytes

    read_bytes(path)
    check(path)


def test_a_worker_ends_with_its_block(files):
    with ModelWorker(files[0]) as worker:
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
    with pytest.raises(UserError, match="exclude each other"):
        main(["--run", str(tmp_path), "x.tflite"])
