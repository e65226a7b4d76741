"""Trains Pix2Pix on pairs of pictures, then distils it into a mobile student."""

from tf_i2i.command_line import given_options, parse, run_command
from training.options.trainer_options import Pix2PixOptions

_EPILOG = """\
Example: python -m training.pix2pix --input drawings/ --target photos/
     or: python -m training.pix2pix --pairs facades/train --direction ba
Then:    python -m export.tflite --int8"""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(Pix2PixOptions, argv, "training.pix2pix", __doc__, _EPILOG)
    from training.trainers.pix2pix_trainer import Pix2PixTrainer

    return Pix2PixTrainer(options, given_options(Pix2PixOptions, argv)).train()


if __name__ == "__main__":
    run_command(main)
