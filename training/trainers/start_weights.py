"""--start-from: a new run whose networks begin with the weights of another one."""

import dataclasses

import keras

from tf_i2i.command_line import as_flags, flag_of, unlike_defaults
from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.models.model_builder import build_model
from tf_i2i.pretrained.feature_space import load_feature_space
from training.options.trainer_options import TrainerOptions
from training.runs.finished_run import FinishedRun

_GENERATORS = ("student", "generator", "generator_ab", "generator_ba")
_DISCRIMINATORS = ("discriminator", "discriminator_a", "discriminator_b")
# Options that discriminators alone depend on: with others than there, they start anew.
_OF_DISCRIMINATORS = {"discriminator", "features", "ndf", "discriminator_layers"}


def with_networks_of(options: TrainerOptions, given: frozenset[str]) -> TrainerOptions:
    """The options with the networks of the run to start from, where none are given.

    Raises UserError: no run of this trainer there, or a generator that is not the same.
    """
    run = _source(options)
    fields = dataclasses.fields(options)
    names = [field.name for field in fields if field.metadata["group"] == "networks"]
    theirs = {name: getattr(run.options, name) for name in names}
    for name in given & (theirs.keys() - _OF_DISCRIMINATORS):
        if getattr(options, name) != theirs[name]:
            flag, has = f"{flag_of(name)} {getattr(options, name)}", f"has {theirs[name]}"
            raise UserError(f"{flag}: --start-from {one_line(run.root)} {has}; leave it out")
    taken = {name: value for name, value in theirs.items() if name not in given}
    flags = as_flags(unlike_defaults(taken, type(options)))
    if flags:
        say(f"--start-from {one_line(run.root)}: networks as there: {' '.join(flags)}")
    return dataclasses.replace(options, **taken)


def carry_over(options: TrainerOptions, model: keras.Model) -> None:
    """Gives the networks of `model` the weights of the run to start from, and says of which."""
    run = _source(options)
    features = load_feature_space(run.features) if run.features else None
    other = build_model(run.model, {**vars(run.options), "pool_size": 0}, features)
    same = all(
        getattr(options, name, None) == getattr(run.options, name, None)
        for name in _OF_DISCRIMINATORS
    )
    names = [name for name in _GENERATORS + _DISCRIMINATORS if hasattr(model, name)]
    carried = [name for name in names if same or name in _GENERATORS]
    run.restore(other, carried)
    for name in carried:
        getattr(model, name).set_weights(getattr(other, name).get_weights())
    others = [name for name in names if name not in carried]
    say(
        f"--start-from {one_line(run.root)}: weights of step {run.checkpoint.step} for "
        f"{', '.join(carried)}; new: {', '.join([*others, 'optimizers', 'averages', 'steps'])}"
    )


def _source(options: TrainerOptions) -> FinishedRun:
    try:
        run = FinishedRun(options.start_from)
        run.checkpoint  # noqa: B018 - that there is one
    except UserError as error:
        raise UserError(str(error).replace("--run", "--start-from", 1)) from error
    if run.model != options.model:
        made = f"a run of training.{run.model}; name one of training.{options.model}"
        raise UserError(f"--start-from {one_line(run.root)}: {made}")
    return run
