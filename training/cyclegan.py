"""Trains CycleGAN on two folders of pictures, then distils it into a mobile student."""

from __future__ import annotations

from tf_i2i.command_line import given_options, parse, run_command
from training.options.trainer_options import CycleGANOptions


def main(argv: list[str] | None = None) -> int | None:
    options = parse(
        CycleGANOptions,
        argv,
        prog="python -m training.cyclegan",
        description=__doc__,
        epilog="Example: python -m training.cyclegan --domain-a photos/ --domain-b paintings/ --crop-size 256\n"
        "Faces:   python -m training.cyclegan --options recipes/faces.yaml --domain-a portraits/ --domain-b cartoons/\n"
        "Then:    python -m export.tflite --int8",
    )
    from training.trainers.cyclegan_trainer import CycleGANTrainer

    return CycleGANTrainer(options, given_options(CycleGANOptions, argv)).train()


if __name__ == "__main__":
    run_command(main)
