"""A run of a large generator, from data to students."""

from tf_i2i.command_line import command
from tf_i2i.console import say
from tf_i2i.errors import UserError
from tf_i2i.models.patch_discriminator import least_side
from training.options.trainer_options import DistillOptions, TeacherOptions
from training.trainers.run_trainer import RunTrainer
from training.trainers.student_trainer import StudentTrainer


def require_patches(crop_size: int, layers: int) -> None:
    """Raises UserError where a patch discriminator has no patch in a crop."""
    if crop_size < (least := least_side(layers)):
        raise UserError(
            f"--discriminator-layers {layers} judges patches of crops from {least} pixels, and "
            f"--crop-size is {crop_size}; name fewer layers or larger crops"
        )


class TeacherTrainer(RunTrainer):
    """Trains a model, then distils its students."""

    options: TeacherOptions

    @property
    def directions(self) -> tuple[str, ...]:
        """Directions that get a student."""
        return ("ab",)

    def finish(self) -> int | None:
        """Distils the students, one direction after the other."""
        options, root = self.options, self.run.root
        if options.student == "none":
            say(f"no student was requested; to make one: {command('training.distill', run=root)}")
            return None
        shared = ("student", "seed", "precision", "resume", "checkpoint_every", "on_nan")
        how = {name: getattr(options, name) for name in shared} | {"steps": options.student_steps}
        for direction in self.directions:
            student_options = DistillOptions(run=str(root), direction=direction, **how)
            status = StudentTrainer(student_options, self.data, trainer=self).train()
            if status:
                return status
        say(f"done; next: {command('export.tflite', run=root, int8=True)}")
        return None
