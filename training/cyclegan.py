"""Trains CycleGAN on two folders of pictures, then distils it into a mobile student."""

from tf_i2i.command_line import given_options, parse, run_command
from training.options.trainer_options import CycleGANOptions

_EPILOG = """\
Example: python -m training.cyclegan --domain-a photos/ --domain-b paintings/ --crop-size 256
Faces:   python -m training.cyclegan --options recipes/faces.yaml --domain-a portraits/ --domain-b cartoons/
Then:    python -m export.tflite --int8"""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(CycleGANOptions, argv, "training.cyclegan", __doc__, _EPILOG)
    from training.trainers.cyclegan_trainer import CycleGANTrainer

    return CycleGANTrainer(options, given_options(CycleGANOptions, argv)).train()


if __name__ == "__main__":
    run_command(main)
