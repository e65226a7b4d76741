"""python -m export.tflite: what it leaves in the run folder, and what it refuses to leave."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile

import pytest
from exported_models import SIZE, converted, exported, fake_run, reuse_conversions, student

from export.conversion import metadata
from export.conversion.metadata import read_normalization, with_metadata
from export.conversion.variants import VARIANTS
from export.tflite import main
from tf_i2i.errors import UserError
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.litert.model_file import read_facts

FIELDS = {
    "file",
    "model",
    "direction",
    "variant",
    "size",
    "bytes",
    "sha256",
    "input_dtype",
    "output_dtype",
    "params",
    "macs",
    "halo_px",
    "working_size_px",
    "calibration_images",
    "psnr_db",
    "ssim",
    "gpu_resident",
    "gpu_note",
    "ops",
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    return fake_run(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def conversions_once(monkeypatch):
    reuse_conversions(monkeypatch)


def entries(run) -> dict:
    return {
        entry["file"]: entry for entry in json.loads((run / "export" / "export.json").read_text())
    }


def test_files_and_their_entries_agree(run, capsys):
    assert main(["--run", str(run), "--size", str(SIZE), "--float32", "--int8"]) == 0
    assert main(["--run", str(run), "--size", str(SIZE), "--float16", "--direction", "ba"]) == 0
    found = entries(run)
    assert sorted(found) == ["ab-64-float32.tflite", "ab-64-int8.tflite", "ba-64-float16.tflite"]
    for name, entry in found.items():
        data = (run / "export" / name).read_bytes()
        assert entry.keys() >= FIELDS
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert entry["halo_px"] == student().halo == read_facts(data)["halo_px"]
        assert entry["weights_sha256"] == read_facts(data)["weights_sha256"] == "0" * 64
        assert entry["params"] == student().count_params()
        # 4/3 of --load-size, here its default of 286.
        assert entry["working_size_px"] == read_facts(data)["working_size_px"] == 381
    int8 = found["ab-64-int8.tflite"]
    assert (int8["input_dtype"], int8["output_dtype"], int8["calibration_images"]) == (
        "uint8",
        "uint8",
        128,
    )
    assert int8["psnr_db"] >= 38 and 0.95 < int8["ssim"] < 1
    assert found["ab-64-float32.tflite"]["psnr_db"] >= 100
    assert {path.name for path in (run / "export").iterdir()} == {*found, "export.json"}
    assert "ab-64-int8.tflite" in capsys.readouterr().out


def test_without_a_variant_float16_is_written(run):
    assert main(["--run", str(run), "--size", str(SIZE)]) == 0
    assert list(entries(run)) == ["ab-64-float16.tflite"]


def test_a_teacher_that_integers_break_leaves_no_file(run, capsys):
    stale = run / "export" / "teacher-ab-32-int8.tflite"
    stale.parent.mkdir()
    stale.write_bytes(b"older")
    (run / "export" / "export.json").write_text(json.dumps([{"file": stale.name}]))
    status = main(
        ["--run", str(run), "--size", "32", "--model", "teacher", "--int8", "--min-psnr", "45"]
    )
    assert status == 3
    assert [path.name for path in (run / "export").iterdir()] == ["export.json"]
    assert entries(run) == {}
    message = capsys.readouterr().err
    assert (
        "mean and variance at run time" in message
        and "training.distill" in message
        and "--model student" in message
    )


def test_other_variants_are_written_when_one_misses(run):
    assert (
        main(["--run", str(run), "--size", str(SIZE), "--float32", "--int8", "--min-psnr", "90"])
        == 3
    )
    assert list(entries(run)) == ["ab-64-float32.tflite"]


def test_size_must_fit_the_stride(run):
    with pytest.raises(UserError, match="--size 66: must be a multiple of 4"):
        main(["--run", str(run), "--size", "66"])


def test_no_run_at_all_is_one_line_and_status_2(tmp_path):
    command = [sys.executable, "-m", "export.tflite", "--int8"]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=_environment()
    )
    assert result.returncode == 2
    assert (
        result.stderr.startswith("error: no run with a checkpoint")
        and result.stderr.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("variant", "normalization"), [("float16", (127.5, 127.5)), ("int8", (0, 1))]
)
def test_metadata_says_how_pixels_are_coded(variant, normalization):
    assert read_normalization(exported(variant)) == [normalization, normalization]


@pytest.mark.skipif(
    not metadata.tflite_support(), reason="tflite-support is for Python 3.10 and 3.11"
)
def test_metadata_has_the_bytes_of_tflite_support(monkeypatch):
    given = [exported(variant) for variant in ("float32", "int8")]
    monkeypatch.setattr(metadata, "tflite_support", lambda: None)
    for variant, data in zip(("float32", "int8"), given, strict=True):
        assert with_metadata(converted(variant), VARIANTS[variant], read_facts(data)) == data


def test_facts_are_read_by_a_plain_zip_reader():
    with zipfile.ZipFile(io.BytesIO(exported("int8"))) as archive:
        facts = json.loads(archive.read("model.json"))
    assert (facts["direction"], facts["variant"], facts["size"]) == ("ab", "int8", SIZE)


def test_metadata_leaves_the_numbers_and_repeats_byte_for_byte():
    plain = converted("int8")
    facts = {"model": "student", "direction": "ba", "training_data": "?", "version": "1"}
    again = [with_metadata(plain, VARIANTS["int8"], facts) for _ in range(2)]
    assert again[0] == again[1]
    assert LiteModel(again[0]).size == SIZE


def _environment() -> dict:
    import os
    from pathlib import Path

    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
