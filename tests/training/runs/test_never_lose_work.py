"""Real processes, killed in the middle: what is left continues to the same weights and the same
lines.
"""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
from conftest import PAIRED_TINY, TINY
from training_processes import finish, newest_checkpoint, start, untimed_lines, weights_sum

SHORT = [
    *TINY,
    "--checkpoint-every",
    "5",
    "--sample-every",
    "20",
    "--steps",
    "60",
    "--student-steps",
    "40",
]
SHORT_PAIRED = [
    *PAIRED_TINY,
    "--checkpoint-every",
    "5",
    "--sample-every",
    "20",
    "--steps",
    "40",
    "--student-steps",
    "20",
]
KILLS = 6
PARTS = ("", "student/ab")


def board_steps(folder: Path) -> list[tuple[int, str]]:
    """(step, tag) of every scalar and picture in TensorBoard's files."""
    import tensorflow as tf

    found = []
    for path in folder.glob("events*"):
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(data)
            found += [(event.step, value.tag) for value in event.summary.value]
    return sorted(found)


@pytest.fixture(scope="module")
def folders(picture_folders) -> list[str]:
    return ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, folders) -> Path:
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    finish(start([*SHORT, *folders, "--run", str(run)]))
    return run


def require_equal(run: Path, undisturbed: Path) -> None:
    for part in PARTS:
        assert untimed_lines(run / part / "metrics.jsonl") == untimed_lines(
            undisturbed / part / "metrics.jsonl"
        )
        times = [
            json.loads(line)["time_s"]
            for line in (run / part / "metrics.jsonl").read_text().splitlines()
        ]
        assert times == sorted(times)
        events = f"tensorboard/{part or 'train'}"
        assert board_steps(run / events) == board_steps(undisturbed / events)
    samples = {path.name: path.read_bytes() for path in (undisturbed / "samples").iterdir()}
    assert {path.name: path.read_bytes() for path in (run / "samples").iterdir()} == samples
    assert weights_sum(run) == weights_sum(undisturbed)


@pytest.mark.timeout(1200)
def test_killed_at_random_moments(tmp_path, folders, undisturbed):
    """SIGKILL six times, two of them inside the writing of a checkpoint; then on to the end."""
    run = tmp_path / "killed"
    (run / "samples").mkdir(parents=True)
    (
        run / "samples" / ".0123456789ab.partial"
    ).touch()  # as a kill inside the write of a sheet leaves it
    kill_and_continue(run, [*SHORT, *folders], "training.cyclegan", KILLS, inside_a_save=(1, 4))
    require_equal(run, undisturbed)


@pytest.mark.timeout(1200)
def test_killed_pix2pix(tmp_path, pair_folders):
    """The same of a paired run, whose dropout and moving statistics must come back too: three
    times.
    """
    arguments = [
        *SHORT_PAIRED,
        "--input",
        str(pair_folders / "input"),
        "--target",
        str(pair_folders / "target"),
    ]
    whole, run = tmp_path / "whole", tmp_path / "killed"
    finish(start([*arguments, "--run", str(whole)], "training.pix2pix"))
    kill_and_continue(run, arguments, "training.pix2pix", 3, inside_a_save=(1,))
    require_equal(run, whole)


def kill_and_continue(
    run: Path, arguments: list[str], module: str, kills: int, inside_a_save: tuple[int, ...]
) -> None:
    chance = random.Random(5)
    process = start([*arguments, "--run", str(run)], module)
    for number in range(kills):
        wait_for_progress(process, run, checkpoint=number % 2 == 0)
        if number in inside_a_save:
            wait_for_half_a_checkpoint(process, run)
        else:
            time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.communicate()
        process = start(["--run", str(run), "--resume"], module)
    said = finish(process)
    assert "resuming at step" in said or "finished at step" in said


def wait_for_progress(process, run: Path, checkpoint: bool) -> None:
    """Until the process has saved, or at least taken, a step after those of the newest checkpoints,
    or has ended.
    """

    def reached(saved: bool) -> int:
        return sum(
            newest_checkpoint(run / p / "checkpoints")
            if saved
            else last_line(run / p / "metrics.jsonl")
            for p in PARTS
        )

    before, deadline = reached(saved=True), time.monotonic() + 120
    while reached(saved=checkpoint) <= before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_line(path: Path) -> int:
    lines = path.read_text().splitlines() if path.exists() else []
    return next((json.loads(line)["step"] for line in reversed(lines) if line.endswith("}")), 0)


def wait_for_half_a_checkpoint(process, run: Path) -> None:
    """Until data of a checkpoint are there, but not the record that makes it count."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        for folder in (run / "checkpoints", run / "student" / "ab" / "checkpoints"):
            names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            if any(
                name.startswith("ckpt-") and f"{name.split('.')[0].split('_')[0]}.json" not in names
                for name in names
            ):
                return


@pytest.mark.timeout(600)
def test_terminated_and_continued(tmp_path, folders, undisturbed):
    """SIGTERM: a checkpoint at once, exit status 143; twice, in the teacher and in the student."""
    run = tmp_path / "terminated"
    process = start([*SHORT, *folders, "--run", str(run)])
    for part in PARTS:
        while (
            not (run / part / "metrics.jsonl").exists()
            or not (run / part / "metrics.jsonl").read_text()
        ):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 143, said[-2000:]
        assert "--resume" in said and "Traceback" not in said
        process = start(["--run", str(run), "--resume"])
    finish(process)
    require_equal(run, undisturbed)
