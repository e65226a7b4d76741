"""Collects pictures into a folder for training, with a record of where each one comes from.

python -m training.collect SOURCE --query ... --out DIR
"""

from tf_i2i.command_line import parse, run_command
from training.options.collect_options import CollectOptions

_EPILOG = """\
  python -m training.collect wikiart --query gustav klimt --out paintings/
  python -m training.collect met --query vincent van gogh --licence cc0 --out paintings/
  python -m training.collect wikimedia --query Category:Portrait paintings by Gustav Klimt --contact you@example.org --out paintings/
  python -m training.collect urls --query list.txt --out paintings/
  python -m training.collect instagram --query instagram-export.zip --out photos/
  python -m training.collect files --query camera.zip more/ --rights own --out photos/
DIR/sources.csv lists the pictures, DIR/rejected.csv those left out and why. After an interruption, the same command
resumes, and fetches nothing twice. See docs/collect.md."""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(CollectOptions, argv, "training.collect", __doc__, _EPILOG)
    options.check()
    from training.collection.collect_job import collect

    return collect(options)


if __name__ == "__main__":
    run_command(main)
