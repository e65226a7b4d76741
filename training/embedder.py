"""Trains a face network for --face-model on people of your own."""

from tf_i2i.command_line import parse, run_command
from training.options.face_options import EmbedderOptions

_EPILOG = """\
DIR has one folder per person. Some people are held out; how well the network tells them apart is
printed and written, with its threshold and crop, to FILE.json beside the network. Then:
  python -m training.cyclegan --lambda-face 5 --face-model FILE ...
Example: python -m training.embedder --faces people/ --out faces.keras"""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(EmbedderOptions, argv, "training.embedder", __doc__, _EPILOG)
    from training.trainers.face_trainer import train

    return train(options)


if __name__ == "__main__":
    run_command(main)
