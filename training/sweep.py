"""Trains with several values of one option and several seeds each, and compares the scores.

python -m training.sweep cyclegan --lambda-face 0 1 5 10 -- TRAINER OPTIONS -- EVALUATE OPTIONS
"""

from tf_i2i.command_line import parse_known, run_command
from training.options.sweep_options import SweepOptions

_EPILOG = """\
TRAINER is cyclegan, onesided or pix2pix; --OPTION VALUE... is one of its options that takes a value. Options after the first -- go
to every training, options after the second -- to every training.evaluate. Example:

python -m training.sweep cyclegan --lambda-face 0 1 5 10 --seeds 1 2 --run runs/sweep-face \\
    --choose identity_distance --guard kid 0.8 \\
    -- --domain-a faces/ --domain-b cartoons/ --split 70%/15%/15% --split-by folder \\
    --face-model face-api -- --judge-model facenet.keras

The same command resumes an interrupted sweep; finished runs are not touched. Writes sweep.txt, .csv, .json and .png to
--run, which has a folder for each run. With --split, the chosen value is also scored on the test pictures."""


def main(argv: list[str] | None = None) -> int | None:
    from training.sweeps.sweep_plan import make_plan, split_command

    own, common, evaluate = split_command(argv)
    usage = "training.sweep TRAINER --OPTION VALUE..."
    options, swept = parse_known(SweepOptions, own, usage, __doc__, _EPILOG)
    plan = make_plan(swept, options.seeds, common, evaluate)
    from training.sweeps.sweep_job import sweep

    return sweep(options, plan)


if __name__ == "__main__":
    run_command(main)
