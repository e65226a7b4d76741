"""Two real processes that train as one: the same losses and weights as one process, and no loss
when one dies.
"""

from __future__ import annotations

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
from training_processes import ROOT, finish, newest_checkpoint, start, untimed_lines

from training.system.local_cluster import free_ports

TWO = [*TINY, "--batch-size", "2", "--steps", "12", "--student", "none", "--checkpoint-every", "4"]


@pytest.fixture(scope="module")
def folders(picture_folders) -> list[str]:
    return ["--domain-a", str(picture_folders[0]), "--domain-b", str(picture_folders[1])]


def start_with_copies(folder: Path, arguments: list[str], **environment) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "tests" / "helpers" / "worker_with_copies.py"),
            str(folder),
            *arguments,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def weights(prefix: Path) -> dict[str, np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, folders) -> Path:
    """One process with the whole batch."""
    root = tmp_path_factory.mktemp("alone")
    finish(start_with_copies(root / "copies", [*TWO, *folders, "--run", str(root / "run")]))
    return root


def require_close(root: Path, alone: Path) -> None:
    """Losses and weights of one process, to float tolerance: sums over replicas are taken in
    another order.
    """
    ours, theirs = (untimed_lines(one / "run" / "metrics.jsonl") for one in (root, alone))
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, rel=2e-3, abs=2e-4)
    mine, other = (weights(one / "run" / "checkpoints" / "ckpt-12") for one in (root, alone))
    assert mine.keys() == other.keys() and len(mine) > 100
    generator = [name for name in mine if "average_ab/averages" in name]
    assert generator
    for name in generator:
        # Adam moves each weight by up to its rate a step, whatever the gradient's size: 12 steps of
        # 2e-4.
        np.testing.assert_allclose(mine[name], other[name], atol=1.5e-3, err_msg=name)


@pytest.mark.timeout(600)
def test_two_workers_are_one(tmp_path, folders, alone):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        config = json.dumps(
            {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        )
        arguments = [*TWO, *folders, "--run", str(tmp_path / "run")]
        processes.append(start_with_copies(tmp_path / "copies", arguments, TF_CONFIG=config))
    for process in processes:
        finish(process)
    require_close(tmp_path, alone)
    first, second = (weights(tmp_path / "copies" / f"worker{index}") for index in range(2))
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.timeout(900)
def test_a_lost_worker_comes_back(tmp_path, folders, alone):
    """SIGKILL to one of two; the launcher starts both again, and they end where one process does."""
    run = tmp_path / "run"
    launcher = start(
        ["--workers", "2", "training.cyclegan", *TWO, *folders, "--run", str(run)],
        "training.launch",
    )
    deadline = time.monotonic() + 300
    while newest_checkpoint(run / "checkpoints") < 4:
        assert launcher.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(second_worker(launcher.pid), signal.SIGKILL)
    said = finish(launcher)
    assert "a worker was lost" in said and "resuming at step" in said
    require_close(tmp_path, alone)


def second_worker(launcher: int) -> int:
    """Process number of the child whose TF_CONFIG says index 1."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            environment = (folder / "environ").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        config = next((line[10:] for line in environment if line.startswith("TF_CONFIG=")), "")
        if int(status[1]) == launcher and config and json.loads(config)["task"]["index"] == 1:
            return int(folder.name)
    raise AssertionError("no second worker")
