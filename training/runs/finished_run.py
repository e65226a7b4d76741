"""A finished run's networks and pictures, for distillation, evaluation and export."""

from __future__ import annotations

import types
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.model_builder import build_model, translator_names
from tf_i2i.models.precision import set_precision
from training.runs.checkpoints import Saved, newest
from training.runs.run_data import RunData, load_paired, load_unpaired
from training.runs.run_folder import read_config
from training.runs.run_split import read_split


def load_generator(run: Path, model: str, direction: str) -> keras.Model:
    """The float32 inference network of a run: float RGB in [-1, 1] [N, H, W, 3] to the same.

    model: "teacher" (averaged weights) or "student" (batch normalisation folded); direction: "ab"
        or "ba".

    Raises:
        UserError: the run has no such network yet.
    """
    set_precision("float32")
    return load_teacher(run, direction) if model == "teacher" else load_student(run, direction)


def load_teacher(run: Path, direction: str) -> keras.Model:
    """The teacher's generator with its moving-average weights, under the present precision policy."""
    config, saved = _saved(run)
    if config["model"] == "pix2pix" and direction != "ab":
        raise UserError(
            f"--direction {direction}: {run} was trained on pairs, from input to target alone; take ab"
        )
    model = build_model(config["model"], {**config["options"], "pool_size": 0}, ema_half_life=1.0)
    names = translator_names(config["model"], direction)
    _restore(run, saved.prefix, model, names)
    generator, average = (getattr(model, name) for name in names)
    average.copy_to(generator)
    return generator


def load_discriminator(run: Path) -> keras.Model:
    """The discriminator of a Pix2Pix run as last trained: float [N, H, W, 6], input and output, to
    scores [N, h, w, 1].

    Raises:
        UserError: the run has no checkpoint yet, or is not one of pairs.
    """
    set_precision("float32")
    config, saved = _saved(run)
    if config["model"] != "pix2pix":
        raise UserError(
            f"--run {run}: its discriminators judge pictures, not pairs; take a run of training.pix2pix"
        )
    model = build_model("pix2pix", config["options"], ema_half_life=1.0)
    _restore(run, saved.prefix, model, ("discriminator",))
    return model.discriminator


def _saved(run: Path) -> tuple[dict, Saved]:
    """config.json and the newest whole checkpoint."""
    config = read_config(run)
    saved = newest(Path(run) / "checkpoints", say)
    if saved is None:
        raise UserError(
            f"--run {run}: no checkpoint yet; continue its training: python -m training.{config['model']} --run {run} --resume"
        )
    return config, saved


def _restore(run: Path, prefix: str, model, names: Sequence[str]) -> None:
    """Reads those parts of a model, and nothing else, from a checkpoint."""
    wanted = tf.train.Checkpoint(**{name: getattr(model, name) for name in names})
    try:
        tf.train.Checkpoint(model=wanted).read(
            prefix
        ).expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise UserError(f"--run {run}: checkpoint {prefix} does not fit config.json") from error


def load_student(run: Path, direction: str) -> MobileGenerator:
    """The distilled student, folded."""
    weights = Path(run) / "student" / direction / "student.weights.h5"
    if not weights.exists():
        raise UserError(
            f"--run {run}: no student for {direction} yet; distil one: python -m training.distill --run {run} --direction {direction}"
        )
    try:
        student = MobileGenerator(**read_config(weights.parent)["network"])
        student(tf.zeros([1, 32, 32, 3]))
        student.load_weights(weights)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:  # TypeError: a design of another version
        raise UserError(
            f"{weights}: can't be read; distil again: python -m training.distill --run {run}"
        ) from error
    return student.folded()


def run_data(run: Path, log=lambda message: None) -> RunData:
    """The run's training and validation pictures, read again as its config.json says."""
    config = read_config(run)
    load = load_paired if config["model"] == "pix2pix" else load_unpaired
    return load(types.SimpleNamespace(**config["options"]), log, read_split(run))


def only_size(run: Path) -> int | None:
    """The side of the pictures that the teacher can be relied on for; None where any will do.

    A U-Net's innermost convolutions see padding around their few pixels: at other sizes than that
    of training they meet pictures where they never saw any.
    """
    config = read_config(run)
    options = config.get("options", {})
    return options["crop_size"] if str(options.get("generator")).startswith("unet") else None
