"""Every option has an effect or is refused: what is tried is read out of the commands' parsers, not
listed here. A new option is tried as soon as it is there.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import itertools
import os
import re
import shutil
from typing import get_type_hints

import numpy as np
import pytest
import tensorflow as tf
from conftest import draw_pictures
from test_help import COMMANDS

from tf_i2i.command_line import flag_of, given_options, parse, parse_known, without_effect
from tf_i2i.errors import UserError
from tf_i2i.models.moving_average import MovingAverage
from training.options.collect_options import SOURCES
from training.options.trainer_options import TRAINER_OPTIONS
from training.runs.run_folder import RunFolder
from training.sweeps.sweep_plan import make_plan
from training.trainers.cyclegan_trainer import CycleGANTrainer
from training.trainers.devices import make_strategy
from training.trainers.onesided_trainer import OneSidedTrainer
from training.trainers.pix2pix_trainer import Pix2PixTrainer


def options_class(command: str) -> type:
    module = importlib.import_module(command)
    (found,) = (
        value
        for name, value in vars(module).items()
        if name.endswith("Options") and dataclasses.is_dataclass(value)
    )
    return found


def kind_of(of: type, field: dataclasses.Field) -> type:
    hint = get_type_hints(of)[field.name]
    kinds = [a for a in getattr(hint, "__args__", ()) if a not in (type(None), Ellipsis)]
    return kinds[0] if kinds else hint


def others(of: type, field: dataclasses.Field, than=None) -> list[list[str]]:
    """Words that set an option to other values than its default, or than `than`."""
    flag, meta, kind = flag_of(field.name), field.metadata, kind_of(of, field)
    default = field.default if than is None else than
    if kind is bool:
        switches = {True: [flag], False: [f"--no-{flag[2:]}"]}
        return [words for value, words in switches.items() if value != default]
    if meta["choices"]:
        return [[flag, str(value)] for value in meta["choices"] if value != default]
    if kind is str:
        return [[flag, "/nowhere"]]
    low, high = meta["minimum"] or 0, meta["maximum"]
    start = (default or None) if isinstance(default, int | float) else None
    value = max(low, start / 2 if start else 2 * low or 1)
    value = min(value, high) if high is not None else value
    if value == default:
        value = high if high is not None else value + 1
    value = round(value) if kind is int else value
    # Two values of a range, such as black and white.
    is_range = field.name.endswith("range")
    if default is None and not is_range:  # the trainer's own may be one of the two
        return [[flag, str(value)], [flag, str(low)]]
    return [[flag, str(value - 1), str(value)] if is_range else [flag, str(value)]]


def against(of: type, need: str) -> list[str] | None:
    """Words with which a condition is not met; None where the class can't but meet it."""
    fields = {field.name: field for field in dataclasses.fields(of)}
    words: dict[str, list[str]] = {}
    for condition in need.split("|"):
        name, operator, wanted = re.fullmatch(r"(\w+)(!?=|)(.*)", condition).groups()
        if name not in fields:
            return None
        field = fields[name]
        if field.metadata["positional"]:
            met = {c.partition("=")[2] for c in need.split("|")}
            words[name] = [next(s for s in SOURCES if (s in met) == (operator == "!="))]
        elif operator == "!=":
            words[name] = [flag_of(name), wanted]
        elif operator and str(field.default) == wanted:
            words[name] = others(of, field)[0]
        else:
            words.setdefault(name, [])
    return [*itertools.chain(*words.values())]


POSITIONAL = {"training.curate": ["x"], "export.stylize": ["m.tflite", "x.jpg"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_without_effect_it_is_refused(command):
    of, tried = options_class(command), 0
    for field in dataclasses.fields(of):
        cases = [against(of, need) for need in field.metadata["needs"]]
        if field.metadata["unless"]:
            fields = {other.name: other for other in dataclasses.fields(of)}
            more = [others(of, fields[name])[0] for name in field.metadata["unless"]]
            cases.append([*itertools.chain(*more)])
        for words in cases:
            if words is None:
                continue
            words = [*others(of, field)[0], *words, *POSITIONAL.get(command, [])]
            if command == "training.collect" and not set(SOURCES) & set(words):
                words.append("files")
            with pytest.raises(UserError, match=r"^--\S+ has no effect (with|beside)"):
                parse(of, words, command, "")
            options, _ = parse_known(of, words, command, "")
            assert field.name in without_effect(options, given_options(of, words))
            tried += 1
    assert tried or not any(
        f.metadata["needs"] or f.metadata["unless"] for f in dataclasses.fields(of)
    )


def test_a_sweep_leaves_out_what_has_no_effect_at_a_value():
    common = ["--face-model", "f.keras", "--face-jitter", "0.2", "--no-flip"]
    plan = make_plan(["cyclegan", "--lambda-face", "0", "5"], (1,), common, [])
    assert plan.words("0") == ["--face-model", "f.keras", "--no-flip", "--lambda-face=0"]
    assert plan.words("5") == [*common, "--lambda-face=5"]
    with pytest.raises(UserError, match=r"--face-jitter has no effect at any value of --ngf"):
        make_plan(["cyclegan", "--ngf", "2", "4"], (1,), common, [])


# What one step does not show, and the tests that see it.
# Thousands of operations, one by one, for each option: minutes. Without it pictures alone are compared.
FULL = os.environ.get("TF_I2I_EFFECTS") == "full"
SEEN_ELSEWHERE = {
    "options": "test_option_file",
    "resume": "test_training_run",
    "minutes": "test_training_run, test_onesided_run",
    "start_from": "test_start_from",
    "dry_run": "test_training_run, test_pix2pix_run",
    "on_nan": "test_faults",
    "student": "test_training_run, test_styled_student",
    "student_steps": "test_training_run",
    "student_direction": "test_styled_student",
    "run": "test_training_run",
    "lambda_face_tone": "test_onesided, whose pictures have faces",
}
SIZES = "--load-size 96 --crop-size 64 --batch-size 2 --precision float32 --steps 4"
GAN = f"{SIZES} --ngf 2 --ndf 2 --generator shallow"
BASES = {
    "patch": (CycleGANTrainer, "cyclegan", f"{GAN} --discriminator patch"),
    "projected": (CycleGANTrainer, "cyclegan", GAN),
    "onesided": (OneSidedTrainer, "onesided", SIZES),
    "unet": (Pix2PixTrainer, "pix2pix", f"{SIZES} --ngf 2 --ndf 2 --discriminator-layers 1"),
    "resnet": (Pix2PixTrainer, "pix2pix", f"{SIZES} --ngf 2 --ndf 2 --generator resnet6"),
}
# Beside what they are tried with, and other values than `another` finds.
GUIDED = "--lambda-face 1 --face-model {face} --lambda-segmentation 1 --segmentation-model {map}"
VALUES = {
    "load_size": ["--load-size", "112"],
    "crop_size": ["--crop-size", "96"],
    "split": ["--split", "60%/40%/0%"],
    "val_a": ["--val-a", "{other}"],
    "val_b": ["--val-b", "{other}"],
    "segmentation_range": ["--segmentation-range", "0", "255"],
}
BESIDE = {
    "split_by": "--split 60%/40%/0%",
    "split_seed": "--split 60%/40%/0%",
    "direction": "--pairs {a}",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, str]:
    """Pictures in folders of three, and two networks."""
    root = tmp_path_factory.mktemp("effects")
    found = {}
    for seed, name in enumerate(("a", "b", "other")):
        folder = draw_pictures(root / name, 15, seed, size=(96, 80))
        for number, file in enumerate(sorted(folder.iterdir())):
            (folder / f"of {number // 3}").mkdir(exist_ok=True)
            shutil.move(file, folder / f"of {number // 3}")
        found[name] = str(folder)
    keras = tf.keras
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 5, strides=2)(inputs))
    keras.Model(inputs, x).save(root / "face.keras")
    inputs = keras.Input((None, None, 3))
    maps = keras.layers.Conv2D(3, 3, padding="same", activation="softmax")(inputs)
    keras.Model(inputs, maps).save(root / "map.keras")
    return found | {"face": str(root / "face.keras"), "map": str(root / "map.keras")}


def digest(*values) -> str:
    found = hashlib.sha256()
    for value in values:
        found.update(value if isinstance(value, bytes) else repr(value).encode())
    return found.hexdigest()


def outcomes(trainer_class: type, of: type, words: list[str], folder):
    """What a training comes to, in stages, each a digest or an error: pictures and batches; the
    model; its first steps. The options themselves are in none of them.
    """
    try:
        options = parse(of, words, "x", "")
        trainer = trainer_class(options, given_options(of, words))
        trainer.prepare()
        trainer.strategy, trainer.run = make_strategy(), RunFolder(folder)
        trainer.load_data()
        trainer.set_length(trainer.options.steps)
        batches = trainer.batches(0, tf.distribute.InputContext()).take(3)
        drawn = [part.numpy().tobytes() for batch in batches for part in batch]
        pace = trainer.sample_every, trainer.keep, trainer.options.checkpoint_every
        facts = trainer.data.facts()
        yield digest(facts["fingerprint"], facts["paired_validation"], pace, options.steps, *drawn)
        trainer.build_model()
        rates = [float(trainer.schedule(step)) for step in range(4)]
        yield digest(rates, *map(content, trainer.model.variables))
        batch = next(iter(trainer.batches(0, tf.distribute.InputContext())))
        for step in (1, 2):
            losses = trainer.step_function(step)(batch)
            state = [*trainer.model.variables, *averages(trainer.model)]
            yield digest(*map(float, losses.values()), *map(content, state))
    except UserError as error:
        yield f"refused: {error}"


def averages(model) -> list[tf.Variable]:
    found = [part for part in vars(model).values() if isinstance(part, MovingAverage)]
    return [variable for part in found for variable in part.averages]


def content(variable) -> bytes:
    return np.asarray(tf.cast(variable, tf.float32)).tobytes()


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("base", BASES)
def test_it_has_an_effect(base, places, tmp_path, eager):
    """Trainings that differ in one option alone differ, or the option is refused.

    TF_I2I_EFFECTS=full in the environment: also those that only the model and its steps show.
    """
    trainer_class, model, words = BASES[base]
    of, folders = TRAINER_OPTIONS[model], itertools.count()
    sources = "--input {a} --target {b}" if of.paired else "--domain-a {a} --domain-b {b}"

    @functools.cache
    def stages(words: tuple[str, ...]) -> tuple[list, object]:
        return [], outcomes(trainer_class, of, list(words), tmp_path / str(next(folders)))

    def stage(words: list[str], number: int) -> str | None:
        done, left = stages(tuple(words))
        while len(done) <= number:
            try:
                done.append(next(left))
            except StopIteration:
                return None
        return done[number]

    idle = []
    for field in dataclasses.fields(of):
        if field.name in SEEN_ELSEWHERE or tried_already(base, of, field):
            continue
        if not FULL and field.metadata["group"] != "data":
            continue
        beside = BESIDE.get(field.name, "")
        if field.metadata["group"].startswith("guidance"):
            beside = GUIDED if trainer_class is CycleGANTrainer else f"{GUIDED} --face-crop fixed"
        pictures = "" if "--pairs" in beside else sources
        common = [w.format(**places) for w in f"{words} {pictures} {beside}".split()]
        now = getattr(parse(of, common, "x", ""), field.name)
        values = others(of, field, None if now == field.default else now)
        values = [VALUES[field.name]] if field.name in VALUES else values
        values = [[*common, *(word.format(**places) for word in value)] for value in values]
        # Stage by stage, as most differ in the first, which takes no training.
        tries = itertools.product(range(4 if FULL else 1), values)
        if all(stage(value, number) == stage(common, number) for number, value in tries):
            idle.append(field.name)
    assert not idle, f"{', '.join(map(flag_of, idle))}: no effect, and not refused"


def tried_already(base: str, of: type, field: dataclasses.Field) -> bool:
    """Whether an earlier base has the very same option, of what all trainers do alike."""
    alike = ("data", "run", "optimisation", "guidance by pretrained networks")
    earlier = list(BASES)[: list(BASES).index(base)]
    before = [TRAINER_OPTIONS[BASES[name][1]] for name in earlier]
    same = any(field is other for c in before for other in dataclasses.fields(c))
    return same and field.metadata["group"] in alike
