"""Trains the phone network itself, from photos and pictures of a style, in minutes."""

from tf_i2i.command_line import given_options, parse, run_command
from training.options.trainer_options import OneSidedOptions

_EPILOG = """\
Example: python -m training.onesided --domain-a photos/ --domain-b paintings/
Bolder:  python -m training.onesided --domain-a photos/ --domain-b paintings/ --look bold --minutes 20
Then:    python -m export.tflite --int8"""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(OneSidedOptions, argv, "training.onesided", __doc__, _EPILOG)
    from training.trainers.onesided_trainer import OneSidedTrainer

    return OneSidedTrainer(options, given_options(OneSidedOptions, argv)).train()


if __name__ == "__main__":
    run_command(main)
