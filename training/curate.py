"""Cleans training data: finds near-duplicates, small, grey and framed pictures, pages of text, and
pictures of what only one domain has.

python -m training.curate DIR [DIR]
"""

from tf_i2i.command_line import parse, run_command
from tf_i2i.errors import UserError
from training.options.curate_options import CurateOptions

_EPILOG = """\
  python -m training.curate photos/ paintings/                      changes nothing, writes curate.html beside the first folder
  python -m training.curate photos/ paintings/ --match portraits    keeps faces of sizes that occur in both domains
  python -m training.curate photos/ paintings/ --match portraits --apply
  python -m training.curate photos/ paintings/ --undo
Without --apply nothing is changed. With it, rejected pictures of DIR go to DIR.rejected beside it, with the originals of
trimmed ones; --undo restores everything, byte for byte."""


def main(argv: list[str] | None = None) -> int | None:
    options = parse(CurateOptions, argv, "training.curate", __doc__, _EPILOG)
    if options.apply and options.undo:
        raise UserError("--apply and --undo: give one of them")
    if len(options.dirs) > 2:
        raise UserError(f"DIR: {len(options.dirs)} folders were given; give one, or two domains")
    if options.match != "none" and len(options.dirs) != 2 and not options.undo:
        raise UserError(f"--match {options.match}: give two folders, one per domain")
    from training.curation.curate_job import curate, undo

    return undo(options) if options.undo else curate(options)


if __name__ == "__main__":
    run_command(main)
