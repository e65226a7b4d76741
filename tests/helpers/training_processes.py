"""Trainers as processes, and what is compared of the runs that they leave."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def start(
    arguments: list[str], module: str = "training.cyclegan", **environment
) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def finish(process: subprocess.Popen) -> str:
    """What it said; it must have ended well."""
    said = process.communicate(timeout=1200)[1]
    assert process.returncode == 0, said[-2000:]
    return said


def newest_checkpoint(folder: Path) -> int:
    return max((int(path.stem[5:]) for path in folder.glob("ckpt-*.json")), default=0)


def untimed_lines(path: Path) -> list[dict]:
    """Lines of metrics.jsonl without what a clock measured."""
    timed = (
        "time_s",
        "step_s",
        "images_per_s",
        "data_wait_share",
        "face_share",
        "segmentation_share",
    )
    return [
        {k: v for k, v in json.loads(line).items() if k not in timed}
        for line in path.read_text().splitlines()
    ]


def checkpoint_sum(folder: Path) -> str:
    """sha256 over every value of the newest checkpoint in a folder."""
    import tensorflow as tf

    digest, reader = hashlib.sha256(), tf.train.load_checkpoint(str(folder))
    for name in sorted(reader.get_variable_to_shape_map()):
        if name.endswith("VARIABLE_VALUE"):
            digest.update(name.encode() + np.asarray(reader.get_tensor(name)).tobytes())
    return digest.hexdigest()


def weights_sum(run: Path) -> str:
    """sha256 over every value of the newest teacher checkpoint and of the student's weights."""
    import h5py

    digest = hashlib.sha256(checkpoint_sum(run / "checkpoints").encode())
    with h5py.File(run / "student" / "ab" / "student.weights.h5") as file:
        arrays = []
        file.visititems(
            lambda name, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    for array in arrays:
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()
