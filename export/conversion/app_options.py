"""Options of export.android and export.web that choose the files."""

from export.conversion.variants import VARIANTS
from tf_i2i.command_line import option_group

models_option = option_group("models")


def variant_option():
    meaning = "of each run; default: int8 if exported, else the best"
    return models_option((), meaning, choices=tuple(VARIANTS), unless=("model",))


def model_option():
    meaning = "instead of runs: files that export.tflite wrote, called by their names"
    return models_option((), meaning, metavar="FILE.tflite")
