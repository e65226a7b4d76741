"""Distils a run's teacher into a small student for phones.

python -m training.distill --run RUN
"""

from tf_i2i.command_line import parse, run_command
from training.options.trainer_options import DistillOptions


def main(argv: list[str] | None = None) -> int | None:
    options = parse(DistillOptions, argv, "training.distill", __doc__)
    from training.trainers.student_trainer import StudentTrainer

    return StudentTrainer(options).train()


if __name__ == "__main__":
    run_command(main)
