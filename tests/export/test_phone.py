"""python -m export.benchmark --adb: the protocol with the app, spoken to a stand-in for adb and the
phone behind it.
"""

from __future__ import annotations

import json
import os
import stat
import sys

import pytest
from exported_models import exported

from export.benchmark import main
from export.timing.phone import PACKAGE, benchmark_on_phone, read_answer
from tf_i2i.errors import UserError

# One phone with our app on it: what is pushed lies in PHONE, `am start` writes what the app would.
_ADB = """#!{python}
import json, os, pathlib, shutil, sys
words = sys.argv[1:]
phone = pathlib.Path(os.environ["PHONE"])
if words == ["devices"]:
    print("List of devices attached\\n" + os.environ.get("DEVICES", "R58\\tdevice\\n"))
    sys.exit()
serial, words = words[1], words[2:]
assert words[0] in ("shell", "push", "exec-out"), words
if words[:2] == ["shell", "pm"]:
    print(os.environ.get("APPS", "package:{package}"))
elif words[0] == "push":
    shutil.copy(words[1], phone / pathlib.Path(words[2]).name)
elif words[0] == "exec-out":
    sys.exit(print((phone / "benchmark.json").read_text()) if (phone / "benchmark.json").exists() else "No such file")
elif words[:3] == ["shell", "am", "start"]:
    extras = dict(zip(words[8::3], words[9::3]))
    rows = [dict(file=f.name, threads=int(n), median_ms=float(n), p90_ms=9, first_ms=20, peak_mb=3, accelerator="cpu")
            for f in sorted(phone.glob("*.tflite")) for n in extras["threads"].split(",")]
    answer = dict(token=extras["token"], device="Abacus 3", results=rows)
    answer.update(json.loads(os.environ.get("ANSWER", "{{}}")))
    (phone / "benchmark.json").write_text(json.dumps(answer))
"""


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """A folder that stands for the phone's, with the stand-in adb on the PATH."""
    adb, folder = tmp_path / "bin" / "adb", tmp_path / "phone"
    adb.parent.mkdir()
    folder.mkdir()
    adb.write_text(_ADB.format(python=sys.executable, package=PACKAGE))
    adb.chmod(adb.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{adb.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PHONE", str(folder))
    return folder


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(exported("int8"))
    return path


def test_rows_of_the_phone_follow_those_of_this_machine(phone, model, tmp_path):
    out = tmp_path / "out.json"
    assert (
        main([str(model), "--threads", "1", "2", "--repeats", "2", "--adb", "--json", str(out)])
        == 0
    )
    assert (phone / "model.tflite").read_bytes() == model.read_bytes()
    rows = json.loads(out.read_text())["results"]
    assert [(row["device"], row["threads"]) for row in rows] == [
        ("CPU", 1),
        ("CPU", 2),
        ("Abacus 3", 1),
        ("Abacus 3", 2),
    ]
    assert {row["file"] for row in rows} == {str(model)}
    assert rows[3]["median_ms"] == 2 and rows[3]["us_per_pixel"] == pytest.approx(
        2e3 / 64**2, abs=1e-5
    )
    assert (
        rows[3]["gmac_s"] == pytest.approx(rows[0]["macs"] / 2e6, rel=1e-3)
        and rows[3]["ratio"] == 1
    )
    assert rows[0].keys() == rows[3].keys()


@pytest.mark.parametrize(
    ("variable", "value", "device", "said"),
    [
        ("DEVICES", "", None, "no phone is connected"),
        ("DEVICES", "R58\tunauthorized\n", None, "R58 is unauthorized; unlock it"),
        ("DEVICES", "R58\tdevice\nemulator-5554\tdevice\n", None, "--device R58 or emulator-5554"),
        ("DEVICES", "R58\tdevice\n", "R59", "no phone R59 is connected"),
        ("APPS", "package:org.other", None, r"python -m export\.android --install"),
        ("ANSWER", '{"error": "out of memory"}', None, "the app reports: out of memory"),
        ("ANSWER", '{"results": [{"file": "other.tflite"}]}', None, "can't be read"),
        ("ANSWER", '{"token": "a former run\'s"}', None, "no result from the app in 0.2 seconds"),
    ],
)
def test_what_stands_in_the_way_is_said(phone, model, monkeypatch, variable, value, device, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=said):
        benchmark_on_phone([model], (1,), 2, 1, device, seconds=0.2)


def test_a_phone_is_chosen_by_its_serial_number(phone, model, monkeypatch):
    monkeypatch.setenv("DEVICES", "R58\tdevice\nemulator-5554\tdevice\n")
    (row,) = benchmark_on_phone([model], (4,), 2, 1, "R58")
    assert (row["device"], row["threads"], row["median_ms"], row["p90_ms"]) == ("Abacus 3", 4, 4, 9)


def test_without_adb_that_is_said(model, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no adb on the PATH"):
        benchmark_on_phone([model], (1,), 2, 1, None)


def test_gpu_rows_of_a_phone_have_no_threads(model):
    result = {
        "file": "model.tflite",
        "threads": None,
        "accelerator": "gpu",
        "median_ms": None,
        "note": "no OpenCL",
    }
    (row,) = read_answer(
        json.dumps({"device": "Abacus 3", "results": [result]}), {"model.tflite": model}
    )
    assert (row["device"], row["threads"], row["median_ms"], row["note"]) == (
        "Abacus 3 GPU",
        None,
        None,
        "no OpenCL",
    )
