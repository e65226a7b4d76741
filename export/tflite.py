"""Writes a run's network as .tflite files, each compared with its float32 original.

python -m export.tflite --int8
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from export.conversion.variants import RECIPES, Recipe
from tf_i2i.command_line import option, parse, run_command
from tf_i2i.errors import UserError

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
        "run folder; the newest under runs/ with a checkpoint when left out",
        group="what",
        metavar="RUN",
    )
    direction: str = option(
        "ab", "which translation: ab (A to B) or ba", group="what", choices=("ab", "ba")
    )
    model: str = option(
        "student",
        "the distilled student, or the teacher itself",
        group="what",
        choices=("student", "teacher"),
    )
    size: tuple[int, ...] = option(
        (256,),
        "side of the square input, a multiple of the network's stride; several give several files",
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
    all: bool = option(False, "all of them", group="variants")
    min_psnr: float = option(
        30.0,
        "a file further than this from its float32 network on held-out pictures is not kept",
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
        "don't run the files on the GPU accelerator; gpu_resident is null then",
        group="quality",
    )
    seed: int = option(
        0, "of the choice of calibration crops", group="quality", minimum=0, maximum=2**31 - 1
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(
        ExportOptions,
        argv,
        prog="python -m export.tflite",
        description=__doc__.splitlines()[0],
        epilog=_EPILOG,
    )
    return export(options)


def export(options: ExportOptions) -> int:
    """Writes every wanted file. Returns the exit status: 0, or 3 when some could not be written.

    Raises:
        UserError: the run lacks the network or its pictures, or a size does not fit the network.
    """
    from export.conversion.export_job import ExportJob
    from training.runs.finished_run import FinishedRun

    run = FinishedRun(options.run)
    network = run.network(options.model, options.direction)
    for size in options.size:
        if size % network.stride:
            raise UserError(
                f"--size {size}: must be a multiple of {network.stride}, the stride of the {options.model}"
            )
    print(f"{run.root}: exporting the {options.model} {options.direction}")
    data = run.data()
    missed, trained_at = [], run.fixed_size if options.model == "teacher" else None
    for size in dict.fromkeys(options.size):
        if trained_at and size != trained_at:
            print(
                f"warning: this U-Net was trained at {trained_at} px; at {size} px the file does what the network does, "
                f"but the network does worse: --size {trained_at}",
                file=sys.stderr,
            )
        job = ExportJob(run.root, network, data, options, size)
        for recipe in _wanted(options):
            try:
                print(job.write(recipe), flush=True)
            except UserError as error:
                if getattr(error, "exit_status", 2) != 3:
                    raise
                print(f"error: {error}", file=sys.stderr, flush=True)
                missed.append(recipe)
    return 3 if missed else 0


def _wanted(options: ExportOptions) -> list[Recipe]:
    named = [
        recipe for recipe in RECIPES.values() if options.all or getattr(options, recipe.variant)
    ]
    return named or [RECIPES["float16"]]


if __name__ == "__main__":
    run_command(main)
