"""The trainer as a user runs it: the folder it leaves, resuming, interruption, divergence, wrong
usage.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import TINY
from PIL import Image

from tf_i2i.command_line import parse
from tf_i2i.errors import UserError
from training.cyclegan import main
from training.options.trainer_options import CycleGANOptions


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_run_folder(tiny_run):
    records = lines(tiny_run / "metrics.jsonl")
    assert [record["step"] for record in records] == [1, 4, 8]
    assert ["val_score" in record for record in records] == [False, True, True]
    names = {
        "step",
        "time_s",
        "step_s",
        "val_score",
        "images_per_s",
        "data_wait_share",
        "learning_rate",
        "G_A",
        "G_B",
        "cycle_A",
        "cycle_B",
        "idt_A",
        "idt_B",
        "colour_A",
        "colour_B",
        "D_A",
        "D_B",
        "G",
    }
    assert set(records[-1]) == names
    assert records[0]["learning_rate"] == pytest.approx(2e-4)
    assert records[2]["learning_rate"] == pytest.approx(2e-4 / 4), (
        "step 8 of 8: one step before the end of the decay"
    )
    config = json.loads((tiny_run / "config.json").read_text())
    assert config["options"]["steps"] == 8 and config["options"]["ema_half_life"] == pytest.approx(
        2.4
    )
    assert config["data"]["counts"] == {"train_a": 12, "train_b": 12, "val_a": 2, "val_b": 2}
    assert len(config["data"]["fingerprint"]["train_a"]) == 64
    assert config["packages"]["tensorflow"].startswith("2.")
    for step in (4, 8):
        sample = Image.open(tiny_run / "samples" / f"step-{step:06}.png")
        assert sample.size[0] > 6 * 32 and sample.size[1] > 2 * 32
    assert {p.name for p in (tiny_run / "student" / "ab").iterdir()} >= {
        "student.weights.h5",
        "config.json",
        "distillation.json",
        "metrics.jsonl",
        "samples",
    }
    assert list((tiny_run / "tensorboard" / "train").glob("events*"))


def test_networks_come_back_from_the_run(tiny_run):
    """The restored teacher is the average of the checkpoint, and the student is what distillation
    measured.
    """
    import tensorflow as tf

    from tf_i2i.data.pixels import to_float, to_uint8
    from tf_i2i.metrics.image_metrics import psnr
    from training.runs.finished_run import FinishedRun

    teacher, student = (
        FinishedRun(tiny_run).network(model, "ab") for model in ("teacher", "student")
    )
    reader = tf.train.load_checkpoint(str(tiny_run / "checkpoints"))
    stored = reader.get_tensor("model/average_ab/averages/0/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(teacher.trainable_variables[0], stored)
    held_out = FinishedRun(tiny_run).data().val_a
    measured = []
    for i in range(len(held_out)):
        image = to_float(held_out.image(i)[None, :40, :52])
        measured.append(psnr(*(to_uint8(network(image))[0] for network in (teacher, student))))
    noted = json.loads((tiny_run / "student" / "ab" / "distillation.json").read_text())[
        "student_to_teacher_psnr_db"
    ]
    assert np.mean(measured) == pytest.approx(noted, abs=0.02)


def test_minutes_of_distillation(tiny_run, tmp_path, capsys):
    """The number of steps is found before the first one, and kept when it is resumed."""
    from training.distill import main as distill

    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("student"))
    words = ["--run", str(run), "--label-views", "1", "--batch-size", "2"]
    assert distill([*words, "--minutes", "0.1"]) is None
    (steps,) = re.findall(r"ms per step: (\d+) steps in 0.1 minutes", capsys.readouterr().err)
    assert distill([*words, "--minutes", "0.1", "--resume"]) is None
    assert lines(run / "student/ab/metrics.jsonl")[-1]["step"] == int(steps)
    config = json.loads((run / "student/ab/config.json").read_text())
    assert config["options"]["steps"] == int(steps)
    with pytest.raises(UserError, match="--student-steps and --minutes"):
        distill([*words, "--steps", "1", "--minutes", "1"])


def test_missing_student_is_named(tiny_run):
    from training.runs.finished_run import FinishedRun

    with pytest.raises(UserError, match=r"no student for ba.*training\.distill"):
        FinishedRun(tiny_run).network("student", "ba")


@pytest.fixture
def folders(picture_folders):
    return ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]


def test_interrupted_and_resumed_is_the_same_run(tmp_path, folders):
    """Ctrl-C after the first steps, then --resume: the weights are those of an undisturbed run."""
    import tensorflow as tf

    common = [*TINY, *folders, "--steps", "40", "--student", "none"]
    assert main([*common, "--run", str(tmp_path / "whole")]) is None
    broken = tmp_path / "broken"

    def interrupt():
        while (
            not (broken / "metrics.jsonl").exists()
            or "step" not in (broken / "metrics.jsonl").read_text()
        ):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    status = main([*common, "--run", str(broken)])
    thread.join()
    assert status == 130
    stopped = int(tf.train.latest_checkpoint(str(broken / "checkpoints")).rpartition("-")[2])
    assert 1 <= stopped < 40
    assert main(["--run", str(broken), "--resume"]) is None
    readers = [
        tf.train.load_checkpoint(str(tmp_path / name / "checkpoints"))
        for name in ("whole", "broken")
    ]
    names = [n for n in readers[0].get_variable_to_shape_map() if "VARIABLE_VALUE" in n]
    assert len(names) > 100
    for name in names:
        np.testing.assert_allclose(
            *(reader.get_tensor(name) for reader in readers), rtol=1e-4, atol=1e-5, err_msg=name
        )
    steps = [record["step"] for record in lines(broken / "metrics.jsonl")]
    assert steps == sorted(set(steps)) and steps[-1] == 40


def test_divergence_stops_with_the_step_and_the_loss(tmp_path, folders):
    with pytest.raises(UserError, match=r"step \d+: loss \w+ is (nan|inf).*--learning-rate"):
        main(
            [
                *TINY,
                *folders,
                "--run",
                str(tmp_path / "r"),
                "--steps",
                "9",
                "--learning-rate",
                "1e30",
            ]
        )


def test_a_run_is_not_overwritten_and_keeps_its_options(tiny_run, folders):
    with pytest.raises(UserError, match="has a run already"):
        main([*TINY, *folders, "--run", str(tiny_run)])
    with pytest.raises(UserError, match="--ngf 16: the run was started with 4"):
        main(["--run", str(tiny_run), "--resume", "--ngf", "16"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--domain-a", "x"], "--domain-b is missing"),
        (["--domain-a", "/nowhere", "--domain-b", "/nowhere"], "--domain-a"),
        (["--crop-size", "300", "--load-size", "286"], "--crop-size 300"),
        (["--crop-size", "130"], "multiple of 4"),
        (["--resume"], "--run"),
        (["--val-a", "x"], "--domain-a"),
    ],
)
def test_wrong_usage(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        main(arguments)


def test_option_ranges_exit_with_2(capsys):
    with pytest.raises(SystemExit) as error:
        parse(CycleGANOptions, ["--decay-fraction", "1.5"], "x", "x")
    assert error.value.code == 2
    assert "--decay-fraction must be from 0 to 1, not 1.5" in capsys.readouterr().err


def test_user_error_is_one_line_and_exit_2(tmp_path):
    command = [
        sys.executable,
        "-m",
        "training.cyclegan",
        "--domain-a",
        "/nowhere",
        "--domain-b",
        "/nowhere",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith(
        "error: --domain-a"
    )
    assert "Traceback" not in done.stderr


def test_dry_run_tells_layers_parameters_and_macs(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--dry-run", "--generator", "resnet9", "--crop-size", "256", *folders]
    main(words)
    assert "11,378,179 parameters" in capsys.readouterr().out
    main([*words, "--discriminator", "patch"])
    shown = capsys.readouterr().out
    assert "11,378,179 parameters" in shown and "2,764,737 parameters" in shown
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"
