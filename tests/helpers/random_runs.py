"""Run folders of random weights, for tests of what reads a finished run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.model_builder import build_model
from training.options.trainer_options import CycleGANOptions, DistillOptions
from training.runs.checkpoints import Checkpoints
from training.runs.run_data import load_data
from training.runs.run_folder import RunFolder
from training.runs.saved_state import checkpoint, save_weights


def make_run(root: Path, student: bool = True, **changes) -> Path:
    """A run folder with tiny networks of random weights, as a trainer leaves it.

    Args:
        changes: options other than the tiny ones.
    """
    keras.utils.set_random_seed(3)
    sizes = {"load_size": 64, "crop_size": 64, "generator": "shallow", "ngf": 4, "ndf": 4}
    sizes |= {"discriminator": "patch"}
    options = CycleGANOptions(**{"run": str(root), "steps": 400, **sizes, **changes}).resolved()
    run = RunFolder(root)
    data = load_data(options, lambda message: None)
    if data.split:
        run.write_json("split.json", data.split)
    gan = build_model("cyclegan", dataclasses.asdict(options))
    Checkpoints(root / "checkpoints", checkpoint(model=gan)).save(400, {})
    run.write_config(
        "cyclegan",
        options,
        precision={"chosen": "float32", "reason": "a test"},
        data=data.facts(),
        parameters={"generator_ab": gan.generator_ab.count_params()},
    )
    rng = np.random.default_rng(1)
    domains = [f"{loss}_{side}" for loss in ("G", "cycle", "idt", "colour", "D") for side in "AB"]
    names = [*domains, "G"]
    lines = []
    for step in range(20, 401, 20):
        losses = {
            name: (1 + k / 4) * (0.3 + np.exp(-step / 150)) + 0.1 * rng.random()
            for k, name in enumerate(names)
        }
        pace = {"time_s": 0.5 * step, "step_s": 0.5, "data_wait_share": 0.01}
        lines.append(json.dumps({"step": step, **pace, **losses}))
    (root / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    if student:
        network = MobileGenerator(stem=8, width=16, blocks=1, drawing=1, detail=4)
        network(tf.zeros([1, 32, 32, 3]))
        save_weights(network, run.path("student/ab", "student.weights.h5"))
        run.write_json(
            "student/ab/config.json",
            {
                "options": dataclasses.asdict(DistillOptions(steps=50)),
                "network": network.get_config(),
            },
        )
        lines = [
            json.dumps({"step": s, "time_s": s / 10, "distill_l1": 1 / s, "distill": 2 / s})
            for s in range(5, 51, 5)
        ]
        (root / "student" / "ab" / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return root
