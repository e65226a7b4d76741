"""training.sweep: two values and two seeds of tiny trainings, killed halfway and continued; choice,
tables and figure.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY

from tf_i2i.command_line import parse_known
from tf_i2i.errors import UserError
from training.options.sweep_options import SweepOptions
from training.sweeps.sweep_job import LOG, STATE
from training.sweeps.sweep_plan import Plan, make_plan, split_command
from training.sweeps.sweep_results import Choice, Results, choose, gather

pytestmark = pytest.mark.timeout(1500)
RUNS = [f"lambda-cycle-{value}-seed-{seed}" for seed in (1, 2) for value in (5, 10)]


def start(arguments: list[str], log: Path) -> subprocess.Popen:
    """What it says goes to a file: nobody reads a pipe meanwhile, and a full one would stop it."""
    with log.open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "training.sweep", *arguments],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(process: subprocess.Popen, reached, log: Path) -> None:
    while not reached():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def finished(picture_folders, tmp_path_factory) -> tuple[Path, str]:
    """A sweep that was killed in its second training and stopped in its third; and the last
    command's words.
    """
    root = tmp_path_factory.mktemp("sweeps") / "cycle"
    a, b = picture_folders
    own = f"cyclegan --lambda-cycle 5 10 --seeds 1 2 --run {root} --choose photo_ssim"
    steps = f"--steps 4 --checkpoint-every 2 --student none --domain-a {a} --domain-b {b}"
    trained = [*TINY, *steps.split(), "--split", "6/4/4"]
    arguments = [*own.split(), "--", *trained, "--", "--features", "offline"]
    log = root.with_name("said.txt")
    process = start(arguments, log)
    wait_until(process, lambda: (root / RUNS[1] / "checkpoints" / "ckpt-2.json").exists(), log)
    process.kill()
    process.wait()
    process = start(arguments, log)
    # While it starts, which costs least.
    wait_until(process, lambda: (root / RUNS[2] / LOG).exists(), log)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130, log.read_text()
    assert "the same command resumes it" in log.read_text()
    process = start(arguments, log)
    assert process.wait() == 0, log.read_text()
    return root, log.read_text()


def commands(folder: Path) -> list[str]:
    return [line for line in (folder / LOG).read_text().splitlines() if line.startswith("$ ")]


def test_nothing_is_done_twice(finished):
    root, _ = finished
    for name in RUNS:
        steps = [
            json.loads(line)["step"]
            for line in (root / name / "metrics.jsonl").read_text().splitlines()
        ]
        assert steps[-1] == 4 and len(set(steps)) == len(steps)
    assert len([line for line in commands(root / RUNS[0]) if "training.cyclegan" in line]) == 1
    killed = [line for line in commands(root / RUNS[1]) if "training.cyclegan" in line]
    assert len(killed) == 2 and killed[1].endswith("--resume"), "it goes on from its checkpoint"
    for name in RUNS:
        assert len([line for line in commands(root / name) if "--split val" in line]) == 1


def test_the_same_command_again_only_reads(finished):
    root, said = finished
    before = {path: path.stat().st_mtime_ns for path in root.glob("*/*") if path.name != ".lock"}
    plan = json.loads((root / "sweep-plan.json").read_text())
    again = subprocess.run(
        [
            sys.executable,
            "-m",
            "training.sweep",
            "cyclegan",
            "--lambda-cycle",
            "5",
            "10",
            "--run",
            str(root),
            "--choose",
            "photo_ssim",
            "--",
            *plan["common"],
            "--",
            *plan["evaluate"],
        ],
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.stdout in said


def test_tables_and_choice(finished):
    root, said = finished
    found = json.loads((root / "sweep.json").read_text())
    assert [run["folder"] for run in found["runs"]] == RUNS
    scores = {}
    for run in found["runs"]:
        evaluation = json.loads((root / run["folder"] / "evaluation.json").read_text())["teacher"]
        assert (
            run["scores"]["validation"]["ab"]["photo_ssim"]
            == evaluation["validation"]["ab"]["photo_ssim"]
        )
        assert evaluation["validation"]["ba"]["cycle_l1"] >= 0
        scores.setdefault(run["value"], []).append(evaluation["validation"]["ab"]["photo_ssim"])
        # Test pictures are looked at for the chosen value alone.
        assert ("test" in evaluation) == (run["value"] == found["chosen"])
    assert found["chosen"] == max(scores, key=lambda value: np.mean(scores[value]))
    (row,) = [
        row
        for row in found["summary"]
        if (row["split"], row["direction"], row["score"], row["value"])
        == ("validation", "ab", "photo_ssim", "5")
    ]
    assert row["mean"] == pytest.approx(np.mean(scores["5"]), abs=1e-5)
    assert row["deviation"] == pytest.approx(np.std(scores["5"], ddof=1), abs=1e-5)
    assert "validation data, A to B" in said and "test data, B to A" in said
    with open(root / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [
        float(r["number"])
        for r in rows
        if (r["lambda-cycle"], r["split"], r["direction"], r["score"])
        == ("10", "validation", "ab", "photo_ssim")
    ]
    assert numbers == scores["10"]
    assert (root / "sweep.txt").read_text().strip() in said


def test_all_runs_share_one_split(finished):
    root, _ = finished
    assert len({(root / name / "split.json").read_bytes() for name in RUNS}) == 1


def test_another_sweep_is_kept_out(finished, picture_folders):
    root, _ = finished
    found = json.loads((root / "sweep-plan.json").read_text())
    from training.sweep import main

    with pytest.raises(UserError, match="the option differed"):
        main(["cyclegan", "--ngf", "4", "8", "--run", str(root), "--", *found["common"][:4]])
    with pytest.raises(UserError, match="the trainings' options differed"):
        main(
            [
                "cyclegan",
                "--lambda-cycle",
                "5",
                "10",
                "--run",
                str(root),
                "--",
                *found["common"],
                "--no-flip",
            ]
        )


def results(scores: dict[str, list[dict]], choice: Choice) -> Results:
    plan = Plan("cyclegan", "--lambda-face", tuple(scores), (1, 2), (), (), True)
    found = {
        (value, seed): {"validation": {"ab": one}}
        for value, both in scores.items()
        for seed, one in enumerate(both, 1)
    }
    return Results(plan, choice, found)


def test_choice_is_the_best_mean_within_the_guard():
    scores = {
        "0": [{"kid": 0.10, "outline_f1": 0.70}, {"kid": 0.12, "outline_f1": 0.70}],
        "5": [{"kid": 0.08, "outline_f1": 0.66}, {"kid": 0.10, "outline_f1": 0.64}],
        "10": [{"kid": 0.01, "outline_f1": 0.30}, {"kid": 0.02, "outline_f1": 0.30}],
        "20": [{"kid": 0.00, "outline_f1": 0.70}],
    }
    assert choose(results(scores, Choice.parse("kid", ())))[0] == "10", "20 lacks a seed"
    value, why = choose(results(scores, Choice.parse("kid", ("outline_f1", "0.9"))))
    assert value == "5" and "outline F1 at least 0.630" in why
    assert choose(results(scores, Choice.parse("outline_f1", ())))[0] == "0"
    assert choose(results(scores, Choice.parse("ba:kid", ())))[0] is None


def test_a_panel_for_every_score():
    scores = {
        "0": [{"kid": 0.1, "photo_ssim": 0.5}, {"kid": 0.12, "photo_ssim": 0.52}],
        "1": [{"kid": 0.2}, {}],
    }
    found = results(scores, Choice.parse("kid", ()))
    found.scores["0", 1]["test"] = {"ab": {"kid": 0.3}}
    kept, kid = dataclasses.replace(found, chosen="0").panels()
    assert (kid["title"], kid["note"]) == ("KID, A to B", "less is better")
    assert kid["numbers"] == {"0": [0.1, 0.12], "1": [0.2]} and kid["chosen"] == ("0", 0.3)
    assert (kept["note"], kept["chosen"]) == ("more keeps more", None)
    assert kept["numbers"]["1"] == []


def test_command_lines(tmp_path):
    line = "cyclegan --lambda-face 0 -1 --seeds 3 4 -- --steps 5 -- --features offline"
    own, *others = split_command(line.split())
    assert others == [["--steps", "5"], ["--features", "offline"]]
    options, swept = parse_known(SweepOptions, own, "training.sweep", "")
    assert options.seeds == (3, 4) and swept == ["cyclegan", "--lambda-face", "0", "-1"]
    plan = make_plan(
        ["cyclegan", "--learning-rate", "1e-4", "2e-4"], (1,), ["--split", "80%/10%/10%"], []
    )
    assert [run.folder for run in plan.runs()] == [
        "learning-rate-1e-4-seed-1",
        "learning-rate-2e-4-seed-1",
    ]
    file = tmp_path / "options.yaml"
    file.write_text("ngf: 8\nsplit: 80%/10%/10%\n")
    plan = make_plan(
        ["cyclegan", "--ngf", "4", "6"], (1,), ["--options", str(file), "--no-flip"], []
    )
    assert plan.has_test, "a file's options count, and yield to the sweep's"
    assert not make_plan(["pix2pix", "--norm", "batch", "instance"], (1,), [], []).has_test


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lambda-face", "0", "1"], "name cyclegan or onesided or pix2pix first"),
        (["cyclegan"], "takes one option"),
        (["cyclegan", "--ngf", "1", "2", "--ndf", "1", "2"], "these are 2: --ngf --ndf"),
        (["cyclegan", "--ngv", "1", "2"], "training.cyclegan has no such option"),
        (["cyclegan", "--ngf", "1"], "name two values"),
        (["cyclegan", "--ngf", "1", "1"], "each once"),
        (["cyclegan", "--flip", "1", "2"], "can't be swept"),
        (["cyclegan", "--seed", "1", "2"], "seeds are named by --seeds"),
        (["cyclegan", "--ngf", "1", "2", "--", "--seed", "3"], "it is set by --seeds"),
        (["cyclegan", "--ngf", "1", "2", "--", "--ngf", "3"], "it is set by --ngf before"),
        (["cyclegan", "--ngf", "1", "2", "--", "--split", "5"], "write TRAIN/VAL/TEST"),
        (
            ["cyclegan", "--ngf", "1", "2", "--", "--", "--split", "test"],
            "a sweep scores its own runs",
        ),
        (["cyclegan", "--ngf", "1", "2", "--choose", "beauty"], "--choose beauty: no such score"),
        (
            ["cyclegan", "--ngf", "1", "2", "--guard", "kid"],
            "--guard kid: write a score and a share",
        ),
    ],
)
def test_wrong_use_is_told_before_anything_runs(arguments, message, tmp_path, monkeypatch):
    from training.sweep import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        main(arguments)
    assert "\n" not in str(error.value) and not os.listdir(tmp_path)


def test_a_value_that_the_trainer_refuses(tmp_path, monkeypatch, capsys):
    from training.sweep import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        main(["cyclegan", "--gan-loss", "lsgan", "wgan"])
    assert error.value.code == 2 and "wgan" in capsys.readouterr().err and not os.listdir(tmp_path)


def test_unusable_data_stops_the_sweep_at_once(tmp_path):
    from training.sweep import main

    with pytest.raises(
        UserError, match=r"the sweep is stopped.*--domain-a .*no such folder"
    ) as error:
        main(
            [
                "cyclegan",
                "--ngf",
                "4",
                "8",
                "--run",
                str(tmp_path / "s"),
                "--",
                *TINY[:6],
                "--discriminator",
                "patch",
                "--domain-a",
                "/none",
                "--domain-b",
                "/none",
            ]
        )
    assert "\n" not in str(error.value)
    assert (
        not (tmp_path / "s/ngf-8-seed-1").exists()
        and not (tmp_path / "s/ngf-4-seed-1" / STATE).exists()
    )


def test_a_run_without_results_is_left_out(tmp_path):
    plan = Plan("cyclegan", "--ngf", ("4", "8"), (1,), (), (), False)
    (tmp_path / "ngf-4-seed-1").mkdir()
    (tmp_path / "ngf-4-seed-1/evaluation.json").write_text(
        '{"teacher": {"validation": {"ab": {"kid": 0.5, "images": 3}}}}'
    )
    found = gather(tmp_path, plan, Choice.parse("kid", ()))
    assert found.chosen == "4" and list(found.scores) == [("4", 1)]
    assert "no test data" in found.text()
