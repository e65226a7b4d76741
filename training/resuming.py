"""What every trainer checks before it starts or continues a run."""

from __future__ import annotations

import tensorflow as tf

from tf_i2i.errors import UserError
from training.checkpoints import any_checkpoint
from training.run_folder import RunFolder, default_run, read_config


def open_run(options, chief: bool, model: str = "cyclegan") -> RunFolder:
    """The run's folder: new, or with --resume one that holds a run.

    Raises:
        UserError: --resume without --run or without a run there, or a new run over an old one.
    """
    if options.resume:
        if not options.run:
            raise UserError("--resume needs --run DIR, the run to continue")
        read_config(options.run)
    run = RunFolder(options.run or default_run(model), chief)
    if not options.resume and any_checkpoint(run.root / "checkpoints"):
        raise UserError(
            f"--run {run.root} holds a run already; continue it with --resume or name another folder"
        )
    return run


def require_same_data(data, run: RunFolder) -> None:
    """Raises UserError when the pictures are not those that the run was started with: batches would
    be others.
    """
    before = run.read_config()["data"]
    now = data.facts()
    for name, fingerprint in now["fingerprint"].items():
        if before["fingerprint"].get(name) != fingerprint:
            raise UserError(
                f"--run {run.root}: the pictures of {name} changed since it was started ({before['counts'].get(name)} then, "
                f"{now['counts'][name]} now); bring them back to continue, or start a new run"
            )


def weights_finite(model) -> bool:
    """Whether every trainable weight is a number."""
    return all(
        bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in model.trainable_variables
    )
