"""Options of export.tflite."""

import functools
from dataclasses import dataclass

from tf_i2i.command_line import option_group

_what, _variants, _quality = map(option_group, ("what", "variants", "quality"))
_one = functools.partial(_variants, unless=("all",))
_CALIBRATED = "int8|int16|all"


@dataclass(frozen=True)
class ExportOptions:
    run: str | None = _what(
        None, "run folder; default: the newest under runs/ with a checkpoint", metavar="RUN"
    )
    direction: str = _what("ab", "which translation: ab (A to B) or ba", choices=("ab", "ba"))
    model: str = _what(
        "student", "the network for phones, or the large teacher", choices=("student", "teacher")
    )
    checkpoint: str = _what(
        "newest",
        "of the teacher, or of a run that trains the network for phones itself: newest, best by "
        "the validation pictures, or a step",
        metavar="WHICH",
    )
    size: tuple[int, ...] = _what(
        (256,),
        "sides of the square input, one file each; multiples of the network's stride",
        unit="pixels",
        metavar="SIZE",
        minimum=16,
        maximum=4096,
    )
    float32: bool = _one(False, "weights and arithmetic in float32")
    float16: bool = _one(False, "weights in float16; GPUs compute in it, CPUs in float32")
    dynamic: bool = _one(False, "weights in int8, arithmetic in float32 or mixed")
    int8: bool = _one(False, "weights and activations in int8, uint8 pictures in and out")
    int16: bool = _one(
        False, "weights in int8, activations in int16: exact, but slow without special hardware"
    )
    all: bool = _variants(False, "all five")
    pictures: str | None = _quality(
        None,
        "to calibrate and check on, in place of the run's own: a folder, a text file with one path "
        "per line, tfds:NAME:SPLIT",
        metavar="SRC",
    )
    min_psnr: float = _quality(
        30.0,
        "a file that differs more than this from its float32 network on held-out pictures is not kept",
        unit="dB",
        minimum=0,
        maximum=200,
    )
    calibration_images: int = _quality(
        128,
        "training crops that int8 and int16 ranges are measured on",
        unit="crops",
        minimum=100,
        maximum=10000,
        needs=_CALIBRATED,
    )
    gpu_check: bool = _quality(
        True, "run the files on the GPU accelerator too; without it gpu_resident is null"
    )
    seed: int = _quality(
        0,
        "for the choice of calibration crops",
        minimum=0,
        maximum=2**31 - 1,
        needs=_CALIBRATED,
    )
