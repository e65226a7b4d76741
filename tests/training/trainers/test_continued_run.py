"""A run that goes on after its end, one that starts from another's weights, one read at a checkpoint."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY
from training_processes import checkpoint_sum, untimed_lines

from tf_i2i.errors import UserError
from tf_i2i.models.model_builder import build_model
from training.cyclegan import main
from training.options.trainer_options import OneSidedOptions
from training.runs.finished_run import FinishedRun
from training.trainers.onesided_trainer import OneSidedTrainer
from training.trainers.schedules import LinearDecay

RATE = 2e-4


@pytest.fixture(scope="module")
def folders(picture_folders) -> list[str]:
    return ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_run) -> Path:
    """8 steps, as of a run without a student; checkpoints of steps 4 and 8. Read only."""
    run = tmp_path_factory.mktemp("runs") / "it's 8"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("student"))
    config = config_of(run)
    config["options"]["student"] = "none"
    (run / "config.json").write_text(json.dumps(config))
    return run


@pytest.fixture(scope="module")
def appended(tmp_path_factory, finished) -> Path:
    """The same with 4 more, by a decay of their own; checkpoints of steps 8, 10 and 12. Read only."""
    run = shutil.copytree(finished, tmp_path_factory.mktemp("runs") / "12")
    more = ["--steps", "12", "--extend", "append", "--checkpoint-every", "2", "--keep", "3"]
    assert main(["--run", str(run), "--resume", *more]) is None
    return run


def config_of(run: Path) -> dict:
    return json.loads((run / "config.json").read_text())


def dry(run: Path, capsys, *words: str) -> dict[str, str]:
    """The options that --dry-run prints."""
    assert main(["--run", str(run), "--dry-run", *words]) is None
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split(maxsplit=1) for line in lines[: lines.index("")])


def test_decays():
    """The reference's, and two of it one after the other."""
    once, twice = LinearDecay(1.0, 8, 0.5), LinearDecay(1.0, 12, 0.5, restarts=(4,))
    assert [float(once(step)) for step in (0, 4, 6, 8)] == [1, 1, 0.5, 0]
    rates = [float(twice(step)) for step in (0, 2, 3, 4, 8, 10, 12)]
    assert rates == [1, 1, 0.5, 1, 1, 0.5, 0]


def test_frozen_statistics_of_each_part():
    """Batch normalisation is frozen at the end of each part that the learning rate decays in."""
    trainer = OneSidedTrainer(OneSidedOptions(steps=15))
    trainer._lengths = [{"steps": 5, "extend": "append"}]
    frozen = [step for step in range(1, 16) if trainer.bn_is_frozen(step)]
    assert frozen == [5, 14, 15]


def test_nothing_left_to_do(finished, capsys):
    """The command that trains on can be pasted, whatever the run is called."""
    before = untimed_lines(finished / "metrics.jsonl")
    assert main(["--run", str(finished), "--resume"]) is None
    line = next(line for line in capsys.readouterr().err.splitlines() if "finished" in line)
    said, _, shown = line.partition("; to train on: python -m training.cyclegan ")
    assert said == "CycleGAN: finished at step 8 of 8"
    assert shlex.split(shown) == ["--run", str(finished), "--resume", "--steps", "16"]
    assert untimed_lines(finished / "metrics.jsonl") == before


def test_what_follows_the_length(finished, capsys):
    """Epochs count: 12 pictures, a step each; the half-life is that of a run of so many steps."""
    shown = dry(finished, capsys, "--resume", "--epochs", "4")
    assert (shown["steps"], shown["epochs"]) == ("48", "4")
    assert float(shown["ema_half_life"]) == pytest.approx(0.3 * 48)
    shown = dry(finished, capsys, "--resume", "--steps", "40", "--extend", "append")
    assert float(shown["ema_half_life"]) == pytest.approx(0.3 * 32)
    shown = dry(finished, capsys, "--resume", "--steps", "40", "--ema-half-life", "2.4")
    assert float(shown["ema_half_life"]) == 2.4
    assert config_of(finished)["options"]["steps"] == 8


def test_an_appended_decay_resumes_to_the_same_bits(appended, tmp_path, capsys):
    lines = untimed_lines(appended / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 4, 8, 10, 12]
    rates = [line["learning_rate"] for line in lines]
    assert rates == pytest.approx([RATE, RATE, RATE / 4, RATE, RATE / 2])
    config = config_of(appended)
    assert config["lengths"] == [{"steps": 8, "ema_half_life": 2.4, "extend": "append"}]
    assert config["options"]["ema_half_life"] == pytest.approx(0.3 * 4)
    run = shutil.copytree(appended, tmp_path / "run", ignore=shutil.ignore_patterns("ckpt-12*"))
    assert main(["--run", str(run), "--resume"]) is None
    assert "resuming at step 10 of 12" in capsys.readouterr().err
    assert untimed_lines(run / "metrics.jsonl") == lines
    assert checkpoint_sum(run / "checkpoints") == checkpoint_sum(appended / "checkpoints")


def test_stretched(finished, tmp_path, capsys):
    run = shutil.copytree(finished, tmp_path / "run")
    assert main(["--run", str(run), "--resume", "--steps", "10"]) is None
    said = capsys.readouterr().err
    how = "10 steps in place of 8; learning rate as in a run of 10 steps"
    assert f"{how}: 5e-05 at step 8, 8e-05 at step 9" in said
    assert "half-life of the averaged weights: 3 steps in place of 2.4" in said
    last = untimed_lines(run / "metrics.jsonl")[-1]
    assert (last["step"], last["learning_rate"]) == (10, pytest.approx(RATE / 5))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "8", "--epochs", "1"], "--steps and --epochs: each says how long"),
        (["--extend", "append"], "--extend is about --resume with other --steps"),
        (["--resume", "--extend", "append"], "--extend is about --resume with other --steps"),
        (["--resume", "--steps", "3"], "--steps 3: CycleGAN is at step 8 already"),
        (["--resume", "--steps", "3", "--extend", "append"], "begins anew after step 8"),
        (["--resume", "--steps", "9", "--ema-half-life", "5"], "--ema-half-life 5.0: the run was"),
        (
            ["--resume", "--steps", "9", "--decay-fraction", "1"],
            "--decay-fraction 1.0: the run was",
        ),
    ],
)
def test_lengths_that_are_refused(finished, words, message):
    before = config_of(finished)
    with pytest.raises(UserError, match=message):
        main(["--run", str(finished), *words])
    assert config_of(finished) == before


def test_start_from(finished, folders, tmp_path, capsys):
    """At a learning rate of 0: its generators as they were, with new discriminators of other layers."""
    run, more = tmp_path / "new", ["--discriminator", "patch", "--discriminator-layers", "2"]
    more += ["--learning-rate", "0"]
    sizes = ["--load-size", "40", "--crop-size", "32", "--precision", "float32"]
    words = [*sizes, *folders, *more, "--steps", "1", "--student", "none", "--run", str(run)]
    with pytest.raises(UserError, match=r"--ngf 8: --start-from .* has 4; leave it out"):
        main([*words, "--start-from", str(finished), "--ngf", "8"])
    assert main([*words, "--start-from", str(finished)]) is None
    said = capsys.readouterr().err
    assert "networks as there: --ndf 4 --ngf 4 --generator shallow" in said
    assert "weights of step 8 for generator_ab, generator_ba; new: discriminator_a" in said
    source = FinishedRun(finished)
    theirs = build_model("cyclegan", vars(source.options))
    source.restore(theirs, ("generator_ab",))
    # The average of one step is its weights.
    ours = tf.train.load_checkpoint(str(run / "checkpoints"))
    for i, weight in enumerate(theirs.generator_ab.trainable_variables):
        stored = ours.get_tensor(f"model/average_ab/averages/{i}/.ATTRIBUTES/VARIABLE_VALUE")
        np.testing.assert_array_equal(weight, stored, err_msg=weight.name)
    assert config_of(run)["options"]["start_from"] == str(finished)


def test_start_from_what_is_no_such_run(finished, tmp_path):
    from training.onesided import main as onesided

    with pytest.raises(UserError, match=r"--start-from .*: no run there"):
        main(["--start-from", str(tmp_path), "--dry-run"])
    with pytest.raises(
        UserError, match=r"a run of training\.cyclegan; name one of training\.onesided"
    ):
        onesided(["--start-from", str(finished), "--dry-run"])


def test_commands_at_a_checkpoint(appended, tmp_path, capsys):
    """Evaluation, distillation and export read the weights of that step, and say which."""
    from export.tflite import main as export
    from training.distill import main as distill
    from training.evaluate import main as evaluate
    from training.runs.weights import stale_files

    run = shutil.copytree(appended, tmp_path / "run")
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / "ckpt-10"))
    stored = reader.get_tensor("model/average_ab/averages/0/.ATTRIBUTES/VARIABLE_VALUE")
    teacher = FinishedRun(run, "10").network("teacher", "ab")
    np.testing.assert_array_equal(teacher.trainable_variables[0], stored)
    words = ["--run", str(run), "--checkpoint"]
    scores = {}
    for path in (run / "checkpoints").glob("ckpt-*.json"):
        record = json.loads(path.read_text())
        scores[record["step"]] = record["state"]["score"]
    best = max(scores, key=scores.get)
    assert FinishedRun(run, "best").checkpoint.step == best
    assert not distill([*words, "10", "--student-steps", "1", "--label-views", "1"])
    assert json.loads((run / "student/ab/config.json").read_text())["teacher_step"] == 10
    for step, scored in (("10", True), ("12", False)):
        (run / "evaluation.json").unlink(missing_ok=True)
        evaluate([*words, step])
        assert f"checkpoint {step}: step {step}" in capsys.readouterr().out
        evaluation = json.loads((run / "evaluation.json").read_text())
        assert ("student" in evaluation) is scored
        assert evaluation["teacher"]["validation"]["ab"]["checkpoint_step"] == int(step)
    variant = ["--model", "teacher", "--float32", "--size", "32", "--no-gpu-check"]
    assert export([*words, "10", *variant]) == 0
    (entry,) = json.loads((run / "export" / "export.json").read_text())
    assert entry["checkpoint"] == "10" and not stale_files(run, [entry])
    assert stale_files(run, [entry | {"checkpoint": "12"}])
    with pytest.raises(UserError, match=r"--checkpoint 5: .* has those of steps .*8, 10, 12"):
        evaluate([*words, "5"])
    with pytest.raises(UserError, match="--checkpoint last: takes newest, best or a step"):
        export([*words, "last", *variant])


def test_a_dry_run_knows_everything(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = dry(tmp_path / "new", capsys, *TINY, *folders, "--epochs", "4")
    found = {name: shown[name] for name in ("steps", "epochs", "run", "student_steps", "train_a")}
    assert found["steps"] == "48" and found["epochs"] == "4" and found["student_steps"] == "3000"
    assert found["run"] == str(tmp_path / "new")
    assert found["train_a"] == f"12 pictures: {folders[1]}"
    assert float(shown["ema_half_life"]) == pytest.approx(14.4)
    assert shown["precision"].startswith("float32 (")
    assert not {"None", "auto", "()"} & set(shown.values()) - {shown["segmentation_output"]}
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="--domain-a /nowhere: no such folder"):
        main(["--dry-run", *TINY, "--domain-a", "/nowhere", "--domain-b", "/nowhere"])
