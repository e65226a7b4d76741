"""A run on disk: its networks and pictures, for distillation, evaluation and export."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import keras
import tensorflow as tf

from tf_i2i.command_line import command, expanded
from tf_i2i.console import say
from tf_i2i.errors import UserError, one_line
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.model_builder import build_model, translator_names
from tf_i2i.models.precision import set_precision
from tf_i2i.pretrained.feature_space import load_feature_space
from training.options.trainer_options import TRAINER_OPTIONS, TeacherOptions, TrainerOptions
from training.runs.checkpoints import Saved, chosen, newest_step, readable
from training.runs.kept_pictures import FILE as PICTURES
from training.runs.kept_pictures import read_kept
from training.runs.run_data import RunData, load_data
from training.runs.run_folder import newest_run, read_config
from training.runs.run_split import PicturesChanged, read_split
from training.runs.saved_state import checkpoint, load_weights
from training.runs.weights import weights_sha256


class FinishedRun:
    """A run that has a config.json, which is read once; by default the newest with a checkpoint.

    which: the checkpoint that its networks are read from: newest, best or a step.
    Raises UserError when there is no run, or its config.json can't be read.
    """

    def __init__(self, root: str | os.PathLike | None = None, which: str = "newest"):
        self.root, self._which = Path(root) if root else newest_run(), which
        self.config = read_config(self.root)
        self.model: str = self.config.get("model", "cyclegan")
        self._data: RunData | None = None

    @cached_property
    def options(self) -> TrainerOptions:
        """The trainer's options as recorded. Those that this version does not know are dropped, and
        those that the run's version did not know have their defaults. UserError: unknown trainer.
        """
        if self.model not in TRAINER_OPTIONS:
            raise UserError(f"--run {self.root}: made by {self.model}, a trainer that is not here")
        options_class = TRAINER_OPTIONS[self.model]
        recorded = self.config.get("options", {})
        known = {field.name for field in dataclasses.fields(options_class)}
        unknown = sorted(recorded.keys() - known)
        if unknown:
            say(f"{self.root}: ignoring options of another version: {', '.join(unknown)}")
        return options_class(**{name: expanded(recorded[name]) for name in recorded.keys() & known})

    @property
    def paired(self) -> bool:
        """Whether it was trained on pairs."""
        return self.options.paired

    @property
    def has_teacher(self) -> bool:
        """Whether students are distilled from it; else the phone network itself was trained."""
        return isinstance(self.options, TeacherOptions)

    @property
    def features(self) -> str | None:
        """The pretrained network in whose features it was trained, as --features; None without."""
        judged = getattr(self.options, "discriminator", "projected") == "projected"
        return getattr(self.options, "features", None) if judged else None

    @property
    def fixed_size(self) -> int | None:
        """The only side of pictures that the teacher is reliable at; None where any will do.

        A U-Net's innermost convolutions see padding around their few pixels: at other sizes than
        that of training they meet pictures where they never saw any.
        """
        options = self.config.get("options", {})
        return options["crop_size"] if str(options.get("generator")).startswith("unet") else None

    @property
    def working_size_px(self) -> int:
        """Long side at which a photo, and so its strokes, looks as in training: pixels.

        Strokes have a width in pixels, so their share of a picture, which is what people see
        on a screen, depends on the picture's size alone. In training both domains' pictures have a
        shorter side of --load-size; crops (--crop-size) are cut from that without scaling, and
        --zoom only shows some of them smaller. So at this size strokes have the share of the photo
        that they have of the style's own pictures. The long side of a photo is 4/3 of the shorter.
        """
        return round(self.options.load_size * 4 / 3)

    def paints(self, direction: str) -> bool:
        """Whether results show brushstrokes: photos become paintings with unpaired training, as a
        rule, where B is the style.
        """
        return direction == "ab" and self.model != "pix2pix"

    def data(self, log: Callable[[str], None] = lambda message: None) -> RunData:
        """The run's pictures, as config.json says; read once. Raises UserError where they can't be
        read, or those of its split changed.
        """
        if self._data is None:
            stored_split = read_split(self.root) if self.options.split else None
            held_out = self.config.get("data", {}).get("held_out")
            self._data = load_data(self.options, log, stored_split, held_out)
        return self._data

    @cached_property
    def some_data(self) -> RunData:
        """The run's pictures; where these are not here, as on another machine, some that its folder
        keeps, which is said. Raises UserError where it has none either, or they were changed.
        """
        try:
            return self.data()
        except PicturesChanged:
            raise
        except UserError as error:
            kept = read_kept(self.root / PICTURES, self.config)
            where = f"--run {one_line(self.root)}: its pictures are not here ({error})"
            if kept is None:
                fix = "restore them, or name others: export.tflite --pictures, training.evaluate --domain-a"
                raise UserError(f"{where}; {fix}") from error
        counts = f"{len(kept.train_a)} for training and {len(kept.val_a)} for validation"
        say(f"warning: {where}; those in {PICTURES} are used: {counts}")
        return kept

    def network(self, model: str, direction: str) -> keras.Model:
        """A float32 inference network: float RGB in [-1, 1] [N, H, W, 3] to the same.

        model: "teacher" (averaged weights) or "student" (batch normalisation folded). Raises
        UserError when the run has no such network yet.
        """
        set_precision("float32")
        return self.teacher(direction) if model == "teacher" else self.student(direction)

    def teacher(self, direction: str) -> keras.Model:
        """The teacher's generator with averaged weights, under the present precision policy."""
        if not self.has_teacher:
            why = f"training.{self.model} trains the phone network itself, without a teacher"
            raise UserError(f"--run {self.root}: {why}; use --model student")
        if self.paired and direction != "ab":
            where = f"{self.root} was trained on pairs, from input to target alone"
            raise UserError(f"--direction {direction}: {where}; use --direction ab")
        model = build_model(self.model, {**vars(self.options), "pool_size": 0})
        names = translator_names(self.model, direction)
        self.restore(model, names)
        generator, average = (getattr(model, name) for name in names)
        average.copy_to(generator)
        return generator

    def student(self, direction: str) -> MobileGenerator:
        """The phone network, folded."""
        if self.reads_checkpoint("student") and direction == "ab":
            return self._trained_student()
        weights = self._student_weights(direction)
        self._require_its_teacher(weights.parent)
        try:
            student = MobileGenerator(**read_config(weights.parent)["network"])
            student(tf.zeros([1, 32, 32, 3]))
            load_weights(student, weights)
        except (OSError, ValueError, TypeError, KeyError) as error:
            # TypeError: a design of another version
            make = self._how_to_make_student(direction)
            raise UserError(f"{weights}: can't be read; {make}") from error
        return student.folded()

    def _student_weights(self, direction: str) -> Path:
        weights = self.root / "student" / direction / "student.weights.h5"
        if not weights.exists():
            make = self._how_to_make_student(direction)
            raise UserError(f"--run {self.root}: no student for {direction} yet; {make}")
        return weights

    def _how_to_make_student(self, direction: str) -> str:
        if self.has_teacher:
            distil = command("training.distill", run=self.root, direction=direction)
            return f"distil one: {distil}"
        if direction != "ab":
            return "it was trained for ab alone; use --direction ab"
        return f"continue: {self._resume}"

    @property
    def _resume(self) -> str:
        return command(f"training.{self.model}", run=self.root, resume=True)

    def how_to_train_longer(self, direction: str) -> str:
        """The command that gives the network for phones twice the steps."""
        if not self.has_teacher:
            steps = 2 * self.options.steps
            return command(f"training.{self.model}", run=self.root, resume=True, steps=steps)
        try:
            steps = 2 * read_config(self.root / "student" / direction)["options"]["steps"]
        except UserError:
            steps = None
        return command("training.distill", run=self.root, direction=direction, student_steps=steps)

    def reads_checkpoint(self, model: str) -> bool:
        """Whether `network` reads the weights from a checkpoint, not from student.weights.h5."""
        return model == "teacher" or (self._which != "newest" and not self.has_teacher)

    def origin(self, model: str, direction: str) -> dict:
        """The sha256 of the file that `network` reads the weights from, as `weights_sha256`, and
        which checkpoint it is of. Raises UserError when there is none.
        """
        if not self.reads_checkpoint(model):
            self._student_weights(direction)
            return {"weights_sha256": weights_sha256(self.root, model, direction)}
        self.checkpoint  # noqa: B018 - or an error
        named = {} if self._which == "newest" else {"checkpoint": self._which}
        return {"weights_sha256": weights_sha256(self.root, model, direction, self._which), **named}

    def _trained_student(self) -> MobileGenerator:
        """The averaged network of a run without a teacher, from the checkpoint that was named."""
        features = load_feature_space(self.features)
        model = build_model(self.model, vars(self.options), features)
        self.restore(model, ("student", "average"))
        model.average.copy_to(model.student)
        return model.student.folded()

    def _require_its_teacher(self, student: Path) -> None:
        """UserError: the student learned from another checkpoint than the one that was named."""
        if self._which == "newest":
            return
        step = read_config(student).get("teacher_step") or newest_step(self.root / "checkpoints")
        if step != self.checkpoint.step:
            direction = student.name
            distil = command(
                "training.distill", run=self.root, direction=direction, checkpoint=self._which
            )
            raise UserError(
                f"--checkpoint {one_line(self._which)}: the student of {direction} learned from the "
                f"teacher of step {step}, this is step {self.checkpoint.step}; distil it: {distil}"
            )

    def discriminator(self) -> keras.Model:
        """That of a run on pairs, as last trained: float [N, H, W, 6], input and output, to scores
        [N, h, w, 1]. Raises UserError without checkpoint or pairs.
        """
        if not self.paired:
            reason = "its discriminators judge pictures, not pairs; use a run of training.pix2pix"
            raise UserError(f"--run {self.root}: {reason}")
        set_precision("float32")
        model = build_model(self.model, vars(self.options))
        self.restore(model, ("discriminator",))
        return model.discriminator

    @cached_property
    def checkpoint(self) -> Saved:
        """The one that was named. Raises UserError when there is none."""
        saved = chosen(self.root / "checkpoints", self._which)
        if saved is None:
            raise UserError(f"--run {self.root}: no checkpoint yet; train on: {self._resume}")
        return saved

    def restore(self, model: keras.Model, names: Sequence[str]) -> None:
        """Reads those parts of a model, and nothing else, from the checkpoint."""
        saved = self.checkpoint
        parts = {name: getattr(model, name) for name in names}
        try:
            read = checkpoint(model=parts).read(readable(saved.prefix)).expect_partial()
            read.assert_existing_objects_matched()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = f"checkpoint {saved.prefix} does not fit config.json"
            raise UserError(f"--run {self.root}: {reason}") from error
