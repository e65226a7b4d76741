"""Writes a run's network as .tflite files, each compared with its float32 original.

python -m export.tflite --int8
"""

from __future__ import annotations

from dataclasses import dataclass

from export.conversion.variants import VARIANTS
from tf_i2i.command_line import option, parse, run_command

_EPILOG = """\
With no variant named, --float16 is written. Files: RUN/export/<direction>-<size>-<variant>.tflite (the teacher's
begin with teacher-) and RUN/export/export.json. Float files take and return float32 RGB in [-1, 1], int8 files uint8
RGB; shapes are [1, size, size, 3].
Each file also runs on LiteRT's GPU accelerator (where there is no GPU: SwiftShader, which Chromium brings).
gpu_resident and gpu_note in export.json say whether all operations run there, which do not and why, and how close its
pictures are to the CPU's. A file that fails there is kept, with a warning.
Exit status: 0 done, 2 wrong usage, 3 a file missed --min-psnr or can't be made (nothing is left under its name)."""


@dataclass(frozen=True)
class ExportOptions:
    run: str | None = option(
        None,
        "run folder; default: the newest under runs/ with a checkpoint",
        group="what",
        metavar="RUN",
    )
    direction: str = option(
        "ab", "which translation: ab (A to B) or ba", group="what", choices=("ab", "ba")
    )
    model: str = option(
        "student",
        "the distilled student or the teacher",
        group="what",
        choices=("student", "teacher"),
    )
    size: tuple[int, ...] = option(
        (256,),
        "sides of the square input, one file each; multiples of the network's stride",
        group="what",
        unit="pixels",
        metavar="SIZE",
        minimum=16,
        maximum=4096,
    )
    float32: bool = option(False, "weights and arithmetic in float32", group="variants")
    float16: bool = option(
        False, "weights in float16; GPUs compute in it, CPUs in float32", group="variants"
    )
    dynamic: bool = option(
        False, "weights in int8, arithmetic in float32 or mixed", group="variants"
    )
    int8: bool = option(
        False, "weights and activations in int8, uint8 pictures in and out", group="variants"
    )
    int16: bool = option(
        False,
        "weights in int8, activations in int16: exact, but slow without special hardware",
        group="variants",
    )
    all: bool = option(False, "all five", group="variants")
    min_psnr: float = option(
        30.0,
        "a file that differs more than this from its float32 network on held-out pictures is not kept",
        group="quality",
        unit="dB",
        minimum=0,
        maximum=200,
    )
    calibration_images: int = option(
        128,
        "training crops that int8 and int16 ranges are measured on",
        group="quality",
        unit="crops",
        minimum=100,
        maximum=10000,
    )
    gpu_check: bool = option(
        True,
        "run the files on the GPU accelerator too; without it gpu_resident is null",
        group="quality",
    )
    seed: int = option(
        0, "for the choice of calibration crops", group="quality", minimum=0, maximum=2**31 - 1
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(
        ExportOptions,
        argv,
        prog="python -m export.tflite",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    variants = [v for v in VARIANTS.values() if options.all or getattr(options, v.name)]
    from export.conversion.export_job import export_run

    return export_run(
        options.run,
        options.size,
        variants or [VARIANTS["float16"]],
        options.model,
        direction=options.direction,
        min_psnr=options.min_psnr,
        calibration_images=options.calibration_images,
        seed=options.seed,
        gpu_check=options.gpu_check,
    )


if __name__ == "__main__":
    run_command(main)
