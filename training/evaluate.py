"""Scores a run's teacher and student, and an exported file, on held-out pictures.

By pixels: compared with the true translation where it is known (L1, PSNR, SSIM, outline F1, colour
error, grid energy; the untouched picture is the baseline), with the photo, with the teacher, and
after a cycle. By networks: KID and FID to real pictures of the style, face verification, overlap of
segmentation masks. Adds to RUN/evaluation.json, and writes a sheet of the worst cases beside it."""

from tf_i2i.command_line import parse, run_command
from training.options.evaluate_options import EvaluateOptions

_EPILOG = """\
Example: python -m training.evaluate --run runs/mine --split test --direction both --judge-model face-api
docs/evaluate.md explains the scores."""


def main(argv: list[str] | None = None) -> None:
    options = parse(EvaluateOptions, argv, "training.evaluate", __doc__, _EPILOG)
    from training.evaluation.evaluate_job import evaluate

    evaluate(options)


if __name__ == "__main__":
    run_command(main)
