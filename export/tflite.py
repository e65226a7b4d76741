"""Writes a run's network as .tflite files, each compared with its float32 original.

python -m export.tflite --int8
"""

from export.conversion.export_options import ExportOptions
from export.conversion.variants import VARIANTS
from tf_i2i.command_line import parse, run_command

_EPILOG = """\
With no variant named, --float16 is written. Files: RUN/export/<direction>-<size>-<variant>.tflite (the teacher's
begin with teacher-) and RUN/export/export.json. Float files take and return float32 RGB in [-1, 1], int8 files uint8
RGB; shapes are [1, size, size, 3].
Each file also runs on LiteRT's GPU accelerator (where there is no GPU: SwiftShader, which Chromium brings).
gpu_resident and gpu_note in export.json say whether all operations run there, which do not and why, and how close its
pictures are to the CPU's. A file that fails there is kept, with a warning.
Exit status: 0 done, 2 wrong usage, 3 a file missed --min-psnr or can't be made (nothing is left under its name)."""


def main(argv: list[str] | None = None) -> int:
    options = parse(ExportOptions, argv, "export.tflite", __doc__, _EPILOG)
    variants = [v for v in VARIANTS.values() if options.all or getattr(options, v.name)]
    from export.conversion.export_job import export_run

    names = ("direction", "checkpoint", "pictures", "min_psnr", "calibration_images", "seed")
    names += ("gpu_check",)
    others = {name: getattr(options, name) for name in names}
    variants = variants or [VARIANTS["float16"]]
    return export_run(options.run, options.size, variants, options.model, **others)


if __name__ == "__main__":
    run_command(main)
