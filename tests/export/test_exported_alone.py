"""What an exported file is without us: run by its metadata alone, made twice, and read in another
process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported_models import SIZE, exported, pictures, student

from export.conversion.converter import NetworkConverter
from export.conversion.fidelity import centre_crops, random_crops, reference_outputs
from export.conversion.metadata import read_normalization
from export.conversion.variants import VARIANTS
from tf_i2i.litert.interpreter import LiteModel
from tf_i2i.metrics.image_metrics import psnr

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("variant", "least_db"),
    [("float32", 58), ("float16", 58), ("dynamic", 36), ("int8", 36), ("int16", 45)],
)
def test_metadata_alone_gives_the_right_picture(variant, least_db):
    """No knowledge of the variant: pixels go in and come out by the mean and standard deviation
    that the file names. Rounding to whole levels alone costs all but 58.9 dB."""
    from ai_edge_litert.interpreter import Interpreter

    data = exported(variant)
    (in_mean, in_std), (out_mean, out_std) = read_normalization(data)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    photos = centre_crops(pictures(2), SIZE, 3)
    found = []
    for photo in photos:
        value = (photo.astype(np.float32) - in_mean) / in_std
        interpreter.set_tensor(given["index"], value.astype(given["dtype"])[None])
        interpreter.invoke()
        found.append(
            interpreter.get_tensor(result["index"])[0].astype(np.float32) * out_std + out_mean
        )
    wanted = (reference_outputs(student(), photos) + 1) * 127.5
    assert psnr(np.clip(np.round(found), 0, 255), wanted, peak=255) >= least_db
    assert np.mean(wanted) == pytest.approx(np.mean(found), abs=3)


def test_what_a_pixel_means_does_not_hang_on_the_calibration_pictures():
    """Cartoons may have no black and no white; 0 and 255 are -1 and 1 all the same."""
    from ai_edge_litert.interpreter import Interpreter

    dull = random_crops(pictures(1), SIZE, 12, seed=0) // 2 + 50
    data = NetworkConverter(student(), SIZE, lambda: dull).convert(VARIANTS["int8"])
    interpreter = Interpreter(model_content=data)
    for details in (interpreter.get_input_details()[0], interpreter.get_output_details()[0]):
        step, zero = details["quantization"]
        assert [(pixel - zero) * step for pixel in (0, 255)] == pytest.approx([-1, 1], abs=0.01)
    photos = centre_crops(pictures(2), SIZE, 3) // 2 + 50
    model = LiteModel(data)
    assert (
        psnr(
            np.stack([model.run_float(one) for one in photos]),
            reference_outputs(student(), photos),
            peak=2,
        )
        > 36
    )


def run_python(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


_COMPARE = """
import sys
from pathlib import Path
import numpy as np
from export.conversion.fidelity import centre_crops, reference_outputs
from tf_i2i.metrics.image_metrics import psnr
from tf_i2i.litert.interpreter import LiteModel
from training.runs.finished_run import FinishedRun
run = Path(sys.argv[1])
photos = centre_crops(FinishedRun(run).data().val_a, 32, 2)
file = LiteModel((run / "export" / "ab-32-float32.tflite").read_bytes())
print(psnr(np.stack([file.run_float(photo) for photo in photos]), reference_outputs(FinishedRun(run).network("student", "ab"), photos), 2))
"""


@pytest.mark.timeout(600)
def test_export_repeats_and_agrees_in_another_process(tmp_path, tiny_run):
    """Two processes export the same run to the same bytes; a third reloads run and file, and they
    compute the same.
    """
    sums = []
    for name in ("one", "two"):
        run = tmp_path / name / "run"
        shutil.copytree(tiny_run, run)
        # Twelve steps make no network that int8 could do justice to; only the bytes matter here.
        run_python(
            [
                "-m",
                "export.tflite",
                "--run",
                str(run),
                "--float32",
                "--int8",
                "--size",
                "32",
                "--min-psnr",
                "1",
                "--no-gpu-check",
            ]
        )
        entries = json.loads((run / "export" / "export.json").read_text())
        sums.append({entry["variant"]: entry["sha256"] for entry in entries})
    assert sums[0] == sums[1] and set(sums[0]) == {"float32", "int8"}
    assert float(run_python(["-c", _COMPARE, str(tmp_path / "two" / "run")])) >= 60
