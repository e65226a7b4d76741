"""The distillation of a student: the teacher's outputs, training, the folded network, its scores."""

import dataclasses
from collections.abc import Mapping
from contextlib import nullcontext

import keras
import numpy as np

from tf_i2i.command_line import command, unlike_defaults
from tf_i2i.console import say
from tf_i2i.data.batches import augmented_batches
from tf_i2i.data.image_cache import ImageCache, load_images
from tf_i2i.data.image_files import write_png
from tf_i2i.data.pixels import centre_square, to_float, to_uint8
from tf_i2i.data.sources import open_source
from tf_i2i.errors import UserError
from tf_i2i.files import replacing, sha256_of
from tf_i2i.metrics.image_metrics import psnr, ssim
from tf_i2i.models.distillation_model import Distillation
from tf_i2i.models.mobile_generator import MobileGenerator
from tf_i2i.models.model_builder import ONESIDED_NETWORKS, STUDENTS, build_onesided
from tf_i2i.models.precision import choose_precision, set_precision, with_loss_scale
from tf_i2i.pretrained.feature_space import load_feature_space
from training.options.trainer_options import COLOURS, LOOKS, DistillOptions, OneSidedOptions
from training.reporting.image_grid import labelled_grid
from training.runs.checkpoints import Saved, newest
from training.runs.finished_run import FinishedRun
from training.runs.run_data import RunData
from training.runs.run_folder import RunFolder, newest_run
from training.runs.saved_state import save_weights
from training.runs.weights import stale_exports
from training.trainers.devices import is_chief, require_divisible
from training.trainers.schedules import CosineDecay, LinearDecay
from training.trainers.teacher_outputs import (
    augmented_copies,
    default_copies,
    translate_all,
    translate_windows,
)
from training.trainers.trainer import Trainer, worker_share

# The last steps run on frozen batch statistics, as the device will: the weights settle for what is
# exported.
_FROZEN_BN_SHARE = 0.8
_LAMBDA_TRUTH = 4.0
# Defaults by objective.
_DEFAULTS = {
    "pixels": {"steps": 3000, "batch_size": 8, "learning_rate": 3e-3, "label_views": 8},
    "style": {"steps": 2000, "batch_size": 2, "learning_rate": 1.2e-3, "label_views": 1},
}
# The feature network takes crops whose sides are multiples of it.
_STYLE_SIDES = 32
_SCORED, _SHEET_ROWS, _SHEET_SIDE = 64, 6, 96


@dataclasses.dataclass(frozen=True)
class DistillationData:
    """What a student learns from.

    Attributes:
        inputs, outputs: photos, and the teacher's translations of them, of equal shapes.
        others: in a run on pairs the true translations (the teacher's where none is known); else
            any pictures of the target domain.
        paired: whether `others` belong to the photos one by one.
        crop_size: side of the crops in pixels.
        flip: mirror at random.
    """

    inputs: ImageCache
    outputs: ImageCache
    others: ImageCache
    paired: bool
    crop_size: int
    flip: bool


class StudentTrainer(Trainer):
    """Distils one direction of a run into RUN/student/<direction>.

    Args:
        data: the run's pictures, where they are loaded already; who has them holds the run's lock.
        trainer: whose last part this is; its command resumes this as well.
        design: arguments of MobileGenerator; default that of options.student and .objective.
        part: folder inside of the run; default student/<direction>.
    """

    options: DistillOptions
    log_every, keep, steps_flag = 50, 1, "--student-steps"
    frozen_bn_share = _FROZEN_BN_SHARE

    def __init__(
        self,
        options: DistillOptions,
        data: RunData | None = None,
        design: Mapping | None = None,
        part: str | None = None,
        trainer: Trainer | None = None,
    ):
        super().__init__(options)
        self._given = unlike_defaults(vars(options), DistillOptions)
        self.data, self._trainer, self.keeps_longer = data, trainer, trainer is not None
        self.design = design
        self.part = part or f"student/{options.direction}"
        self.title, self._locked = self.part.replace("/", " "), data is not None

    def open_run(self) -> RunFolder:
        return RunFolder(self.options.run or newest_run(), is_chief())

    def lock(self):
        return nullcontext() if self._locked else super().lock()

    def load_data(self) -> None:
        finished = FinishedRun(self.run.root, self.options.checkpoint)
        if self.data is None:
            self.data = finished.data(say)
        self.options = with_defaults(self.with_length(), finished)
        require_divisible(self.options.batch_size, self.strategy)
        keras.utils.set_random_seed(self.options.seed)
        set_precision(choose_precision(self.options.precision)[0])
        self._teacher_step = finished.checkpoint.step
        self._teacher = finished.teacher(self.options.direction)
        self.features = finished.features or OneSidedOptions().features
        self.distillation_data = prepare_distillation_data(
            self._teacher, self.data, self.options, finished
        )

    def with_length(self) -> DistillOptions:
        """The options; on --resume without --student-steps, with the steps as before."""
        options = self.options
        if options.steps and options.minutes:
            raise UserError("--student-steps and --minutes: each says how long to train; give one")
        if options.steps is None and options.resume:
            saved = newest(self.run.root / self.part / "checkpoints")
            options = dataclasses.replace(options, steps=saved and saved.state.get("steps"))
        return options

    def steps_before(self, saved: Saved) -> int | None:
        return saved.state.get("steps")

    @property
    def origin(self) -> str:
        """Names what is learned, and how: a checkpoint of another teacher or with other options is
        not resumed.
        """
        fixed = {
            field.name: getattr(self.options, field.name)
            for field in dataclasses.fields(self.options)
            if field.name != "run" and not field.metadata["resumable"]
        }
        fixed["lambda_adversarial"] = 0.0  # an option of earlier versions, whose checkpoints resume
        if self.options.objective == "style":  # its network is another than in earlier versions
            fixed |= {"antialias": True, "down": 4}
        outputs = self.distillation_data.outputs.fingerprint
        return sha256_of(f"{outputs} {sorted(fixed.items())}".encode())

    def build(self) -> keras.Model:
        return self._build_styled() if self.options.objective == "style" else self._build()

    def _build(self) -> keras.Model:
        options = self.options
        model = Distillation(
            MobileGenerator(**(self.design or STUDENTS[options.student])),
            lambda_colour=options.lambda_colour,
            lambda_truth=options.lambda_truth,
        )
        self.schedule = self.decay(options.steps)
        model.compile(with_loss_scale(keras.optimizers.Adam(self.schedule), self.precision))
        return model

    def _build_styled(self) -> keras.Model:
        """As training.onesided builds it. The teacher has left the photo already: gentle."""
        options, defaults = self.options, OneSidedOptions()
        settings = {
            **LOOKS["gentle"],
            "lambda_colour": options.lambda_colour,
            "lambda_stability": defaults.lambda_stability,
            "lambda_face_tone": 0.0,
            "crop_size": self.distillation_data.crop_size,
            "ema_half_life": 0.1 * options.steps,
            "seed": options.seed,
            "ndf": defaults.ndf,
            "discriminator_layers": defaults.discriminator_layers,
        }
        features = load_feature_space(self.features)
        design = self.design or ONESIDED_NETWORKS[options.student]
        model = build_onesided(settings, features, taught=True, design=design)
        self.schedule = self.decay(options.steps)
        slower = self.decay(options.steps, rate=options.learning_rate / 3)
        optimizers = (
            keras.optimizers.Adam(rate, defaults.beta1, defaults.beta2)
            for rate in (self.schedule, slower)
        )
        model.compile(*(with_loss_scale(new, self.precision) for new in optimizers))
        return model

    def decay(self, steps, restarts=(), rate: float | None = None):
        rate = self.options.learning_rate if rate is None else rate
        if self.options.objective == "style":
            share = OneSidedOptions().decay_fraction
            return LinearDecay(rate, steps, share, self.rate_scale, restarts)
        return CosineDecay(rate, steps, self.rate_scale)

    def batches(self, first_step, context):
        """(photo, the teacher's output, other), float32 [-1, 1] [N, S, S, 3] each."""
        data, options = self.distillation_data, self.options
        learned, others = (data.inputs, data.outputs), (data.others,)
        return augmented_batches(
            [learned + others] if data.paired else [learned, others],
            data.crop_size,
            options.batch_size,
            flip=data.flip,
            seed=options.seed,
            zoom=OneSidedOptions().zoom if options.objective == "style" else 1.0,
            **worker_share(first_step, context),
        )

    def resume_command(self, **more) -> str:
        if self._trainer:
            return self._trainer.resume_command(**more)
        fixed = {"run": self.run.root, "direction": self.options.direction, "resume": True}
        if more:
            self._given.pop("minutes", None)
        return command("training.distill", **(self._given | fixed | more))

    def finish(self) -> None:
        """Writes the averaged student's weights, its network's description, and its scores."""
        student = self.model.student
        self.model.average.copy_to(student)
        weights = self.run.path(self.part, "student.weights.h5")
        with replacing(weights, suffix=".weights.h5") as partial:
            save_weights(student, partial)
        facts = {"network": student.get_config(), "teacher_step": self._teacher_step}
        self.run.write_config("student", self.options, part=self.part, **facts)
        for line in stale_exports(self.run.root):
            say(f"warning: {line}")
        self._report()

    def _report(self) -> None:
        """distillation.json and a sheet at 2x zoom: how close the folded student comes to its
        teacher on held-out photos.
        """
        set_precision("float32")
        finished, direction = FinishedRun(self.run.root), self.options.direction
        student, size = finished.student(direction), finished.fixed_size
        held_out = self.data.val_a if direction == "ab" else self.data.val_b
        rows, scores = [], []
        for i in range(min(len(held_out), _SCORED)):
            image = held_out.image(i)
            height, width = (side // 4 * 4 for side in image.shape[:2])
            image = centre_square(image, size) if size else image[:height, :width]
            outputs = [
                to_uint8(network(to_float(image[None]), training=False))[0]
                for network in (self._teacher, student)
            ]
            scores.append((psnr(*outputs), ssim(*outputs)))
            rows.append((image, *outputs))
        psnr_db, mean_ssim = map(float, np.mean(scores, axis=0))
        parameters = student.count_params()
        self.run.write_json(
            f"{self.part}/distillation.json",
            {
                "direction": direction,
                "held_out_photos": len(rows),
                "parameters": parameters,
                "student_to_teacher_psnr_db": psnr_db,
                "student_to_teacher_ssim": mean_ssim,
            },
        )
        shown = rows[:_SHEET_ROWS]
        side = min(_SHEET_SIDE, *(min(row[0].shape[:2]) for row in shown))
        zoom = np.ones((2, 2, 1), np.uint8)
        columns = {
            label: np.stack([np.kron(row[place][:side, :side], zoom) for row in shown])
            for place, label in enumerate(("photo (2x)", "teacher", "student"))
        }
        path = self.run.path(self.part, "samples", "student-and-teacher.png")
        write_png(path, labelled_grid(columns))
        say(
            f"student ({parameters:,} parameters) to teacher on {len(rows)} held-out photos: "
            f"{psnr_db:.2f} dB, SSIM {mean_ssim:.3f}"
        )


def with_defaults(options: DistillOptions, run: FinishedRun) -> DistillOptions:
    """The options with the defaults that depend on the kind of run.

    Raises:
        UserError: an objective or a weight that this run has no pictures for.
    """
    objective = options.objective
    if objective == "style" and run.paired:
        raise UserError(
            f"--objective style: --run {run.root} was trained on pairs, where the true translations "
            "say how to paint; use --objective pixels"
        )
    if options.label_views and run.paired and not run.options.flip:
        raise UserError(
            f"--label-views has no effect: --run {run.root} was trained on pairs with --no-flip, and "
            "further views would be mirrored; leave it out"
        )
    if objective is None:
        objective = "style" if not run.paired and run.features else "pixels"
    named = {
        name: value
        for name, value in _DEFAULTS[objective].items()
        if getattr(options, name) is None and not (name == "steps" and options.minutes)
    }
    options = dataclasses.replace(options, objective=objective, **named)
    truth, colour = options.lambda_truth, options.lambda_colour
    if truth and not run.paired:
        raise UserError(
            f"--lambda-truth {truth:g}: --run {run.root} was not trained on pairs, no true "
            "translation is known"
        )
    if truth is None:
        truth = _LAMBDA_TRUTH if run.paired else 0.0
    if colour is None:
        weight = 0.1 * getattr(run.options, "lambda_colour", 0.0)
        colour = COLOURS["photo"] if objective == "style" else weight
    return dataclasses.replace(options, lambda_truth=truth, lambda_colour=colour)


def prepare_distillation_data(
    teacher: keras.Model, data: RunData, options: DistillOptions, run: FinishedRun
) -> DistillationData:
    """Lets the teacher translate the run's photos and the extra ones.

    Raises:
        UserError: the extra photos can't be used, or copies are requested in a run on pairs.
    """
    photos, style = data.train_a, data.train_b
    if options.direction == "ba":
        photos, style = style, photos
    pictures, trained = [photos], run.options
    if options.extra:
        source = open_source(options.extra, "--extra")
        pictures.append(load_images(source, trained.load_size, option="--extra", warn=say))
    if run.paired:
        if options.label_copies:
            raise UserError(
                f"--label-copies {options.label_copies}: not in a run on pairs, where the true "
                "translations are of the photos"
            )
        mirrored = trained.flip and options.label_views > 1
        inputs, outputs = translate_windows(teacher, pictures, trained.crop_size, mirrored)
        if len(outputs) > len(style):  # no true translation of the extra photos is known
            style = ImageCache.from_images(
                (name, (style if i < len(style) else outputs).image(i))
                for i, name in enumerate(outputs.names)
            )
    else:
        count, copies = sum(map(len, pictures)), options.label_copies
        if copies is None:
            copies = default_copies(options.student, count)
        if copies:
            say(
                f"the student also learns from {copies * count:,} augmented copies of {count:,} "
                "photos (--label-copies)"
            )
            pictures += [augmented_copies(cache, copies, options.seed) for cache in pictures]
        inputs, outputs = translate_all(teacher, pictures, options.label_views, options.seed)
    step = _STYLE_SIDES if options.objective == "style" else 4
    side = min(trained.crop_size, int(inputs.shapes.min()))
    crop_size = side // step * step
    if not crop_size:
        raise UserError(
            f"--objective {options.objective} needs crops of {step} pixels, and those of --run "
            f"{run.root} have {side}; use --objective pixels"
        )
    return DistillationData(inputs, outputs, style, run.paired, crop_size, trained.flip)
